# SPDX-License-Identifier: MIT
"""`aiida-zif glasses`: every glass with a certificate; the evidence for the melt of one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.audit import check_folder, load_node


@click.command()
@click.option("--model", metavar="PK|UUID", help="Made by this model or force field only.")
@click.option("--molten-ps", type=click.FloatRange(min=0), help="Molten for so long at least.")
@click.option("--whole", is_flag=True, help="With every linker whole only.")
@click.option("--kind", type=click.Choice(["glass", "imported", "damaged", "solid"]), help="Of this kind only.")
@click.option("--evidence", metavar="PK|UUID", help="A melt-quench: draw what its melt was judged by, instead.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Where to (SVG).")
@click.option("--json", "as_json", is_flag=True, help="The certificates in full.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def glasses(
    model: str | None, molten_ps: float | None, whole: bool, kind: str | None, evidence: str | None, figure: Path | None, as_json: bool,
    profile_name: str | None,
) -> None:  # fmt: skip
    """Print the glasses of this profile, made or imported, as their certificates have them: one line each, the newest certificate of each.

    \b
    Examples:
      aiida-zif glasses --model 123 --molten-ps 50 --whole
      aiida-zif glasses --json > glasses.json
      aiida-zif glasses --evidence 456 --figure melt.svg
    """
    our_profile.load(profile_name)
    check_folder(figure, "--figure")
    if (evidence is None) != (figure is None):
        raise click.UsageError("--evidence and --figure belong together: which melt-quench, and where to draw it")
    from aiida.orm import Data, ProcessNode

    from aiida_zif.calculations.functions.certificate import SOLID
    from aiida_zif.report import glass_runs, glass_table

    if evidence is not None and figure is not None:
        try:
            figure.write_bytes(glass_runs.evidence(load_node(evidence, ProcessNode, "--evidence")))
        except ValueError as problem:
            raise click.ClickException(str(problem)) from problem
        click.echo(f"figure: {figure}")
        return
    uuid = None
    if model is not None:
        node = load_node(model, Data, "--model")
        uuid = node.base.attributes.get("parent", None) or str(node.uuid)
    found = glass_runs.certificates(uuid, molten_ps, whole, SOLID if kind == "solid" else kind)
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif found:
        click.echo(glass_table.listing(found))
    else:
        click.echo(
            "no glass here has such a certificate; `aiida-zif launch ensemble-of-glasses` makes some, `aiida-zif import` takes some up"
        )

# SPDX-License-Identifier: MIT
"""`aiida-zif table`: the table of a scan or of glasses, with the published numbers beside it where it is a published table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.audit import check_folder, load_node


@click.command()
@click.argument("pk", metavar="PK|UUID")
@click.option("--format", "form", type=click.Choice(["text", "csv", "latex"]), default="text", show_default=True, help="Of the table.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the figure (SVG) here.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def table(pk: str, form: str, figure: Path | None, profile_name: str | None) -> None:
    """Print the table of a scan or of an ensemble of glasses: PK is that of the chain or of its table.

    \b
    Examples:
      aiida-zif table 123 --figure front.svg
      aiida-zif table 123 --format latex > table.tex
    """
    our_profile.load(profile_name)
    check_folder(figure, "--figure")
    facts = facts_of(pk)
    from aiida_zif.report import glass_table, scan

    writers = scan.WRITERS if facts["kind"] == "scan" else glass_table.WRITERS
    click.echo(writers[form](facts, *published(facts)))
    if figure is not None:
        figure.write_bytes(scan.figure(facts) if facts["kind"] == "scan" else schedules(pk))
        click.echo(f"figure: {figure}", err=form != "text")


KINDS = ("scan", "glasses")
"""Of the tables that there are."""
CHAINS = ("ScanWorkChain", "GlassEnsembleWorkChain")
"""What puts them out."""


def schedules(pk: str) -> bytes:
    """Return the figure of all replicas in time, of an ensemble of glasses given by either node."""
    from aiida.orm import Node, ProcessNode

    from aiida_zif.report import glass_runs

    node = load_node(pk, Node, "PK|UUID")
    chain = node if isinstance(node, ProcessNode) else glass_runs.ensemble_of(node)
    if chain is None:
        raise click.ClickException("the ensemble of this table is not here: import its archive, then draw its figure")
    return glass_runs.figure(chain)


def facts_of(pk: str) -> dict[str, Any]:
    """Return the table of a scan or of glasses, given by either node. Raises a ``click`` exception of one sentence for what has none."""
    from aiida.orm import Dict, Node, ProcessNode

    node = load_node(pk, Node, "PK|UUID")
    name = f"{type(node).__name__}<{node.pk}>"
    if isinstance(node, ProcessNode):
        name = f"{node.process_label}<{node.pk}>"
        if node.process_label in CHAINS and not node.is_terminated:
            raise click.ClickException(f"{name} is still at work; `aiida-zif status {node.pk}` shows how far")
        node = node.outputs.table if "table" in node.outputs else node
    if not isinstance(node, Dict) or node.get("kind") not in KINDS:
        raise click.BadParameter(
            f"{name} has no table; give one of {', '.join(CHAINS)} that has ended, or its output", param_hint="PK|UUID"
        )
    facts: dict[str, Any] = node.get_dict()
    return facts


def published(facts: Mapping[str, Any]) -> tuple[dict[str, dict[str, float]], str | None]:
    """Return what others published of the rows, and where, if the table is one that ships."""
    from aiida_zif.workchains import scan_table

    stage = scan_table.SCAN if facts["kind"] == "scan" else "glass_ensemble"
    if facts.get("table") not in scan_table.names(stage):
        return {}, None
    found = scan_table.load(facts["table"], stage)
    return found.published, found.citation

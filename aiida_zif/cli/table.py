# SPDX-License-Identifier: MIT
"""`aiida-zif table`: the table of a scan, beside published numbers where there are such, or that of the rounds of an active learning."""

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
    """Print the table of a scan or of the rounds of an active learning: PK is that of the chain or of its table.

    \b
    Examples:
      aiida-zif table 123 --figure front.svg
      aiida-zif table 123 --format latex > table.tex
    """
    our_profile.load(profile_name)
    check_folder(figure, "--figure")
    facts = facts_of(pk)
    from aiida_zif.report import rounds, scan

    writer = {"scan": scan, "active_learning": rounds}[facts["kind"]]
    click.echo(writer.WRITERS[form](facts, *published(facts)))
    if figure is not None:
        figure.write_bytes(writer.figure(facts))
        click.echo(f"figure: {figure}", err=form != "text")


def facts_of(pk: str) -> dict[str, Any]:
    """Return the table, given by either node. Raises a ``click`` exception of one sentence for what has none."""
    from aiida.orm import Dict, Node, ProcessNode

    node = load_node(pk, Node, "PK|UUID")
    name = f"{type(node).__name__}<{node.pk}>"
    if isinstance(node, ProcessNode):
        name = f"{node.process_label}<{node.pk}>"
        if node.process_label in ("ScanWorkChain", "ActiveLearningWorkChain") and not node.is_terminated:
            raise click.ClickException(f"{name} is still at work; `aiida-zif status {node.pk}` shows how far")
        node = next((node.outputs[port] for port in ("table", "rounds") if port in node.outputs), node)
    if not isinstance(node, Dict) or node.get("kind") not in ("scan", "active_learning"):
        what = "a ScanWorkChain that has ended, or its output `table`, or an ActiveLearningWorkChain, or its output `rounds`"
        raise click.BadParameter(f"{name} has no table; give {what}", param_hint="PK|UUID")
    facts: dict[str, Any] = node.get_dict()
    return facts


def published(facts: Mapping[str, Any]) -> tuple[dict[str, dict[str, float]], str | None]:
    """Return what others published of the rows, and where, if the table is one that ships."""
    from aiida_zif.workchains import scan_table

    if facts.get("table") not in scan_table.names():
        return {}, None
    found = scan_table.load(facts["table"])
    return found.published, found.citation

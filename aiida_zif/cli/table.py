# SPDX-License-Identifier: MIT
"""`aiida-zif table`: the table of a scan, of glasses, of rounds or of a validation, published numbers beside it where there are such."""

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
    """Print the table of a scan, an ensemble of glasses, an active learning or a validation: PK is that of the chain or of its table.

    \b
    Examples:
      aiida-zif table 123 --figure front.svg
      aiida-zif table 123 --format latex > table.tex
    """
    our_profile.load(profile_name)
    check_folder(figure, "--figure")
    facts = facts_of(pk)
    from aiida_zif.report import glass_table, rounds, scan, validation

    writers = {"scan": scan, "glasses": glass_table, "active_learning": rounds, "validation": validation}
    click.echo(writers[facts["kind"]].WRITERS[form](facts, *published(facts)))
    if figure is not None:
        of_nodes = {"glasses": schedules, "validation": curves}
        figure.write_bytes(of_nodes[facts["kind"]](pk) if facts["kind"] in of_nodes else writers[facts["kind"]].figure(facts))
        click.echo(f"figure: {figure}", err=form != "text")


KINDS = ("scan", "glasses", "active_learning", "validation")
"""Of the tables that there are."""
CHAINS = ("ScanWorkChain", "GlassEnsembleWorkChain", "ActiveLearningWorkChain", "ValidationWorkChain")
"""What puts them out."""


def schedules(pk: str) -> bytes:
    """Return the figure of all replicas in time, of an ensemble of glasses given by either node."""
    from aiida_zif.report import glass_runs

    return glass_runs.figure(_chain(pk))


def curves(pk: str) -> bytes:
    """Return the figure of a validation, given by either node."""
    from aiida_zif.report import validation

    return validation.figure(_chain(pk))


def _chain(pk: str) -> Any:
    """Return the chain of a table, given by either node."""
    from aiida.orm import Node, ProcessNode

    from aiida_zif.report import graph

    node = load_node(pk, Node, "PK|UUID")
    chain = node if isinstance(node, ProcessNode) else graph.put_out_by(node, CHAINS)
    if chain is None:
        raise click.ClickException("the chain of this table is not here: import its archive, then draw its figure")
    return chain


def facts_of(pk: str) -> dict[str, Any]:
    """Return the table of a chain, given by either node. Raises a ``click`` exception of one sentence for what has none."""
    from aiida.orm import Dict, Node, ProcessNode

    node = load_node(pk, Node, "PK|UUID")
    name = f"{type(node).__name__}<{node.pk}>"
    if isinstance(node, ProcessNode):
        name = f"{node.process_label}<{node.pk}>"
        if node.process_label in CHAINS and not node.is_terminated:
            raise click.ClickException(f"{name} is still at work; `aiida-zif status {node.pk}` shows how far")
        node = next((node.outputs[port] for port in ("table", "rounds") if port in node.outputs), node)
    if not isinstance(node, Dict) or node.get("kind") not in KINDS:
        raise click.BadParameter(
            f"{name} has no table; give one of {', '.join(CHAINS)} that has ended, or its output", param_hint="PK|UUID"
        )
    facts: dict[str, Any] = node.get_dict()
    return facts


def published(facts: Mapping[str, Any]) -> tuple[dict[str, dict[str, float]], str | None]:
    """Return what others published of the rows, and where, if the table is one that ships."""
    from aiida_zif.workchains import scan_table

    stage = {"scan": scan_table.SCAN, "glasses": "glass_ensemble"}.get(facts["kind"], "")
    if facts.get("table") not in scan_table.names(stage):
        return {}, None
    found = scan_table.load(facts["table"], stage)
    return found.published, found.citation

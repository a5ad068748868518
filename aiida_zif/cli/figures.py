# SPDX-License-Identifier: MIT
"""`aiida-zif figures`: how models learned and how good they are, as figures and as the numbers beside them."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.audit import check_folder, load_node


@click.command()
@click.argument("pks", metavar="PK|UUID...", nargs=-1, required=True)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path("figures"), show_default=True, help="Folder.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def figures(pks: tuple[str, ...], output: Path, profile_name: str | None) -> None:
    """Draw learning curves, parity and errors of trainings and evaluations: SVG and PNG, and the numbers of each as CSV or JSON.

    \b
    PK is a zif.train chain, a zif.train or zif.evaluate job, or what one of them put out; several are shown side by side.
    Example:
      aiida-zif figures 123 124 --output figures
    """
    our_profile.load(profile_name)
    check_folder(output, "--output")
    from aiida.orm import Node

    from aiida_zif.report import export, trained

    nodes = [load_node(pk, Node, "PK|UUID") for pk in pks]
    try:
        models = [trained.collect(node) for node in nodes]
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    if len({model.name for model in models}) < len(models):
        models = [trained.collect(node, f"{model.name} <{node.pk}>") for node, model in zip(nodes, models, strict=True)]
    output.mkdir(exist_ok=True)
    for path in export.write(models, output):
        click.echo(str(path))

# SPDX-License-Identifier: MIT
"""`aiida-zif report`: the table and the page of a finished pipeline, from its nodes alone."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.status import load_chain, verdict


@click.command()
@click.argument("pk")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("report.html"), show_default=True, help="The page.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def report(pk: str, output: Path, profile_name: str | None) -> None:
    """Print the table of a pipeline and write its page.

    \b
    Example:
      aiida-zif report 123 --output report.html
    """
    our_profile.load(profile_name)
    node = load_chain(pk)
    name = f"{node.process_label}<{node.pk}>"
    if node.process_label != "PipelineWorkChain":
        raise click.BadParameter(f"{name} is no pipeline, but only a pipeline has a report (`aiida-zif status {node.pk}`)", param_hint="PK")
    if not node.is_terminated:
        raise click.ClickException(f"{name} is still at work ({verdict(node)}); `aiida-zif status {node.pk}` shows how far")
    if "verdicts" not in node.outputs:
        raise click.ClickException(f"{name} ended before it had results to report: {verdict(node)}")
    if not output.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(output.parent)!r}", param_hint="--output")
    from aiida_zif.report import page, table

    facts = table.collect(node)
    click.echo(table.render(facts))
    page.write(node, facts, output)
    click.echo(f"\nreport: {output}")

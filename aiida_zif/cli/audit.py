# SPDX-License-Identifier: MIT
"""`aiida-zif audit`: are the labels of a trajectory fit to train on?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import profile as our_profile


@click.command()
@click.argument("trajectory", metavar="PK|UUID")
@click.option("--tolerance", type=click.FloatRange(min=0, min_open=True), default=0.15, show_default=True, help="Of the mean temperature.")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the figure (SVG) here.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
def audit(trajectory: str, tolerance: float, figure: Path | None, profile_name: str | None) -> None:
    """Judge the labels of a trajectory; ends with 1 where they are not fit to train on. Nothing is stored.

    \b
    Example:
      aiida-zif audit 123 --figure audit.svg
    """
    our_profile.load(profile_name)
    from aiida_zif.data.audit import audit_node
    from aiida_zif.data.trajectory import ZifTrajectoryData

    node = load_node(trajectory, ZifTrajectoryData, "PK|UUID")
    check_folder(figure, "--figure")
    found = audit_node(node, tolerance)
    click.echo("\n".join(lines(found)))
    if figure is not None:
        write_figure(found, node, figure)
    if not found.passed:
        raise SystemExit(1)


def lines(found: Any) -> list[str]:
    """Return the verdict and its sentences."""
    verdict = "passed" if found.passed else f"not passed: {', '.join(found.failed)}"
    return [f"Audit: {verdict}", *(f"  {sentence}" for sentence in found.sentences)]


def write_figure(found: Any, node: Any, path: Path) -> None:
    """Write the figure of an audit."""
    from aiida_zif.report import labels

    attributes = node.base.attributes
    asked, timestep = attributes.get("asked_temperature_k", None), attributes.get("timestep_fs", None)
    name = f"trajectory {node.label or node.pk or str(node.uuid)[:8]}"
    path.write_bytes(labels.audit(found, name, asked, timestep))
    click.echo(f"figure: {path}")


def load_node(text: str, kind: type, hint: str) -> Any:
    """Return a node of class ``kind``. Raises ``click.BadParameter`` with one sentence."""
    from aiida_zif.cli.ports import load

    try:
        return load(text, kind)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint=hint) from problem


def check_folder(path: Path | None, hint: str) -> None:
    """Refuse, before any work, a file in a folder that does not exist."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(path.parent)!r}", param_hint=hint)

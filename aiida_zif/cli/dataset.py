# SPDX-License-Identifier: MIT
"""`aiida-zif dataset`: look at a dataset, export it, merge several, filter one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from aiida_zif.cli import profile as our_profile
from aiida_zif.cli.audit import check_folder, load_node

SPLITS = ("train", "validation", "held_out")


@click.group()
def dataset() -> None:
    """Show, export, merge or filter datasets.

    \b
    Examples:
      aiida-zif dataset show 123 --figure dataset.svg
      aiida-zif dataset export 123 frames.npz --split train
      aiida-zif dataset merge 123 124
      aiida-zif dataset filter 123 --max-force 20
    """


def _profile(command: Callable[..., None]) -> Callable[..., None]:
    option = click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile; the default one if not given.")
    return option(command)


@dataset.command()
@click.argument("pk", metavar="PK|UUID")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the figure (SVG) here.")
@_profile
def show(pk: str, figure: Path | None, profile_name: str | None) -> None:
    """Say how many frames, from where, how drawn, and what the audit of each trajectory said."""
    check_folder(figure, "--figure")
    node = _load(pk, profile_name)
    click.echo("\n".join(describe(node)))
    if figure is not None:
        from aiida_zif.report import labels

        bins = {name: found for name in ("train", "validation") if (found := node.histogram(name)) is not None}
        figure.write_bytes(labels.dataset(bins, node.counts, node.base.attributes.get("n_atoms")))
        click.echo(f"figure: {figure}")


@dataset.command()
@click.argument("pk", metavar="PK|UUID")
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--split", type=click.Choice(SPLITS), help="Only these frames; all three one after the other if not given.")
@_profile
def export(pk: str, output: Path, split: str | None, profile_name: str | None) -> None:
    """Write the frames to OUTPUT: .extxyz or .xyz, .npz as the published data sets, .h5 or .h5md."""
    from aiida_zif.data import exports

    check_folder(output, "OUTPUT")
    if output.suffix not in exports.WRITERS:
        raise click.BadParameter(f"{output.name} does not end in one of {', '.join(exports.WRITERS)}", param_hint="OUTPUT")
    node = _load(pk, profile_name)
    n_frames = exports.write(node, output, (split,) if split else SPLITS)
    click.echo(f"{n_frames} frames: {output}")


@dataset.command()
@click.argument("pks", metavar="PK|UUID...", nargs=-1, required=True)
@_profile
def merge(pks: tuple[str, ...], profile_name: str | None) -> None:
    """Make one dataset of several; a frame that one of them holds out stays held out."""
    nodes = [_load(pk, profile_name) for pk in pks]
    from aiida_zif.calculations.functions.select import merge_datasets, merged

    given = {f"dataset_{number:02d}": node for number, node in enumerate(nodes, 1)}
    _run(lambda: merged(given), lambda: merge_datasets(**given))


@dataset.command(name="filter")
@click.argument("pk", metavar="PK|UUID")
@click.option("--max-force", "max_force_ev_per_angstrom", type=float, metavar="EV/Å", help="The largest on any atom.")
@click.option("--min-energy", "min_energy_ev_per_atom", type=float, metavar="EV", help="Per atom.")
@click.option("--max-energy", "max_energy_ev_per_atom", type=float, metavar="EV", help="Per atom.")
@click.option("--min-temperature", "min_temperature_k", type=float, metavar="K", help="Measured mean of the trajectory.")
@click.option("--max-temperature", "max_temperature_k", type=float, metavar="K", help="Measured mean of the trajectory.")
@click.option("--element", "elements", multiple=True, metavar="SYMBOL", help="The system must be of just these elements. Repeatable.")
@click.option("--trajectory", "trajectories", multiple=True, metavar="UUID", help="Keep frames of this trajectory. Repeatable.")
@_profile
def filter_(pk: str, profile_name: str | None, **given: Any) -> None:
    """Make a dataset of the frames that meet all criteria; each keeps its split."""
    criteria = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items() if value not in (None, ())}
    if not criteria:
        raise click.UsageError("give at least one criterion; see `aiida-zif dataset filter --help`")
    node = _load(pk, profile_name)
    from aiida.orm import Dict

    from aiida_zif.calculations.functions.select import filter_dataset, filtered

    _run(lambda: filtered(node, criteria), lambda: filter_dataset(node, Dict(criteria)))


def describe(node: Any) -> list[str]:
    """Return what a dataset says of itself."""
    attributes = node.base.attributes
    drawing = attributes.get("drawing")
    counts = ", ".join(f"{count} {name}" for name, count in node.counts.items())
    lines = [
        f"ZifDatasetData<{node.pk}> {node.uuid}",
        f"  {counts}; {attributes.get('n_atoms')} atoms, {' '.join(node.elements)}",
        f"  stress: {attributes.get('stress')}; sha256 {attributes.get('sha256')}",
    ]
    for split in ("train", "validation"):
        bins = drawing.get(split)
        if bins:
            lines.append(f"  {split}: {drawing['method']}, {bins['filled']} of {bins['asked']} drawn, {bins['empty']} bins empty")
    for key in ("seed", "held_out_seed", "gap_frames", "merged", "moved", "criteria", "filtered_out", "stress_note"):
        if drawing.get(key) is not None:
            lines.append(f"  {key}: {drawing[key]}")
    if "leakage" in drawing:
        lines.append(f"  {drawing['leakage']['sentence']}")
    for audit in attributes.get("audits", []):
        lines.append(f"  from {audit.get('name', '')} {audit['trajectory']}: {'passed' if audit['passed'] else ', '.join(audit['failed'])}")
        lines += [f"    {sentence}" for sentence in audit["sentences"]]
    return lines


def _load(pk: str, profile_name: str | None) -> Any:
    our_profile.load(profile_name)
    from aiida_zif.data.dataset import ZifDatasetData

    return load_node(pk, ZifDatasetData, "PK|UUID")


def _run(attempt: Callable[[], Any], make: Callable[[], Any]) -> None:
    """Run a calcfunction after an attempt that stores nothing: what is refused is one sentence, and leaves no failed process behind."""
    try:
        attempt()
        node = make()
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    counts = ", ".join(f"{count} {name}" for name, count in node.counts.items())
    click.echo(f"stored: ZifDatasetData<{node.pk}> {node.uuid}: {counts}")

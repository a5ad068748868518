# SPDX-License-Identifier: MIT
"""`aiida-zif analysis`: the structure of crystals and glasses, from plain files without a profile, or from nodes with provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

Found = dict[str, tuple[dict[str, Any], dict[str, Any]]]
"""By source, summary and curves."""


@click.command()
@click.argument("sources", metavar="FILE|PK...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="All numbers as JSON.")
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Figures (SVG, PDF, PNG) and numbers.")
@click.option("--framework", metavar="NAME", help="Network template: ZIF-4, ZIF-8, SALEM-2, ZIF-62, any  [default: any].")
@click.option("--reference", type=click.Path(path_type=Path), metavar="FILE|PK", help="Where linkers are whole [default: first frame].")
@click.option(
    "--cutoff", type=click.FloatRange(min=0, min_open=True), metavar="Å", help="Zn and N are neighbours below it  [default: 2.5]."
)
@click.option("--temperature", type=click.FloatRange(min=0, min_open=True), metavar="K", help="For potentials of mean force.")
@click.option("--frame-time", type=click.FloatRange(min=0, min_open=True), metavar="PS", help="Between two frames of files without times.")
@click.option("--set", "changes", multiple=True, metavar="KEY=NUMBER", help="Another field of the plan, e.g. ring_frames=10. Repeatable.")
@click.option("-p", "--profile", "profile_name", metavar="NAME", help="AiiDA's profile, for PKs; the default one if not given.")
def analysis(sources: tuple[str, ...], as_json: bool, figures: Path | None, profile_name: str | None, **given: Any) -> None:
    """Analyse structures and trajectories: density, g(r), coordination, angles, linkers, rings, pores, displacements, scattering.

    FILE is CIF, extended XYZ, LAMMPS data or H5MD, and needs no profile; PK is a structure or a trajectory in AiiDA, whose analysis is
    stored with its provenance. Several are laid over one another, and averaged.

    \b
    Examples:
      aiida-zif analysis crystal.cif glass_01.cif --figures figures
      aiida-zif analysis run.h5md --temperature 300 --json
      aiida-zif analysis 123 124
    """
    from aiida_zif.cli.audit import check_folder

    check_folder(figures, "--figures")
    plan = plan_of(given)
    files = [Path(text) for text in sources]
    nodes = [text for text, path in zip(sources, files, strict=True) if not path.is_file() and not path.suffix]
    if nodes and len(nodes) < len(sources):
        raise click.UsageError("give files or nodes, not both: files have no provenance")
    try:
        found = from_nodes(sources, plan, given["reference"], profile_name) if nodes else from_files(files, plan, given)
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    from aiida_zif.formats.analysis_run import finite
    from aiida_zif.science import ensemble_average

    document: dict[str, Any] = {"sources": {name: summary for name, (summary, _) in found.items()}}
    if len(found) > 1:
        document["average"] = ensemble_average.over(list(document["sources"].values()))
    document = finite(document)
    if as_json:
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        from aiida_zif.report.structure_words import lines

        click.echo("\n".join(lines(document)))
    if figures is not None:
        from aiida_zif.report.structure_export import write

        figures.mkdir(exist_ok=True)
        for path in write({name: curves for name, (_, curves) in found.items()}, document, figures):
            click.echo(str(path), err=as_json)


def plan_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the plan is given. Raises ``click.BadParameter`` for what is no field of it, or no number."""
    from aiida_zif.science.analysis import plan_of as checked

    plan: dict[str, Any] = {"framework": given["framework"] or "any"}
    for name, key in (("cutoff", "zn_n_cutoff_angstrom"), ("temperature", "temperature_k")):
        if given[name] is not None:
            plan[key] = given[name]
    for text in given["changes"]:
        key, _, value = text.partition("=")
        try:
            plan[key] = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError as problem:
            raise click.BadParameter(f"{text!r} is not like ring_frames=10", param_hint="--set") from problem
    try:
        checked(plan)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from problem
    return plan


def from_files(paths: list[Path], plan: dict[str, Any], given: dict[str, Any]) -> Found:
    """Analyse plain files, no profile needed. Raises ``ValueError`` in one sentence naming the file."""
    from dataclasses import replace

    import numpy as np

    from aiida_zif.formats.structure_files import open_file
    from aiida_zif.science import linkers
    from aiida_zif.science.analysis import Analysis, plan_of

    settings, found = plan_of(plan), {}
    reference = open_file(given["reference"]).first if given["reference"] else None
    for path in paths:
        file = open_file(path)
        start = reference or file.first
        try:
            topology = linkers.perceive(start.species, start.positions[0], start.cells[0], settings.framework)
            running = Analysis(topology, file.masses, file.n_frames, settings)
            seen = 0
            for batch in file.batches():
                if batch.times is None and given["frame_time"]:
                    batch = replace(batch, times=(seen + np.arange(len(batch))) * given["frame_time"])
                seen += len(batch)
                running.add(batch)
            result = running.result()
        except ValueError as problem:
            raise ValueError(str(problem) if str(problem).startswith(str(path)) else f"{path}: {problem}") from problem
        name = path.stem if [other.stem for other in paths].count(path.stem) == 1 else str(path)
        found[name] = (result.summary, {key: (values, unit) for key, (values, unit) in result.curves.items()})
    return found


def from_nodes(texts: tuple[str, ...], plan: dict[str, Any], reference: Path | None, profile_name: str | None) -> Found:
    """Analyse nodes; what is found is stored, and hangs on them. Raises ``ValueError`` in one sentence."""
    from aiida_zif.cli import profile as our_profile

    our_profile.load(profile_name)
    from aiida.engine import run_get_node
    from aiida.orm import Dict, Node, StructureData

    from aiida_zif.calculations.functions.analysis import to_trajectory
    from aiida_zif.cli.ports import load
    from aiida_zif.data.trajectory import ZifTrajectoryData
    from aiida_zif.workchains.analysis import AnalysisWorkChain

    found: Found = {}
    whole = load(str(reference), StructureData) if reference else None
    for text in texts:
        node = load(text, Node)
        if isinstance(node, StructureData):
            start, trajectory = whole or node, None
        elif isinstance(node, ZifTrajectoryData):
            start, trajectory = whole, node
            if start is None:
                raise ValueError(f"trajectory {text} does not say where its linkers are whole; give its crystal as --reference PK")
        else:
            raise ValueError(f"node {text} is of type {type(node).__name__}; give a structure or a trajectory")
        if trajectory is None:
            trajectory = to_trajectory(node)
        outputs, chain = run_get_node(AnalysisWorkChain, reference=start, trajectory=trajectory, run=Dict(plan))
        if not chain.is_finished_ok:
            raise ValueError(f"AnalysisWorkChain<{chain.pk}> ended with [{chain.exit_status}] {chain.exit_message}")
        curves = outputs["curves"]
        units = {name: curves.base.attributes.get(f"units|{name}", "") for name in curves.get_arraynames()}
        name = f"{node.label or text} ({chain.process_label}<{chain.pk}>)"
        found[name] = (outputs["summary"].get_dict(), {key: (curves.get_array(key), unit) for key, unit in units.items()})
    return found

# SPDX-License-Identifier: MIT
"""`aiida-zif fit-elastic`: elastic constants of anybody's fluctuating cells; no profile needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

MODULI = {
    "K": ("bulk_modulus_gpa", "GPa"), "E": ("young_modulus_gpa", "GPa"), "G": ("shear_modulus_gpa", "GPa"), "ν": ("poisson_ratio", ""),
    "K Voigt": ("bulk_modulus_voigt_gpa", "GPa"), "K Reuss": ("bulk_modulus_reuss_gpa", "GPa"),
    "K from the volume (a Reuss modulus)": ("volume_bulk_gpa", "GPa"),
    "G Voigt": ("shear_modulus_voigt_gpa", "GPa"), "G Reuss": ("shear_modulus_reuss_gpa", "GPa"),
}  # fmt: skip


@click.command()
@click.argument("cells", metavar="CELLS...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--temperature", type=click.FloatRange(min=0, min_open=True), required=True, metavar="K", help="Of the run.")
@click.option("--pressure", type=float, default=0.0, show_default=True, metavar="GPA", help="Of the barostat.")
@click.option("--discard", type=click.FloatRange(min=0, max=1, max_open=True), metavar="SHARE", help="Of the start  [default: by rule].")
@click.option("--min-n-eff", type=click.FloatRange(min=10), default=30.0, show_default=True, help="Fewer independent cells: no number.")
@click.option("--amof", is_flag=True, help="By the formula of aMOF, for comparison only.")
@click.option("--json", "as_json", is_flag=True, help="All numbers as JSON.")
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Figures (SVG, PDF, PNG) and numbers.")
def fit_elastic(cells: tuple[Path, ...], as_json: bool, figures: Path | None, **settings: Any) -> None:
    """Elastic constants from the fluctuations of a cell free in all six strains; ends with 1 where there are none yet.

    CELLS is text, a row per cell: nine numbers (vectors a, b, c) or six (LAMMPS: lx ly lz xy xz yz), Å, with or without a step before
    them; or CP2K's .cell, .npy, H5MD, extended XYZ. Several files are several glasses: errors within and between them come apart.

    \b
    Examples:
      aiida-zif fit-elastic run-1.cell --temperature 300 --figures figures
      aiida-zif fit-elastic glass_1.txt glass_2.txt --temperature 300 --json
    """
    from aiida_zif.cli.audit import check_folder

    check_folder(figures, "--figures")
    document: dict[str, Any] = {"cells": {}}
    results, written = [], []
    for path in cells:
        try:
            found, extremes, files = one(path, settings, figures)
        except ValueError as problem:
            raise click.ClickException(str(problem)) from problem
        results.append(found)
        written += files
        document["cells"][str(path)] = {**found.as_dict(), "directional": extremes}
    if len(results) > 1 and all(found.verdict == "converged" for found in results):
        document["average"] = average(results)
    click.echo(json.dumps(document, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(document)))
    for path in written:
        click.echo(str(path), err=as_json)
    if any(found.verdict != "converged" for found in results):
        raise SystemExit(1)


def one(path: Path, settings: dict[str, Any], figures: Path | None) -> tuple[Any, dict[str, Any] | None, list[Path]]:
    """Return result, extremes by direction and figures of one file. Raises ``ValueError`` in one sentence that names the file."""
    from aiida_zif.formats.mechanics_files import read_cells
    from aiida_zif.science import directional
    from aiida_zif.science.elasticity import from_cells
    from aiida_zif.science.running import running

    h = read_cells(path)
    kelvin, fewest = settings["temperature"], settings["min_n_eff"]
    try:
        found = from_cells(h, kelvin, fewest, settings["pressure"], settings["discard"], settings["amof"])
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from problem
    if found.stiffness_gpa is None:
        return found, None, []
    extremes = {
        name: {end: value.as_dict() if hasattr(value, "as_dict") else value for end, value in both.items()}
        for name, both in directional.extrema(found.stiffness_gpa, found.n_eff).items()
    }
    if figures is None:
        return found, extremes, []
    from aiida_zif.report.mechanics import write_elastic

    figures.mkdir(exist_ok=True)
    return found, extremes, write_elastic(found, running(h[found.n_discarded :], kelvin, min_n_eff=fewest), figures, path.stem)


def average(results: list[Any]) -> dict[str, Any]:
    """Return the moduli over glasses, errors within and between them apart."""
    from aiida_zif.science.between import between

    named = {name: [getattr(found, name) for found in results] for name, _ in MODULI.values()}
    return {name: vars(between(values)) for name, values in named.items() if None not in values}


def lines(document: dict[str, Any]) -> list[str]:
    """Return the numbers as people read them."""
    from aiida_zif.report.mechanics import TITLES
    from aiida_zif.report.numbers import with_error
    from aiida_zif.science.directional import PROPERTIES

    told: list[str] = []
    for name, found in document["cells"].items():
        told.append(f"{name}: {found['sentence']}")
        if found["stiffness_gpa"] is None:
            continue
        told.append(f"  {found['n_discarded']} cells of equilibration left out; Born stable: {'yes' if found['born_stable'] else 'no'}")
        told += [f"  {label} = {with_error(found[key], unit)}" for label, (key, unit) in MODULI.items() if found[key]]
        told.append("  C / GPa (xx yy zz yz xz xy)")
        for row, errors in zip(found["stiffness_gpa"], found["stiffness_error_gpa"], strict=True):
            told.append("   " + "".join(f"{with_error(pair):>16}" for pair in zip(row, errors, strict=True)))
        for key, both in found["directional"].items():
            least, most = (with_error(both[end]["value"]) for end in ("min", "max"))
            told.append(f"  {TITLES[key]} by direction: {least} to {most} {PROPERTIES[key]}".rstrip())
    for key, found in document.get("average", {}).items():
        value = with_error([found["mean"], found["error"]])
        told.append(f"{key} over {found['n']} glasses: {value} (within one {found['within']:.3g}, between them {found['between']:.3g})")
    return told

# SPDX-License-Identifier: MIT
"""`aiida-zif fit-eos`: the equation of state of anybody's pressures; no profile needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

PARAMETERS = ("K0 / GPa", "V0 / Å³", "K'", "K0 K''")


@click.command()
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--order", type=click.Choice(["2", "3", "4"]), default="2", show_default=True, help="Of Birch and Murnaghan.")
@click.option("--error", type=click.FloatRange(min=0, min_open=True), metavar="GPA", help="Of each pressure, where TABLE has no errors.")
@click.option("--mass", type=click.FloatRange(min=0, min_open=True), metavar="AMU", help="Of the cell, for the density.")
@click.option("--structure", type=click.Path(path_type=Path), metavar="FILE", help="Whose cell it is, instead of --mass.")
@click.option("--json", "as_json", is_flag=True, help="All numbers as JSON.")
@click.option("--figures", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="P–V with fit and residuals, and CSV.")
def fit_eos(
    tables: tuple[Path, ...],
    order: str,
    error: float | None,
    mass: float | None,
    structure: Path | None,
    as_json: bool,
    figures: Path | None,
) -> None:
    """Fit Birch–Murnaghan's P(V): K0, K', V0 and ρ0 with errors, over the well-behaved region, chosen by a stated rule.

    TABLE is text with columns volume (Å³ of the cell), pressure (GPa, compression positive) and its standard error (GPa). Several
    tables are several glasses: their mean comes with the error within a glass and between glasses.

    \b
    Examples:
      aiida-zif fit-eos points.csv --structure glass.cif --figures figures
      aiida-zif fit-eos glass_1.txt glass_2.txt --order 3 --mass 3190.6 --json
    """
    from aiida_zif.cli.audit import check_folder
    from aiida_zif.report.mechanics import write_eos

    check_folder(figures, "--figures")
    document: dict[str, Any] = {"tables": {}}
    fits, written = [], []
    try:
        amu = mass_of(mass, structure)
        for path in tables:
            points, fit = one(path, int(order), error, amu)
            fits.append(fit)
            document["tables"][str(path)] = told(fit, amu)
            if figures is not None:
                figures.mkdir(exist_ok=True)
                written += write_eos(points, fit, figures, path.stem if len({p.stem for p in tables}) == len(tables) else f"{len(fits)}")
    except ValueError as problem:
        raise click.ClickException(str(problem)) from problem
    if len(fits) > 1:
        document["average"] = average(fits, amu)
    click.echo(json.dumps(document, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(document)))
    for path in written:
        click.echo(str(path), err=as_json)


def one(path: Path, order: int, error: float | None, amu: float | None) -> tuple[dict[str, Any], Any]:
    """Return points and fit of one table. Raises ``ValueError`` in one sentence that names the file."""
    import numpy as np

    from aiida_zif.formats.mechanics_files import read_pressures
    from aiida_zif.science.eos import fit_birch_murnaghan
    from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_GPA

    table = read_pressures(path)
    if table.errors_gpa is not None and error is not None:
        raise ValueError(f"{path} has errors of its own; leave out --error")
    if table.errors_gpa is None and error is None:
        raise ValueError(f"{path} has no column of errors, and without any no point can be weighted or left out; give --error GPA")
    errors = np.full(len(table.volumes), error) if table.errors_gpa is None else table.errors_gpa
    try:
        pressures, sigma = table.pressures_gpa / EV_PER_CUBIC_ANGSTROM_IN_GPA, errors / EV_PER_CUBIC_ANGSTROM_IN_GPA
        fit = fit_birch_murnaghan(table.volumes, pressures, sigma, amu or 1.0, order)
    except ValueError as problem:
        raise ValueError(f"{path}: {problem}") from problem
    return {"volumes": table.volumes, "pressures_gpa": table.pressures_gpa, "errors_gpa": errors}, fit


def mass_of(mass: float | None, structure: Path | None) -> float | None:
    """Return the mass of the cell, amu, or ``None`` where nothing is said of it."""
    if structure is None:
        return mass
    if mass is not None:
        raise ValueError("give --mass or --structure, not both")
    from aiida_zif.formats.structure_files import open_file

    return float(open_file(structure).masses.sum())


def told(fit: Any, amu: float | None) -> dict[str, Any]:
    """Return the numbers of a fit; without a mass there is no density."""
    found = {**fit.as_dict(), "parameters": [*PARAMETERS[: fit.order], "ρ0 / g/cm³"]}
    if amu is None:
        found |= {"density_0_g_per_cm3": None, "parameters": found["parameters"][:-1]}
        found["covariance"] = [row[:-1] for row in found["covariance"][:-1]]
    return found


def average(fits: list[Any], amu: float | None) -> dict[str, Any]:
    """Return K0, V0 and ρ0 over glasses, errors within and between them apart."""
    from aiida_zif.science.between import between

    names = ["bulk_modulus_gpa", "volume_0", *([] if amu is None else ["density_0_g_per_cm3"])]
    return {name.replace("volume_0", "volume_0_angstrom3"): vars(between([getattr(fit, name) for fit in fits])) for name in names}


def lines(document: dict[str, Any]) -> list[str]:
    """Return the numbers as people read them."""
    from aiida_zif.report.numbers import with_error

    told_: list[str] = []
    for name, fit in document["tables"].items():
        total = fit["n_points"] + len(fit["excluded"])
        out = f", without {', '.join(str(k + 1) for k in fit['excluded'])}" if fit["excluded"] else ""
        told_ += [
            f"{name}: Birch–Murnaghan of order {fit['order']}, {fit['n_points']} of {total} points{out}, χ²/ν = {fit['chi2_reduced']:.2f}",
            f"  K0 = {with_error(fit['bulk_modulus_gpa'], 'GPa')}, K' = {with_error(fit['k_prime'])}, "
            f"V0 = {with_error(fit['volume_0_angstrom3'], 'Å³')}",
        ]
        density = fit["density_0_g_per_cm3"]
        told_.append(f"  ρ0 = {with_error(density, 'g/cm³', 4)}" if density else "  ρ0: no mass was given (--mass, --structure)")
        if fit["excluded"]:
            told_.append(f"  Rule: {fit['rule']}")
    for name, found in document.get("average", {}).items():
        value = with_error([found["mean"], found["error"]])
        told_.append(f"{name} over {found['n']} glasses: {value} (within one {found['within']:.3g}, between them {found['between']:.3g})")
    return told_

# SPDX-License-Identifier: MIT
"""The answer to the stress question (``science.stress_labels``) as a table in Markdown: a row per kind of label, over the seeds of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_zif.report.numbers import number, with_error

WORDS: dict[str, str] = {"none": "no stress", "virial": "virial", "total": "total (kinetic part inside)"}
"""What a model NAME_SEED learned from, by NAME."""


def render(found: Mapping[str, Any], accuracies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table: means over seeds ± half of their range, MPa and meV; then pressures by temperature.

    ``accuracies`` are those of the evaluations by the names of the models.
    """
    kinds = list(dict.fromkeys(name.rpartition("_")[0] for name in found["models"]))
    temperatures = [_kelvin(row) for row in found["kinetic_pressure_by_temperature"]]
    head = ["learned from", "force MAE / meV/Å", "stress MAE / MPa, against virial", "against total", "error of the mean pressure / MPa"]
    lines = [*_rule([*head, *temperatures])]
    for kind in kinds:
        mine = {name: one for name, one in found["models"].items() if name.rpartition("_")[0] == kind}
        forces = _spread([accuracies[name]["forces_mae_mev_per_angstrom"] for name in mine])
        columns = [_spread([one[f"stress_mae_against_{what}_mpa"][0] for one in mine.values()]) for what in ("virial", "total")]
        pressure = _spread([one["pressure_error_mpa"][0] for one in mine.values()])
        rows = [one["pressure_error_by_temperature"] for one in mine.values()]
        by_temperature = [_spread([row[k]["mean"][0] for row in rows]) for k in range(len(temperatures))]
        lines.append(_row([f"{WORDS.get(kind, kind)}, {len(mine)} seeds", forces, *columns, pressure, *by_temperature]))
    kinetic = [with_error(row["mean"], digits=0) for row in found["kinetic_pressure_by_temperature"]]
    reference = [with_error(row["mean"], digits=0) for row in found["reference_pressure_by_temperature"]]
    lines.append(_row(["*kinetic pressure*", "", "", "", with_error(found["kinetic_pressure_mpa"], digits=0), *kinetic]))
    lines.append(_row(["*pressure of the reference*", "", "", "", "", *reference]))
    return "\n".join(lines)


def _kelvin(row: Mapping[str, Any]) -> str:
    return "T unknown" if row["temperature_k"] is None else f"at {number(row['temperature_k'], 0, 'K')}"


def _spread(values: Sequence[float]) -> str:
    """Return mean ± half of the range."""
    return with_error((float(np.mean(values)), float(np.ptp(values)) / 2), digits=0)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(head: Sequence[str]) -> list[str]:
    return [_row(head), _row(["---"] * len(head))]

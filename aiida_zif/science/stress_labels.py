# SPDX-License-Identifier: MIT
"""What it does to a model whether its stress labels held the kinetic part: errors against either label, and of the mean pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.breakdown import Origins, temperature_groups
from aiida_zif.science.statistics import mean_of_series
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA


def answer(
    virial: NDArray[np.float64], total: NDArray[np.float64], predicted: Mapping[str, NDArray[np.float64]], origins: Origins
) -> dict[str, Any]:
    """Return the kinetic pressure of frames, and for each model how far its stresses and its mean pressure are off; all in MPa.

    ``virial``, ``total`` and each of ``predicted`` are ``(n_frames, 6)`` stresses of the same frames, eV/Å³, tension positive, Voigt.
    MD adds the kinetic part to a model's virial: the error of its mean pressure is that of its virial, whatever it was trained on.
    A mean comes as ``[mean, standard error]``, corrected for correlation in time (``science.statistics``); by temperature, with its
    ``temperature_k``, ``None`` for what was not measured.
    """
    kinetic = _pressure(total - virial)
    reference = _pressure(virial) + kinetic
    return {
        "n_frames": len(virial),
        "kinetic_pressure_mpa": _mean(kinetic, origins),
        "kinetic_pressure_by_temperature": _by_temperature(kinetic, origins),
        "reference_pressure_by_temperature": _by_temperature(reference, origins),
        "models": {name: _model(virial, total, stresses, origins) for name, stresses in predicted.items()},
    }


def _model(virial: NDArray[np.float64], total: NDArray[np.float64], predicted: NDArray[np.float64], origins: Origins) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, label in (("virial", virial), ("total", total)):
        errors = EV_PER_CUBIC_ANGSTROM_IN_MPA * np.abs(predicted - label)
        found[f"stress_mae_against_{name}_mpa"] = _mean(errors.mean(axis=1), origins)
        found[f"diagonal_mae_against_{name}_mpa"] = _mean(errors[:, :3].mean(axis=1), origins)
        found[f"shear_mae_against_{name}_mpa"] = _mean(errors[:, 3:].mean(axis=1), origins)
    off = _pressure(predicted - virial)
    return {**found, "pressure_error_mpa": _mean(off, origins), "pressure_error_by_temperature": _by_temperature(off, origins)}


def _pressure(stresses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_frames,)`` −trace/3 in MPa."""
    pressure: NDArray[np.float64] = -EV_PER_CUBIC_ANGSTROM_IN_MPA * stresses[:, :3].mean(axis=1)
    return pressure


def _mean(values: NDArray[np.float64], origins: Origins) -> list[float]:
    order = np.lexsort((origins.step, origins.trajectory))
    found = mean_of_series(values[order], origins.trajectory[order])
    return [found.mean, found.error]


def _by_temperature(values: NDArray[np.float64], origins: Origins) -> list[dict[str, Any]]:
    rows = []
    for temperature, mine in temperature_groups(origins):
        rows.append({"temperature_k": temperature, "n_frames": int(mine.sum()), "mean": _mean(values[mine], origins.select(mine))})
    return rows

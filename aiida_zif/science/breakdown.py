# SPDX-License-Identifier: MIT
"""The errors of a model told apart: by trajectory, by measured temperature, by composition, and the frames that are worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.accuracy import MILLI, Accuracy, summarise
from aiida_zif.science.comparison import Comparison
from aiida_zif.science.drawing import same_temperature

WORST = 10
"""Frames named."""


@dataclass(frozen=True, eq=False)
class Origins:
    """Where compared frames came from. Raises ``ValueError`` unless all have the same length."""

    trajectory: NDArray[np.int64]
    """``(n_frames,)``, a number per trajectory."""
    step: NDArray[np.int64]
    """``(n_frames,)``, MD step in it."""
    temperature: NDArray[np.float64]
    """``(n_frames,)``, measured mean temperature of the trajectory, K; NaN where there is none."""

    def __post_init__(self) -> None:
        if not len(self.trajectory) == len(self.step) == len(self.temperature):
            raise ValueError(f"{len(self.trajectory)} trajectories, {len(self.step)} steps and {len(self.temperature)} temperatures differ")

    def __len__(self) -> int:
        return len(self.step)

    def select(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Origins:
        """Return those that ``which`` names, in that order."""
        return Origins(self.trajectory[which], self.step[which], self.temperature[which])


def in_time(found: Comparison, origins: Origins, which: NDArray[np.bool_] | None = None) -> Accuracy:
    """Return the errors of all frames, or of those of the mask ``which``, their series being the trajectories in the order of steps."""
    chosen = np.arange(len(found)) if which is None else np.flatnonzero(which)
    order = chosen[np.lexsort((origins.step[chosen], origins.trajectory[chosen]))]
    return summarise(found.select(order), origins.trajectory[order])


def by_trajectory(found: Comparison, origins: Origins) -> list[dict[str, Any]]:
    """Return the errors on the frames of each trajectory, in the order of their numbers."""
    rows = []
    for number in np.unique(origins.trajectory):
        mine = origins.trajectory == number
        temperature = float(origins.temperature[mine][0])
        told = {"trajectory": int(number), "temperature_k": temperature if np.isfinite(temperature) else None}
        rows.append({**told, **in_time(found, origins, mine).as_dict()})
    return rows


def by_temperature(found: Comparison, origins: Origins) -> list[dict[str, Any]]:
    """Return the errors on the frames of trajectories of nearly the same measured temperature, the coldest first.

    What was not measured comes last, with ``None``. Which temperatures are the same is said by ``science.drawing.same_temperature``.
    """
    rows = []
    for temperature, mine in temperature_groups(origins):
        told = {"temperature_k": temperature, "trajectories": np.unique(origins.trajectory[mine]).tolist()}
        rows.append({**told, **in_time(found, origins, mine).as_dict()})
    return rows


def temperature_groups(origins: Origins) -> list[tuple[float | None, NDArray[np.bool_]]]:
    """Return temperature and frames of each group of trajectories of nearly the same measured temperature, the coldest first."""
    numbers, first = np.unique(origins.trajectory, return_index=True)
    temperatures = origins.temperature[first]
    measured = np.isfinite(temperatures)
    group = np.full(len(numbers), -1)
    group[measured] = same_temperature(temperatures[measured].tolist())
    found: list[tuple[float | None, NDArray[np.bool_]]] = []
    for one in sorted(set(group.tolist()), key=lambda number: (number < 0, number)):
        mine = np.isin(origins.trajectory, numbers[group == one])
        found.append((None if one < 0 else round(float(origins.temperature[mine].mean()), 3), mine))
    return found


def by_composition(found: Comparison, origins: Origins, composition: NDArray[np.int64], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the errors on the frames of each composition: ``composition`` ``(n_frames,)`` are places in ``names``."""
    return [{"composition": name, **in_time(found, origins, composition == k).as_dict()} for k, name in enumerate(names)]


def worst(found: Comparison, origins: Origins) -> dict[str, list[dict[str, Any]]]:
    """Return the frames with the largest errors, the worst first: ``forces`` by root mean square, ``energy`` by what it is off by."""
    forces, energy = found.force_rmse * MILLI, found.energy_errors * MILLI

    def named(size: NDArray[np.float64], errors: NDArray[np.float64], key: str) -> list[dict[str, Any]]:
        order = np.argsort(-size, kind="stable")[:WORST]
        return [{"trajectory": int(origins.trajectory[k]), "step": int(origins.step[k]), key: float(errors[k])} for k in order]

    return {
        "forces": named(forces, forces, "forces_rmse_mev_per_angstrom"),
        "energy": named(np.abs(energy), energy, "energy_error_mev_per_atom"),
    }

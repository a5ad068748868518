# SPDX-License-Identifier: MIT
"""What is measured along a plateau to tell a melt from a hot solid: neighbours in time, motion, the way over the barrier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import linkers, neighbours
from aiida_zif.science.frames import Frames
from aiida_zif.science.mobility import Mobility, wander
from aiida_zif.science.rdf import radial_distribution
from aiida_zif.science.topology import Topology
from aiida_zif.science.units import BOLTZMANN, EV_IN_KJ_PER_MOL

FULL = 4
"""N around a Zn of the crystal."""
PMF_RANGE, PMF_BINS = 6.0, 120
"""Å, and so many bins of 0.05 Å."""
FIRST_WELL = (1.6, 2.5)
"""Å: where the bonded N stand."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The plateau in time, for a figure and for whoever doubts the verdict."""

    times_ps: NDArray[np.float64] | None
    """``(n_frames,)``; ``None`` where the frames carry none."""
    series: dict[str, NDArray[np.float64]]
    """``(n_frames,)`` each: ``exchanged``, ``coordination``, ``under_coordinated``, ``barrier``, see :func:`zinc_series`."""
    zinc: Mobility | None
    linker: Mobility | None
    pmf: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Distance, Å, and potential of mean force, kJ/mol; infinite where no N was seen."""
    thresholds: dict[str, float | None]


def zinc_series(
    melt: Frames, known: set[tuple[int, int]], cutoff: float, region: tuple[float, float]
) -> tuple[dict[str, NDArray[np.float64]], set[tuple[int, int]]]:
    """Return, frame by frame, and then the pairs (Zn, N) not in ``known`` that stand in each of the last two frames:

    ``exchanged``, the share of the Zn with a neighbour not in ``known`` that was there one frame before, too; ``coordination``;
    ``under_coordinated``, the share of the Zn with fewer than four N; ``barrier``, N per Zn between the two distances of ``region``.
    """
    zinc, nitrogen = melt.indices_of("Zn"), melt.indices_of("N")
    rows: dict[str, list[float]] = {name: [] for name in ("exchanged", "coordination", "under_coordinated", "barrier")}
    last: set[tuple[int, int]] | None = None
    stayed: set[tuple[int, int]] = set()
    for k in range(len(melt)):
        i, j, distance = neighbours.between(melt.positions[k][zinc], melt.positions[k][nitrogen], melt.cells[k], max(cutoff, region[1]))
        bonded = distance < cutoff
        counts = np.bincount(i[bonded], minlength=len(zinc))
        new = set(zip(zinc[i[bonded]].tolist(), nitrogen[j[bonded]].tolist(), strict=True)) - known
        stayed = new & last if last is not None else set()
        rows["exchanged"].append(len({z for z, _ in stayed}) / len(zinc))
        rows["coordination"].append(float(counts.mean()))
        rows["under_coordinated"].append(float((counts < FULL).mean()))
        rows["barrier"].append(float(((distance >= region[0]) & (distance < region[1])).sum() / len(zinc)))
        last = new
    # the first frame has none before it: what holds in the second held there, too
    rows["exchanged"][0] = rows["exchanged"][1]
    return {name: np.array(values) for name, values in rows.items()}, stayed


def mobilities(melt: Frames, topology: Topology | None) -> tuple[Mobility | None, Mobility | None, str]:
    """Return how Zn and the centres of mass of the linkers wander, the drift of the whole taken out, and why not where they are unknown.

    Without masses centres of mass are centres.
    """
    if melt.times is None:
        return None, None, "the frames carry no times"
    weights = np.ones(len(melt.species)) if melt.masses is None else melt.masses
    positions = melt.positions - np.einsum("i,fia->fa", weights / weights.sum(), melt.positions)[:, None]
    try:
        zinc = wander(positions[:, melt.indices_of("Zn")], melt.times)
        if topology is None:
            return zinc, None, "the linkers are not known"
        return zinc, wander(_centres(topology, positions, melt.cells, weights), melt.times), ""
    except ValueError as problem:
        return None, None, str(problem)


def _centres(
    topology: Topology, positions: NDArray[np.float64], cells: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``(n_frames, n_linkers, 3)`` centres of mass; each linker is put together around its first atom, whose path is continuous."""
    inside = topology.linker_of >= 0
    owner, weight = topology.linker_of[inside], weights[inside]
    total = np.bincount(owner, weights=weight)[:, None]
    found = np.empty((len(positions), topology.n_linkers, 3))
    for k in range(len(positions)):
        whole = linkers.unwrap(topology, positions[k], cells[k])[inside] * weight[:, None]
        found[k] = np.stack([np.bincount(owner, weights=whole[:, axis]) for axis in range(3)], axis=1) / total
    return found


def barrier_of(
    melt: Frames, temperature_k: float, region: tuple[float, float]
) -> tuple[float | None, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the height of the barrier in ``region`` above the first well, kJ/mol, and the potential of mean force of Zn–N.

    F(r) = −kT (ln g(r) − ln g_max). ``None`` where somewhere in the region no N was ever seen: the barrier is higher than can be told.
    """
    found = radial_distribution(melt, "Zn", "N", PMF_RANGE, PMF_BINS)
    scale = BOLTZMANN * temperature_k * EV_IN_KJ_PER_MOL
    with np.errstate(divide="ignore", invalid="ignore"):
        well = (found.r >= FIRST_WELL[0]) & (found.r < FIRST_WELL[1])
        force: Any = -scale * (np.log(found.g) - np.log(found.g[well].max()))
    inside = force[(found.r >= region[0]) & (found.r < region[1])]
    height = float(inside.max()) if len(inside) and np.isfinite(inside).all() else None
    return height, (found.r, np.asarray(force))

# SPDX-License-Identifier: MIT
"""How many atoms of one element stand around those of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate, mean_with_error

CUTOFF = 2.5
"""Zn–N neighbours are nearer than this, Å: the first minimum of g(r), as in doi:10.1039/D3DD00236E."""


@dataclass(frozen=True, eq=False)
class Coordination:
    """Coordination numbers along a trajectory."""

    mean: NDArray[np.float64]
    """``(n_frames,)``, mean number of neighbours of a centre in each frame."""
    histogram: dict[int, float]
    """Coordination number to its share of all centres in all frames; shares sum to 1, none is 0."""
    estimate: Estimate
    """Mean over the frames, its error corrected for autocorrelation."""


def coordination(frames: Frames, center: str = "Zn", neighbour: str = "N", cutoff: float = CUTOFF) -> Coordination:
    """Return the coordination of the ``center`` atoms by ``neighbour`` atoms nearer than ``cutoff`` Å.

    Raises ``ValueError`` where there is no frame or no atom of one of the two elements.
    """
    if not len(frames):
        raise ValueError("a coordination number needs one frame or more; none was given")
    centers, others = _chosen(frames.species, center, neighbour)
    found = np.stack(
        [_counted(positions, cell, centers, others, cutoff) for positions, cell in zip(frames.positions, frames.cells, strict=True)]
    )
    shares = np.bincount(found.ravel()) / found.size
    mean: NDArray[np.float64] = found.mean(axis=1)
    return Coordination(mean, {int(n): float(shares[n]) for n in np.flatnonzero(shares)}, mean_with_error(mean))


def pairs(
    species: Sequence[str],
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    center: str = "Zn",
    neighbour: str = "N",
    cutoff: float = CUTOFF,
) -> set[tuple[int, int]]:
    """Return the pairs ``(index of the centre, index of the neighbour)`` nearer than ``cutoff`` Å in one frame.

    Two images of one atom around the same centre are one pair. Raises ``ValueError`` without an atom of one of the two elements.
    """
    centers, others = _chosen(species, center, neighbour)
    i, j = _near(positions, cell, centers, others, cutoff)
    return set(zip(centers[i].tolist(), others[j].tolist(), strict=True))


def counts(
    species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64], center: str, neighbour: str, cutoff: float,
    unique: bool = False,
) -> NDArray[np.int64]:  # fmt: skip
    """Return ``(n_centers,)``, the neighbours of each centre in one frame: those nearer than ``cutoff`` Å.

    Where they are ``unique``, as in aMOF, which takes 2.895 Å, a neighbour counts for its nearest centre only.
    Raises ``ValueError`` without an atom of one of the two.
    """
    centers, others = _chosen(species, center, neighbour)
    if not unique or np.array_equal(centers, others):
        return _counted(positions, cell, centers, others, cutoff)
    i, j, distance = neighbours.between(positions[centers], positions[others], cell, cutoff)
    order = np.lexsort((distance, j))
    _, first = np.unique(j[order], return_index=True)
    found: NDArray[np.int64] = np.bincount(i[order][first], minlength=len(centers))
    return found


def _chosen(species: Sequence[str], center: str, neighbour: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of both elements: only they are looked at, in a zinc imidazolate a third of the atoms."""
    symbols = np.array(species)
    for symbol in (center, neighbour):
        if symbol not in species:
            raise ValueError(f"there is no {symbol} among {', '.join(sorted(set(species)))}; ask for elements that are there")
    return np.flatnonzero(symbols == center), np.flatnonzero(symbols == neighbour)


def _near(
    positions: NDArray[np.float64], cell: NDArray[np.float64], centers: NDArray[np.intp], others: NDArray[np.intp], cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return places in ``centers`` and ``others`` of every pair of neighbours."""
    if centers is others or np.array_equal(centers, others):
        i, j, _, _ = neighbours.pairs(positions[centers], cell, cutoff)
        return i, j
    i, j, _ = neighbours.between(positions[centers], positions[others], cell, cutoff)
    return i, j


def _counted(
    positions: NDArray[np.float64], cell: NDArray[np.float64], centers: NDArray[np.intp], others: NDArray[np.intp], cutoff: float
) -> NDArray[np.int64]:
    i, _ = _near(positions, cell, centers, others, cutoff)
    found: NDArray[np.int64] = np.bincount(i, minlength=len(centers))
    return found

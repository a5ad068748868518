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
    each = zip(frames.positions, frames.cells, strict=True)
    found = np.stack([counts(frames.species, positions, cell, center, neighbour, cutoff) for positions, cell in each])
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
    i, j = _neighbours(species, positions, cell, center, neighbour, cutoff)
    return set(zip(i.tolist(), j.tolist(), strict=True))


def _neighbours(
    species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64], center: str, neighbour: str, cutoff: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    symbols = np.array(species)
    for symbol in (center, neighbour):
        if symbol not in species:
            raise ValueError(f"there is no {symbol} among {', '.join(sorted(set(species)))}; ask for elements that are there")
    # Only the two elements are handed on: in a zinc imidazolate that is a third of the atoms.
    centers, others = np.flatnonzero(symbols == center), np.flatnonzero(symbols == neighbour)
    if center == neighbour:
        i, j, _, _ = neighbours.pairs(positions[centers], cell, cutoff)
    else:
        i, j, _ = neighbours.between(positions[centers], positions[others], cell, cutoff)
    return centers[i], others[j]


def counts(
    species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64], center: str, neighbour: str, cutoff: float
) -> NDArray[np.int64]:
    """Return ``(n_centers,)``, the neighbours of each centre in one frame. Raises ``ValueError`` without an atom of one of the two."""
    i, _ = _neighbours(species, positions, cell, center, neighbour, cutoff)
    found: NDArray[np.int64] = np.bincount(i, minlength=len(species))[np.array(species) == center]
    return found

# SPDX-License-Identifier: MIT
"""Radial distribution functions of pairs of elements, and the potential of mean force between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames
from aiida_zif.science.units import BOLTZMANN


@dataclass(frozen=True, eq=False)
class Rdf:
    """g(r) of one pair of elements and its integral."""

    r: NDArray[np.float64]
    """``(n_bins,)``, middles of the bins, Å."""
    g: NDArray[np.float64]
    """``(n_bins,)``, 1 for an ideal gas."""
    running_coordination: NDArray[np.float64]
    """``(n_bins,)``, mean number of ``b`` around an ``a`` nearer than the *upper edge* of each bin."""
    g_parts: NDArray[np.float64]
    """``(n_parts, n_bins)``, g of consecutive parts of the run: what its error is judged by."""

    @property
    def error(self) -> NDArray[np.float64]:
        """``(n_bins,)``, standard error of g from the spread of its parts; NaN where there is one part only."""
        return spread_of_parts(self.g_parts)


class Pairs:
    """Distances between two elements, counted frame by frame, exact in triclinic cells and for ``r_max`` (Å) beyond half the box.

    g = ⟨V n(r)⟩ / (N_a N_b 4π/3 (r₊³ − r₋³)) with n(r) the ordered pairs in the bin. Periodic images are counted, an atom itself is not.
    Raises ``ValueError`` where there is no such atom, no bin, or ``r_max`` is not positive.
    """

    def __init__(self, species: Sequence[str], a: str, b: str, r_max: float = 10.0, n_bins: int = 500, n_parts: int = 1) -> None:
        if n_bins < 1 or n_parts < 1:
            raise ValueError(f"{n_bins} bins and {n_parts} parts were given; g(r) needs one or more of each")
        for symbol in (a, b):
            if symbol not in species:
                raise ValueError(f"there is no {symbol} among {', '.join(sorted(set(species)))}; ask for elements that are there")
        symbols = np.array(species)
        self._first, self._second = np.flatnonzero(symbols == a), np.flatnonzero(symbols == b)
        self._same, self._r_max = a == b, r_max
        self._counts, self._weighted = np.zeros(n_bins), np.zeros((n_parts, n_bins))
        self._frames = np.zeros(n_parts, dtype=np.int64)

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64], part: int = 0) -> None:
        """Count the pairs of one frame, ``(n_atoms, 3)`` and ``(3, 3)``, Å, which belongs to ``part`` of the run."""
        n_bins = len(self._counts)
        found = np.zeros(n_bins)
        for distance in neighbours.distances(positions[self._first], positions[self._second], cell, self._r_max):
            found += np.bincount((distance * (n_bins / self._r_max)).astype(np.int64), minlength=n_bins)[:n_bins]
        if self._same:  # an atom is not its own neighbour
            found[0] -= len(self._first)
        self._counts += found
        self._weighted[part] += found * abs(np.linalg.det(cell))
        self._frames[part] += 1

    def result(self) -> Rdf:
        """Return g(r) of what was counted. Raises ``ValueError`` without a frame."""
        n = int(self._frames.sum())
        if not n:
            raise ValueError("g(r) needs one frame or more; none was given")
        edges = np.linspace(0.0, self._r_max, len(self._counts) + 1)
        ideal = len(self._first) * len(self._second) * 4 * np.pi / 3 * np.diff(edges**3)
        seen = self._frames > 0
        return Rdf(
            r=(edges[1:] + edges[:-1]) / 2,
            g=self._weighted.sum(axis=0) / (n * ideal),
            running_coordination=np.cumsum(self._counts) / (n * len(self._first)),
            g_parts=self._weighted[seen] / (self._frames[seen, None] * ideal),
        )


def radial_distribution(frames: Frames, a: str, b: str, r_max: float = 10.0, n_bins: int = 500) -> Rdf:
    """Return g_ab(r) averaged over the frames. Raises ``ValueError`` as :class:`Pairs`, and without a frame."""
    if not len(frames):
        raise ValueError(f"{len(frames)} frames and {n_bins} bins were given; g(r) needs one or more of each")
    counted = Pairs(frames.species, a, b, r_max, n_bins)
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        counted.add(positions, cell)
    return counted.result()


def spread_of_parts(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error, ``(n,)``, of the mean of ``(n_parts, n)``; NaN for one part."""
    if len(parts) < 2:
        return np.full(parts.shape[1], np.nan)
    error: NDArray[np.float64] = parts.std(axis=0, ddof=1) / np.sqrt(len(parts))
    return error


@dataclass(frozen=True)
class Barrier:
    """What has to be climbed to leave the first shell."""

    first_minimum: float
    """Distance of the deepest well, which is the highest peak of g(r), Å."""
    barrier_position: float
    """Distance of the highest point beyond it, where g(r) is lowest, Å."""
    height: float
    """From the well to that point, eV: a free energy."""
    return_height: float
    """From the lowest point beyond the barrier back up to it, eV."""


def pmf(r: NDArray[np.float64], g: NDArray[np.float64], temperature_k: float) -> NDArray[np.float64]:
    """Return the potential of mean force −kT ln g, ``(n_bins,)``, eV: infinite in bins where no pair was seen, 0 for an ideal gas.

    Raises ``ValueError`` where ``r`` (Å) and ``g`` differ in shape, a g is negative or no number, or the temperature (K) is not positive.
    """
    g = np.asarray(g, dtype=float)
    if np.shape(r) != g.shape or not (np.isfinite(g) & (g >= 0)).all():
        raise ValueError(
            f"a potential of mean force needs one g ≥ 0 per distance; {g.shape} of them for {np.shape(r)} distances were given"
        )
    if not (np.isfinite(temperature_k) and temperature_k > 0):
        raise ValueError(f"a potential of mean force needs a positive temperature in K, not {temperature_k:g}")
    energy = np.full(g.shape, np.inf)
    energy[g > 0] = -BOLTZMANN * temperature_k * np.log(g[g > 0])
    return energy


def barrier(r: NDArray[np.float64], pmf: NDArray[np.float64]) -> Barrier:
    """Return the barrier of a potential of mean force (eV) over distances (Å): from its deepest well to its highest point beyond.

    The height of a rarely visited top is that of its emptiest bin and so grows with the number of bins: take few, and repeat it on blocks
    of frames for an error.
    Raises ``ValueError`` where no pair was seen, none was seen at the top (the height is then unknown, not infinite), or the curve ends
    before it has come down again.
    """
    r, pmf = np.asarray(r, dtype=float), np.asarray(pmf, dtype=float)
    if r.shape != pmf.shape or not np.isfinite(pmf).any():
        raise ValueError("there is no barrier to find where no pair of atoms was seen; give g(r) to a longer distance")
    well = int(np.argmin(pmf))
    beyond = np.arange(len(r)) > well
    if not beyond.any() or pmf[beyond].max() <= pmf[well]:
        raise ValueError(f"g(r) ends at {r[-1]:.2f} Å, in its highest peak; a barrier needs longer distances")
    empty = r[beyond & ~np.isfinite(pmf)]
    if len(empty):
        raise ValueError(
            f"no pair was seen in {len(empty)} bins from {empty[0]:.2f} to {empty[-1]:.2f} Å: the barrier was not crossed often enough "
            "to be measured; take more frames, fewer bins or a higher temperature"
        )
    top = well + 1 + int(np.argmax(pmf[beyond]))
    if top == len(r) - 1:
        raise ValueError(f"g(r) is still falling where it ends, at {r[-1]:.2f} Å; a barrier needs longer distances")
    return Barrier(float(r[well]), float(r[top]), float(pmf[top] - pmf[well]), float(pmf[top] - pmf[top:].min()))

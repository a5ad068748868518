# SPDX-License-Identifier: MIT
"""Radial distribution functions of pairs of elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames


@dataclass(frozen=True, eq=False)
class Rdf:
    """g(r) of one pair of elements and its integral."""

    r: NDArray[np.float64]
    """``(n_bins,)``, middles of the bins, Å."""
    g: NDArray[np.float64]
    """``(n_bins,)``, 1 for an ideal gas."""
    running_coordination: NDArray[np.float64]
    """``(n_bins,)``, mean number of ``b`` around an ``a`` nearer than the *upper edge* of each bin."""


def radial_distribution(frames: Frames, a: str, b: str, r_max: float = 10.0, n_bins: int = 500) -> Rdf:
    """Return g_ab(r) averaged over the frames, exact in triclinic cells and for ``r_max`` (Å) beyond half the box.

    g = ⟨V n(r)⟩ / (N_a N_b 4π/3 (r₊³ − r₋³)) with n(r) the ordered pairs in the bin. Periodic images are counted, an atom itself is not.

    Raises ``ValueError`` where there is no frame, no such atom, no bin, or ``r_max`` is not positive.
    """
    if not len(frames) or n_bins < 1:
        raise ValueError(f"{len(frames)} frames and {n_bins} bins were given; g(r) needs one or more of each")
    symbols = np.array(frames.species)
    for symbol in (a, b):
        if symbol not in frames.species:
            raise ValueError(f"there is no {symbol} among {', '.join(sorted(set(frames.species)))}; ask for elements that are there")
    of_a, of_b = frames.positions[:, symbols == a], frames.positions[:, symbols == b]
    n_a, n_b = of_a.shape[1], of_b.shape[1]
    counts, density = np.zeros(n_bins), np.zeros(n_bins)
    for k, volume in enumerate(frames.volumes):
        if a == b:
            _, _, distance, _ = neighbours.pairs(of_a[k], frames.cells[k], r_max)
        else:
            _, _, distance = neighbours.between(of_a[k], of_b[k], frames.cells[k], r_max)
        found = np.bincount((distance * (n_bins / r_max)).astype(np.int64), minlength=n_bins)[:n_bins]
        counts += found
        density += found * volume
    edges = np.linspace(0.0, r_max, n_bins + 1)
    shells = 4 * np.pi / 3 * np.diff(edges**3)
    return Rdf(
        r=(edges[1:] + edges[:-1]) / 2,
        g=density / (len(frames) * n_a * n_b * shells),
        running_coordination=np.cumsum(counts) / (len(frames) * n_a),
    )

# SPDX-License-Identifier: MIT
"""Distribution of the angles at one element between two neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames


@dataclass(frozen=True, eq=False)
class Angles:
    """Distribution of an angle over all centres and frames."""

    degrees: NDArray[np.float64]
    """``(n_bins,)``, middles of the bins between 0° and 180°."""
    density: NDArray[np.float64]
    """``(n_bins,)``, per degree, integral 1; not divided by sin θ. All 0 where no centre has two neighbours."""
    mean: float
    """Degrees; NaN where there is no angle."""
    std: float
    """Standard deviation of the distribution, degrees; NaN where there is no angle."""
    n_angles: int
    """Angles counted in all frames."""


def angle_distribution(
    frames: Frames, end: str = "N", center: str = "Zn", other_end: str = "N", cutoff: float = 2.5, n_bins: int = 180
) -> Angles:
    """Return the distribution of the angle end–center–other_end, both ends nearer than ``cutoff`` Å to the centre, each angle once.

    Raises ``ValueError`` where there is no frame, no such atom or no bin.
    """
    if not len(frames) or n_bins < 1:
        raise ValueError(f"{len(frames)} frames and {n_bins} bins were given; a distribution needs one or more of each")
    each = zip(frames.positions, frames.cells, strict=True)
    angles = np.concatenate([frame_angles(frames.species, positions, cell, end, center, other_end, cutoff) for positions, cell in each])
    edges = np.linspace(0.0, 180.0, n_bins + 1)
    counts, _ = np.histogram(angles, bins=edges)
    n = len(angles)
    return Angles(
        degrees=(edges[1:] + edges[:-1]) / 2,
        density=counts / (n * 180.0 / n_bins) if n else np.zeros(n_bins),
        mean=float(angles.mean()) if n else float("nan"),
        std=float(angles.std()) if n else float("nan"),
        n_angles=n,
    )


def frame_angles(
    species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64], end: str = "N", center: str = "Zn",
    other_end: str = "N", cutoff: float = 2.5,
) -> NDArray[np.float64]:  # fmt: skip
    """Return ``(n_angles,)``, the angles of one frame in degrees. Raises ``ValueError`` where an element is missing."""
    for symbol in (end, center, other_end):
        if symbol not in species:
            raise ValueError(f"there is no {symbol} among {', '.join(sorted(set(species)))}; ask for elements that are there")
    symbols = np.array(species)
    chosen = np.flatnonzero(np.isin(symbols, [end, center, other_end]))
    names, positions = symbols[chosen], positions[chosen]
    i, j, distance, vector = neighbours.pairs(positions, cell, cutoff)
    wanted = (names[i] == center) & ((names[j] == end) | (names[j] == other_end))
    order = np.argsort(i[wanted], kind="stable")
    at, outer = i[wanted][order], names[j[wanted]][order]
    unit = (vector[wanted] / distance[wanted, None])[order]
    parts = [np.empty(0)]
    # Entries of one centre stand together: the pairs of them are those ``apart`` entries away, until no centre has that many.
    for apart in range(1, len(at)):
        same = at[:-apart] == at[apart:]
        if not same.any():
            break
        fits = (outer[:-apart] == end) & (outer[apart:] == other_end) | (outer[:-apart] == other_end) & (outer[apart:] == end)
        one, two = unit[:-apart][same & fits], unit[apart:][same & fits]
        # More exact near 0° and 180° than the arc cosine.
        parts.append(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, two), axis=1), np.einsum("na,na->n", one, two))))
    return np.concatenate(parts)

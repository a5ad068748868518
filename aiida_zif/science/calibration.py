# SPDX-License-Identifier: MIT
"""Is the disagreement of an ensemble an uncertainty? Force errors against it: scale, rank correlation, coverage.

The members of an ensemble predict forces Fₘ on each atom. Their disagreement is u = √⟨|Fₘ − ⟨F⟩|²⟩ (mean over members), eV/Å. The
model of the error is that each component of ⟨F⟩ − F_ref is normal with standard deviation s·u/√3, with one scale s for all atoms. Its
likelihood is largest at s² = ⟨|⟨F⟩ − F_ref|²/u²⟩. Since ⟨|Fₘ − F_ref|²⟩ = |⟨F⟩ − F_ref|² + u², the scale of a single member is √(s² + 1).

Error bars come from drawing whole frames again with replacement, since the atoms of one frame are not independent. Frames that are
near in time are not independent, either: of such the error bars are too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.measured import Measured

Floats = NDArray[np.float64]

SIGMAS: tuple[float, ...] = (1.0, 2.0)
"""Within so many calibrated standard deviations the errors are counted."""


@dataclass(frozen=True)
class Coverage:
    """The share of the force components whose error is within some calibrated standard deviations."""

    sigmas: float
    expected: float
    """Of a normal distribution: 68.3 % for 1, 95.4 % for 2."""
    found: Measured


@dataclass(frozen=True)
class Calibration:
    """What the disagreement of an ensemble says of its errors."""

    scale: Measured
    """s: the error of the mean force is normal with standard deviation s·u/√3 by component."""
    member_scale: Measured
    """√(s² + 1): the same for a single member, for instance the one that runs MD."""
    rank_correlation: Measured
    """Spearman's, between disagreement and size of the error, over all atoms: whether more disagreement means more error."""
    coverage: tuple[Coverage, ...]
    n_frames: int
    n_atoms: int
    """Atoms of all frames together."""
    n_agreeing: int
    """Atoms on which the members agree exactly, which say nothing and were left out."""
    n_resamples: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python: each error bar beside its value, coverages by the number of sigmas."""
        found: dict[str, Any] = {}
        for name in ("scale", "member_scale", "rank_correlation"):
            found[name], found[f"{name}_error"] = getattr(self, name)
        for one in self.coverage:
            name = f"coverage_{one.sigmas:g}_sigma"
            found |= {name: one.found.mean, f"{name}_error": one.found.error, f"{name}_expected": one.expected}
        counts = {name: getattr(self, name) for name in ("n_frames", "n_atoms", "n_agreeing", "n_resamples", "seed")}
        return {**found, **counts}


def disagreement(forces: ArrayLike) -> Floats:
    """Return ``(…, n_atoms)``, eV/Å, of ``forces`` ``(n_members, …, n_atoms, 3)``: √⟨|Fₘ − ⟨F⟩|²⟩, the mean over members.

    Raises ``ValueError`` for fewer than two members.
    """
    members = np.asarray(forces, dtype=np.float64)
    if len(members) < 2:
        raise ValueError(f"{len(members)} model cannot disagree with itself: give two or more")
    apart = members - members.mean(axis=0)
    result: Floats = np.sqrt((apart**2).sum(axis=-1).mean(axis=0))
    return result


def calibrate(errors: ArrayLike, uncertainties: ArrayLike, frames: ArrayLike, *, seed: int, n_resamples: int = 200) -> Calibration:
    """Return how the ``errors`` of the mean force go with the disagreement of the members.

    ``errors`` are ⟨F⟩ − F_ref, ``(n, 3)``, and ``uncertainties`` u, ``(n,)``, both eV/Å; ``frames`` ``(n,)`` numbers the frame of each
    atom. ``seed`` is that of the draws of frames.
    Raises ``ValueError`` where the shapes differ, a number is not finite, all members agree everywhere, or there are fewer than two frames.
    """
    e, u, index = np.asarray(errors, dtype=np.float64), np.asarray(uncertainties, dtype=np.float64), np.asarray(frames)
    if e.shape != (len(u), 3) or index.shape != u.shape:
        raise ValueError(f"errors of shape {e.shape}, {len(u)} uncertainties and {len(index)} frame numbers do not belong together")
    if not np.isfinite(e).all() or not np.isfinite(u).all() or (u < 0).any():
        raise ValueError("an error or a disagreement is not a finite number: leave such frames out, or mend the model")
    apart = u > 0
    if not apart.any():
        raise ValueError("the members agree exactly on every atom: they are one model; train each with a seed of its own")
    names, index = np.unique(index[apart], return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"a calibration needs frames to draw from again, but there is {len(names)}: give two or more")
    z = e[apart] / u[apart, None]
    per_frame = _sums(index, (z**2).sum(axis=1))
    ranks = (_ranks(u[apart]), _ranks(np.linalg.norm(e[apart], axis=1)))
    weights = _resampled(len(names), n_resamples, seed)
    scales = np.sqrt((weights @ per_frame) / (weights @ np.bincount(index)))
    return Calibration(
        scale=_measured(scales),
        member_scale=_measured(np.sqrt(scales**2 + 1)),
        rank_correlation=_measured(_correlations(index, *ranks, weights)),
        coverage=_coverage(np.abs(z), index, weights, scales),
        n_frames=len(names),
        n_atoms=len(u),
        n_agreeing=int((~apart).sum()),
        n_resamples=n_resamples,
        seed=seed,
    )


def _resampled(n_frames: int, n_resamples: int, seed: int) -> Floats:
    """Return ``(1 + n_resamples, n_frames)`` how often each frame counts: once in the first row, as drawn in the others."""
    drawn = np.random.default_rng(seed).multinomial(n_frames, np.full(n_frames, 1 / n_frames), size=n_resamples)
    return np.vstack([np.ones(n_frames), drawn])


def _measured(values: Floats) -> Measured:
    """Return the value of the first row, and the standard deviation over the others."""
    return Measured(float(values[0]), float(values[1:].std(ddof=1)) if len(values) > 2 else float("nan"))


def _sums(index: NDArray[np.intp], values: Floats) -> Floats:
    sums: Floats = np.bincount(index, weights=values).astype(np.float64)
    return sums


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value, the mean rank of equal ones."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return ranks


def _correlations(index: NDArray[np.intp], a: Floats, b: Floats, weights: Floats) -> Floats:
    """Return Pearson's correlation of two columns of ranks for each row of ``weights``; the ranks stay those among all atoms."""
    a, b = a - a.mean(), b - b.mean()
    n, sa, sb, saa, sbb, sab = (weights @ _sums(index, column) for column in (np.ones_like(a), a, b, a * a, b * b, a * b))
    spread = np.sqrt((saa - sa**2 / n) * (sbb - sb**2 / n))
    result: Floats = np.divide(sab - sa * sb / n, spread, out=np.zeros_like(n), where=spread > 0)
    return result


def _coverage(z: Floats, index: NDArray[np.intp], weights: Floats, scales: Floats) -> tuple[Coverage, ...]:
    """Count for each row of ``weights`` with its own scale; ``z`` ``(n, 3)`` are the sizes of the errors, in disagreements."""
    order = np.argsort(z, axis=None)
    ordered, owner = z.ravel()[order], np.repeat(index, 3)[order]
    found = np.empty((len(SIGMAS), len(scales)))
    for row, (weight, scale) in enumerate(zip(weights, scales, strict=True)):
        ends = np.searchsorted(ordered, [k * scale / sqrt(3) for k in SIGMAS], side="right")
        counted = [weight[owner[:end]].sum() for end in ends]
        found[:, row] = np.array(counted) / weight[owner].sum()
    return tuple(Coverage(k, erf(k / sqrt(2)), _measured(shares)) for k, shares in zip(SIGMAS, found, strict=True))

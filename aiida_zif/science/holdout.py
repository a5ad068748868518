# SPDX-License-Identifier: MIT
"""Which frames no model ever sees, and how far in time they lie from those it learned from.

What is held out is decided before anything is drawn, by a seed of its own: a scan over the number of training frames, the method or the
seed of the draw is measured on the same frames throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.statistics import statistical_inefficiency

Mask = NDArray[np.bool_]


class TimeMasks(NamedTuple):
    """Two masks ``(n_frames,)`` over the frames of one trajectory. A frame in neither is the gap between them."""

    available: Mask
    """Frames that training and validation may draw from."""
    held_out: Mask
    """Frames that no model sees."""


def independent_frames(energies: ArrayLike) -> int:
    """Return the gap ``auto``: the frames between two independent ones, ⌈1 + 2τ⌉, more than twice the autocorrelation time τ of the energy.

    Energies that are not finite are left out. Raises ``ValueError`` where none is finite.
    """
    values = np.asarray(energies, dtype=np.float64)
    return math.ceil(statistical_inefficiency(values[np.isfinite(values)]))


def split_by_time(steps_per_trajectory: Sequence[ArrayLike], held_out_fraction: float, gap: int | Sequence[int]) -> list[TimeMasks]:
    """Return per trajectory which frames may be drawn and which are held out: its last block, ``gap`` frames before it dropped.

    Frames close in time are nearly equal: a random held-out draw would quote the error of remembered frames.
    ``steps_per_trajectory`` are the MD steps, strictly rising. The block has round(fraction × frames) frames, at least one if fraction > 0.
    ``gap`` is one number, or one for each trajectory (``independent_frames``).
    Raises ``ValueError`` for a fraction outside [0, 1), a negative gap, steps that do not rise, or a trajectory of which nothing is left.
    """
    if not 0 <= held_out_fraction < 1:
        raise ValueError(f"held_out_fraction is {held_out_fraction}, but must be at least 0 and below 1")
    gaps = _gaps(gap, len(steps_per_trajectory))
    masks = []
    for number, (steps, dropped) in enumerate(zip(steps_per_trajectory, gaps, strict=True)):
        n_frames = len(_rising(steps, number))
        n_held = max(1, round(held_out_fraction * n_frames)) if held_out_fraction > 0 else 0
        n_left = n_frames - n_held - (dropped if n_held else 0)
        if n_left < 1:
            raise ValueError(
                f"trajectory {number} has {n_frames} frames, but {n_held} held out and a gap of {dropped} leave none to train on: "
                "lengthen it, or lower the fraction or the gap"
            )
        position = np.arange(n_frames)
        masks.append(TimeMasks(available=position < n_left, held_out=position >= n_frames - n_held))
    return masks


def split_at_random(
    usable_per_trajectory: Sequence[ArrayLike], n_held_out: int, gap: int | Sequence[int], rng: np.random.Generator
) -> list[TimeMasks]:
    """Return per trajectory which frames may be drawn and which are held out: ``n_held_out`` in all, at random from the usable ones.

    This is the published way (10 000 of 1.19 million frames, doi:10.1039/D3DD00236E), but drawn before the others instead of from what
    they leave. A frame of a gap (``gap`` frames before and after each held-out one) is not available either; without a gap most
    held-out frames have a neighbour in time among those trained on: ``nearest`` says how near.
    Raises ``ValueError`` for a negative gap or number, more frames than there are, or where nothing is left to train on.
    """
    usable = [np.asarray(mask, dtype=np.bool_) for mask in usable_per_trajectory]
    gaps = _gaps(gap, len(usable))
    lengths = [len(mask) for mask in usable]
    candidates = np.flatnonzero(np.concatenate(usable)) if usable else np.empty(0, dtype=np.intp)
    if not 0 <= n_held_out <= len(candidates):
        raise ValueError(f"{n_held_out} frames are to be held out, but {len(candidates)} are usable: ask for fewer")
    held = np.zeros(sum(lengths), dtype=np.bool_)
    held[candidates[rng.choice(len(candidates), size=n_held_out, replace=False)]] = True
    masks = []
    for start, length, width in zip(np.cumsum([0, *lengths[:-1]]), lengths, gaps, strict=True):
        mine = held[start : start + length]
        masks.append(TimeMasks(available=~_widened(mine, width), held_out=mine))
    if n_held_out and not any((mask.available & fit).any() for mask, fit in zip(masks, usable, strict=True)):
        raise ValueError(f"{n_held_out} frames held out at random with a gap of {max(gaps)} leave none to train on: lower either")
    return masks


def nearest(held_out: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """Return ``(n_held_out,)`` the distance of each held-out step to the nearest step trained on, in steps; infinite without any."""
    steps, known = np.asarray(held_out, dtype=np.int64), np.unique(np.asarray(trained, dtype=np.int64))
    if not len(known):
        return np.full(len(steps), np.inf)
    at = np.searchsorted(known, steps)
    below, above = known[np.maximum(at - 1, 0)], known[np.minimum(at, len(known) - 1)]
    distances: NDArray[np.float64] = np.minimum(np.abs(steps - below), np.abs(above - steps)).astype(np.float64)
    return distances


@dataclass(frozen=True)
class Leakage:
    """How far in time the held-out frames lie from those trained on."""

    nearest: float | None
    """Distance of the nearest pair, in steps; ``None`` where no trajectory has both."""
    median: float | None
    """Median distance from a held-out frame to its nearest training frame, in steps."""
    correlated: int
    """Held-out frames that lie within the autocorrelation time of a training frame."""
    n_held_out: int

    @property
    def sentence(self) -> str:
        """What this means for the errors that are quoted."""
        if not self.n_held_out or self.nearest is None:
            return "No held-out frame has a training frame in its own trajectory."
        if not self.correlated:
            return f"No held-out frame is correlated with a training frame: the nearest pair is {self.nearest:g} steps apart."
        return (
            f"{self.correlated} of {self.n_held_out} held-out frames lie within the autocorrelation time of a training frame: errors on "
            "them are those of nearly remembered frames; hold out the last block with the gap `auto` instead."
        )


def leakage(held_out: Sequence[ArrayLike], trained: Sequence[ArrayLike], autocorrelation_steps: Sequence[float]) -> Leakage:
    """Return how near in time training comes to what is held out; all three per trajectory, in steps.

    Raises ``ValueError`` where they differ in number.
    """
    found = [nearest(held, train) for held, train in zip(held_out, trained, strict=True)]
    correlated = sum(int((distance < limit).sum()) for distance, limit in zip(found, autocorrelation_steps, strict=True))
    distances: NDArray[Any] = np.concatenate([np.empty(0), *found])
    known = distances[np.isfinite(distances)]
    if not len(known):
        return Leakage(None, None, 0, len(distances))
    return Leakage(float(known.min()), float(np.median(known)), correlated, len(distances))


def _gaps(gap: int | Sequence[int], n: int) -> list[int]:
    gaps = [gap] * n if isinstance(gap, int) else list(gap)
    if len(gaps) != n:
        raise ValueError(f"{len(gaps)} gaps were given for {n} trajectories; give one for each, or one for all")
    if any(width < 0 for width in gaps):
        raise ValueError(f"gap is {min(gaps)} frames, but must not be negative")
    return gaps


def _rising(steps: ArrayLike, number: int) -> NDArray[Any]:
    order = np.asarray(steps)
    if (np.diff(order) <= 0).any():
        raise ValueError(f"the steps of trajectory {number} do not rise strictly: sort its frames and drop doubles first")
    return order


def _widened(mask: Mask, width: int) -> Mask:
    """Return the mask with ``width`` neighbours on either side of each entry."""
    change = np.zeros(len(mask) + 1, dtype=np.int64)
    at = np.flatnonzero(mask)
    np.add.at(change, np.maximum(at - width, 0), 1)
    np.add.at(change, np.minimum(at + width + 1, len(mask)), -1)
    wide: Mask = np.cumsum(change[:-1]) > 0
    return wide

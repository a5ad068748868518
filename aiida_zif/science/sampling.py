# SPDX-License-Identifier: MIT
"""Which frames a model learns from: random and flat-histogram draws, and splits that do not leak through time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Draw:
    """Frames drawn from those on offer. That bins stay empty is no error: it is counted."""

    indices: Indices
    """``(filled,)``, rising, into the frames on offer, each at most once."""
    asked: int
    """How many frames were asked for (of a flat histogram: the number of bins)."""
    filled: int
    """How many were drawn."""
    empty: int
    """``asked - filled``: bins that held no frame."""


@dataclass(frozen=True, eq=False)
class Split:
    """Integer indices into the concatenated frames, without an index in common.

    Raises ``ValueError`` where an index stands in two parts, or twice in one.
    """

    train: Indices
    """What the model is fitted to."""
    validation: Indices
    """Seen during training, for stopping; never fitted to."""
    held_out: Indices
    """Never seen: what the errors are quoted on."""
    rest: Indices
    """Free to be drawn, but not drawn."""

    def __post_init__(self) -> None:
        together = np.concatenate([self.train, self.validation, self.held_out, self.rest])
        if len(np.unique(together)) != len(together):
            raise ValueError("a frame stands in more than one part of the split; every frame may be used once only")


class TimeMasks(NamedTuple):
    """Two masks ``(n_frames,)`` over the frames of one trajectory. A frame in neither is the gap between them."""

    available: Mask
    """Frames that training and validation may draw from."""
    held_out: Mask
    """The last block."""


def random_draw(n_available: int, n: int, rng: np.random.Generator) -> Draw:
    """Return ``n`` of ``n_available`` frames, each equally likely, without replacement.

    Raises ``ValueError`` unless 0 ≤ n ≤ n_available.
    """
    if not 0 <= n <= n_available:
        raise ValueError(f"{n} frames were asked for, but {n_available} are there: ask for at most that many")
    return Draw(np.sort(rng.choice(n_available, size=n, replace=False)).astype(np.intp), asked=n, filled=n, empty=0)


def flat_histogram_draw(energies: ArrayLike, n: int, rng: np.random.Generator) -> Draw:
    """Return one frame from each of ``n`` equally wide bins of energy between the lowest and the highest, without replacement.

    Rare energies are thereby as well represented as common ones. Source: doi:10.1039/D3DD00236E (964 of 1000 bins filled).
    ``energies`` is ``(n_available,)``, eV of the whole cell; frames of different sizes do not belong into one draw.
    Raises ``ValueError`` for n < 0, more bins than frames, or an energy that is not finite.
    """
    values = np.asarray(energies, dtype=np.float64)
    if not 0 <= n <= len(values):
        raise ValueError(f"{n} bins were asked for, but {len(values)} frames are there: ask for at most that many")
    if not np.isfinite(values).all():
        raise ValueError(f"{(~np.isfinite(values)).sum()} of {len(values)} energies are not finite: leave these frames out before drawing")
    if n == 0:
        return Draw(np.empty(0, dtype=np.intp), 0, 0, 0)
    low, width = values.min(), np.ptp(values) / n
    # equal energies all belong to one bin; the highest energy belongs to the last bin, not to one beyond it
    bins = np.minimum(((values - low) / width).astype(np.int64), n - 1) if width > 0 else np.zeros(len(values), dtype=np.int64)
    shuffled = rng.permutation(len(values))
    _, first = np.unique(bins[shuffled], return_index=True)
    indices = np.sort(shuffled[first]).astype(np.intp)
    return Draw(indices, asked=n, filled=len(indices), empty=n - len(indices))


def split_by_time(steps_per_trajectory: Sequence[ArrayLike], held_out_fraction: float, gap: int) -> list[TimeMasks]:
    """Return per trajectory which frames may be drawn and which are held out: its last block, ``gap`` frames before it dropped.

    Frames close in time are nearly equal: a random held-out draw would quote the error of remembered frames.
    ``steps_per_trajectory`` are the MD steps, strictly rising. The block has round(fraction × frames) frames, at least one if fraction > 0.
    Raises ``ValueError`` for a fraction outside [0, 1), a negative gap, steps that do not rise, or a trajectory of which nothing is left.
    """
    if not 0 <= held_out_fraction < 1:
        raise ValueError(f"held_out_fraction is {held_out_fraction}, but must be at least 0 and below 1")
    if gap < 0:
        raise ValueError(f"gap is {gap} frames, but must not be negative")
    masks = []
    for number, steps in enumerate(steps_per_trajectory):
        order = np.asarray(steps)
        n_frames = len(order)
        if (np.diff(order) <= 0).any():
            raise ValueError(f"the steps of trajectory {number} do not rise strictly: sort its frames and drop doubles first")
        n_held = max(1, round(held_out_fraction * n_frames)) if held_out_fraction > 0 else 0
        n_left = n_frames - n_held - (gap if n_held else 0)
        if n_left < 1:
            raise ValueError(
                f"trajectory {number} has {n_frames} frames, but {n_held} held out and a gap of {gap} leave none to train on: "
                "lengthen it, or lower the fraction or the gap"
            )
        position = np.arange(n_frames)
        masks.append(TimeMasks(available=position < n_left, held_out=position >= n_frames - n_held))
    return masks


def split(
    energies: ArrayLike,
    masks: Sequence[TimeMasks],
    n_train: int,
    n_validation: int,
    method: Literal["flat_histogram", "random"],
    rng: np.random.Generator,
    usable: ArrayLike | None = None,
) -> tuple[Split, Draw, Draw]:
    """Return the split of all frames, and the draws of training and validation frames that made it.

    As published (doi:10.1039/D3DD00236E): training frames first, then what is left is binned anew for validation.
    ``energies`` ``(n_frames,)`` and ``usable`` (the mask of the audit) run over the concatenated trajectories, as ``masks`` do together.
    The indices of the draws count within what was on offer to each; those of the split count all frames.
    Raises ``ValueError`` where lengths differ, the method is unknown, or more is asked for than is there.
    """
    values = np.asarray(energies, dtype=np.float64)
    available = np.concatenate([mask.available for mask in masks]) if masks else np.zeros(0, dtype=np.bool_)
    held_out = np.concatenate([mask.held_out for mask in masks]) if masks else np.zeros(0, dtype=np.bool_)
    allowed = np.ones(len(values), dtype=np.bool_) if usable is None else np.asarray(usable, dtype=np.bool_)
    if not len(values) == len(available) == len(allowed):
        raise ValueError(f"{len(values)} energies, {len(available)} frames in the masks and {len(allowed)} usable flags do not fit")
    if method not in ("flat_histogram", "random"):
        raise ValueError(f"the method of drawing is {method!r}, but must be flat_histogram or random")
    offered = np.flatnonzero(available & allowed)

    def draw(from_: Indices, n: int) -> Draw:
        return random_draw(len(from_), n, rng) if method == "random" else flat_histogram_draw(values[from_], n, rng)

    first = draw(offered, n_train)
    left = np.delete(offered, first.indices)
    second = draw(left, n_validation)
    parts = Split(
        train=offered[first.indices],
        validation=left[second.indices],
        held_out=np.flatnonzero(held_out & allowed),
        rest=np.delete(left, second.indices),
    )
    return parts, first, second

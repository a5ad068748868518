# SPDX-License-Identifier: MIT
"""Which frames a model learns from: random and flat-histogram draws. What is held out is decided in ``holdout``.

A draw looks at one energy per frame (8 bytes) and nothing else; of 1.2 million frames it takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.holdout import TimeMasks

Indices = NDArray[np.intp]
Method = Literal["flat_histogram", "random"]
METHODS: tuple[Method, ...] = ("flat_histogram", "random")

_BLOCK = 1 << 16
"""Energies that are binned at a time: the intermediate arrays stay small whatever the number of frames."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """The bins of a flat-histogram draw. From each that holds a frame one was drawn."""

    lower: NDArray[np.float64]
    """``(n_bins,)``, eV."""
    upper: NDArray[np.float64]
    """``(n_bins,)``, eV; the highest energy of a group belongs to its last bin."""
    offered: NDArray[np.int64]
    """``(n_bins,)``, frames in the bin."""
    group: NDArray[np.int64]
    """``(n_bins,)``, the group of frames (trajectory, temperature) that the bin divides; 0 where there is one."""

    @property
    def drawn(self) -> NDArray[np.int64]:
        """``(n_bins,)``, 1 where the bin held a frame, else 0."""
        return (self.offered > 0).astype(np.int64)


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
    histogram: Histogram | None = None
    """Of a flat-histogram draw."""


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
        parts = [self.train, self.validation, self.held_out, self.rest]
        seen = np.zeros(max((int(part.max()) + 1 for part in parts if len(part)), default=0), dtype=np.bool_)
        for part in parts:
            seen[part] = True
        if seen.sum() < sum(map(len, parts)):
            raise ValueError("a frame stands in more than one part of the split; every frame may be used once only")


def random_draw(n_available: int, n: int, rng: np.random.Generator) -> Draw:
    """Return ``n`` of ``n_available`` frames, each equally likely, without replacement.

    Raises ``ValueError`` unless 0 ≤ n ≤ n_available.
    """
    if not 0 <= n <= n_available:
        raise ValueError(f"{n} frames were asked for, but {n_available} are there: ask for at most that many")
    return Draw(np.sort(rng.choice(n_available, size=n, replace=False)).astype(np.intp), asked=n, filled=n, empty=0)


def flat_histogram_draw(energies: ArrayLike, n: int, rng: np.random.Generator, groups: ArrayLike | None = None) -> Draw:
    """Return one frame from each of ``n`` equally wide bins of energy between the lowest and the highest, without replacement.

    Rare energies are thereby as well represented as common ones; of a bell-shaped distribution a few bins in its tails stay empty.
    Source: doi:10.1039/D3DD00236E (964 of 1000 bins filled). ``energies`` is ``(n_available,)``, eV of the whole cell.
    ``groups`` ``(n_available,)``, integers: where given (trajectory or temperature of each frame), the bins are shared out among the
    groups as evenly as possible, and each group is binned between its own lowest and highest energy.
    Raises ``ValueError`` for n < 0, more bins than frames (in all, or in a group), fewer bins than groups, or an energy that is not finite.
    """
    values = np.asarray(energies, dtype=np.float64)
    if not 0 <= n <= len(values):
        raise ValueError(f"{n} bins were asked for, but {len(values)} frames are there: ask for at most that many")
    if not np.isfinite(values).all():
        raise ValueError(f"{(~np.isfinite(values)).sum()} of {len(values)} energies are not finite: leave these frames out before drawing")
    if n == 0:
        nothing = np.empty(0, dtype=np.int64)
        return Draw(nothing.astype(np.intp), 0, 0, 0, Histogram(nothing.astype(float), nothing.astype(float), nothing, nothing))
    if groups is None:
        indices, histogram = _one_per_bin(values, n, rng, 0)
        return Draw(indices, asked=n, filled=len(indices), empty=n - len(indices), histogram=histogram)
    labels = np.asarray(groups)
    if labels.shape != values.shape:
        raise ValueError(f"{len(values)} energies and {labels.size} labels of groups were given; give one label for each energy")
    names = np.unique(labels)
    if n < len(names):
        raise ValueError(f"{n} bins were asked for {len(names)} groups of frames: ask for at least one bin for each")
    drawn: list[Indices] = []
    parts: list[Histogram] = []
    for name, share in zip(names, shares(n, len(names)), strict=True):
        members = np.flatnonzero(labels == name)
        if share > len(members):
            raise ValueError(f"{share} bins were asked for group {name}, which has {len(members)} frames: ask for fewer in all")
        indices, histogram = _one_per_bin(values[members], share, rng, int(name))
        drawn.append(members[indices])
        parts.append(histogram)
    joined = Histogram(*(np.concatenate([getattr(part, field) for part in parts]) for field in ("lower", "upper", "offered", "group")))
    together = np.sort(np.concatenate(drawn))
    return Draw(together, asked=n, filled=len(together), empty=n - len(together), histogram=joined)


def shares(n: int, parts: int) -> list[int]:
    """Return ``n`` shared out among ``parts`` as evenly as possible, the larger shares first."""
    return [n // parts + (k < n % parts) for k in range(parts)]


def split(
    energies: ArrayLike,
    masks: Sequence[TimeMasks],
    n_train: int,
    n_validation: int,
    method: Method,
    rng: np.random.Generator,
    usable: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> tuple[Split, Draw, Draw]:
    """Return the split of all frames, and the draws of training and validation frames that made it.

    As published (doi:10.1039/D3DD00236E): training frames first, then what is left is binned anew for validation.
    ``energies`` ``(n_frames,)``, ``usable`` (the mask of the audit) and ``groups`` run over the concatenated trajectories, as ``masks``
    do together. The indices of the draws count within what was on offer to each; those of the split count all frames.
    Raises ``ValueError`` where lengths differ, the method is unknown, or more is asked for than is there.
    """
    values = np.asarray(energies, dtype=np.float64)
    available = np.concatenate([mask.available for mask in masks]) if masks else np.zeros(0, dtype=np.bool_)
    held_out = np.concatenate([mask.held_out for mask in masks]) if masks else np.zeros(0, dtype=np.bool_)
    allowed = np.ones(len(values), dtype=np.bool_) if usable is None else np.asarray(usable, dtype=np.bool_)
    labels = None if groups is None else np.asarray(groups)
    if not len(values) == len(available) == len(allowed):
        raise ValueError(f"{len(values)} energies, {len(available)} frames in the masks and {len(allowed)} usable flags do not fit")
    if method not in METHODS:
        raise ValueError(f"the method of drawing is {method!r}, but must be {' or '.join(METHODS)}")
    offered = np.flatnonzero(available & allowed)

    def draw(from_: Indices, n: int) -> Draw:
        if method == "random":
            return random_draw(len(from_), n, rng)
        return flat_histogram_draw(values[from_], n, rng, None if labels is None else labels[from_])

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


def _one_per_bin(values: NDArray[np.float64], n: int, rng: np.random.Generator, group: int) -> tuple[Indices, Histogram]:
    """Return one index of each of ``n`` bins that holds any, rising, and the bins.

    The first of a bin in a random order of all frames is one of its frames with equal chances. No sort: each pass is linear.
    """
    edges = np.linspace(values.min(), values.max(), n + 1)
    bins = np.empty(len(values), dtype=np.int16 if n < 2**15 else np.int32)
    for start in range(0, len(values), _BLOCK):
        bins[start : start + _BLOCK] = _bins_of(values[start : start + _BLOCK], edges)
    order = np.arange(len(values), dtype=np.int32 if len(values) < 2**31 else np.int64)
    rng.shuffle(order)
    first = np.full(n, -1, dtype=np.intp)
    for stop in range(len(values), 0, -_BLOCK):  # from the end: numpy keeps the last of several values, here the earliest in the order
        block = order[max(0, stop - _BLOCK) : stop][::-1]
        first[bins[block]] = block
    indices = np.sort(first[first >= 0])
    return indices, Histogram(edges[:-1], edges[1:], np.bincount(bins, minlength=n).astype(np.int64), np.full(n, group))


def _bins_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the bin of each value, those that ``np.histogram`` would count it in; equal energies all belong to the first bin."""
    n, width = len(edges) - 1, (edges[-1] - edges[0]) / (len(edges) - 1)
    if not width > 0:
        return np.zeros(len(values), dtype=np.int32)
    bins: NDArray[np.int32] = np.minimum(((values - edges[0]) / width).astype(np.int32), n - 1)
    bins -= values < edges[bins]
    bins += (values >= edges[bins + 1]) & (bins != n - 1)
    return bins

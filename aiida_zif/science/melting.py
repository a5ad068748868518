# SPDX-License-Identifier: MIT
"""Did it melt? What did not exchange its neighbours at the highest temperature is a quenched solid, not a glass."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_zif.science.coordination import CUTOFF, coordination, pairs
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate

CONSECUTIVE = 2
"""Frames in a row, the last ones of the plateau, in which a new neighbour has to be there: one may be a passing visit."""


@dataclass(frozen=True)
class MeltVerdict:
    """What the plateau at the highest temperature says."""

    exchanged_share: float
    """Share of the Zn that hold an N at the end which was not theirs in the crystal, 0 to 1."""
    coordination_at_tmax: Estimate
    """Zn–N coordination number over the plateau."""
    new_pairs: tuple[tuple[int, int], ...]
    """Indices (Zn, N) of the neighbours gained, ascending."""
    molten: bool
    """Enough Zn exchanged a neighbour and the coordination fell far enough."""
    sentence: str
    """The verdict for people."""


def judge(
    before: Frames,
    melt: Frames,
    temperature_k: float,
    min_exchanged_share: float = 0.1,
    max_coordination: float = 3.9,
    cutoff: float = CUTOFF,
) -> MeltVerdict:
    """Return whether the solid of ``before`` (one frame or more) has melted by the end of ``melt``, the plateau at ``temperature_k``.

    A Zn has exchanged a neighbour where an N stands nearer than ``cutoff`` Å in each of the last two frames of ``melt`` and in no frame of
    ``before``. Molten: at least ``min_exchanged_share`` of the Zn did, and the mean coordination over ``melt`` is at most
    ``max_coordination``.

    Raises ``ValueError`` without a frame before, with fewer than two frames of the plateau, or where the atoms differ.
    """
    if not len(before) or len(melt) < CONSECUTIVE:
        raise ValueError(
            f"{len(before)} frames before and {len(melt)} of the plateau were given; a melt verdict needs one before and two of the plateau"
        )
    if before.species != melt.species:
        raise ValueError("the plateau has other atoms, or another order of atoms, than the frames before it; give parts of one run")
    known: set[tuple[int, int]] = set()
    for k in range(len(before)):
        known |= _pairs(before, k, cutoff)
    new = set.intersection(*(_pairs(melt, len(melt) - 1 - k, cutoff) for k in range(CONSECUTIVE))) - known
    n_zinc = melt.species.count("Zn")
    exchanged = {zinc for zinc, _ in new}
    share = len(exchanged) / n_zinc
    around = coordination(melt, cutoff=cutoff).estimate
    enough, open_enough = share >= min_exchanged_share, around.mean <= max_coordination
    molten = enough and open_enough
    facts = (
        f"at {temperature_k:.0f} K {len(exchanged)} of {n_zinc} Zn gained a new N neighbour and the Zn–N coordination is {around.mean:.2f}"
    )
    wanted = f"at least {min_exchanged_share:.0%} of the Zn and at most {max_coordination:g}"
    sentence = f"molten: {facts}" if molten else f"quenched solid, not molten: {facts}, where {wanted} would be a melt"
    return MeltVerdict(share, around, tuple(sorted(new)), molten, sentence)


def _pairs(frames: Frames, k: int, cutoff: float) -> set[tuple[int, int]]:
    return pairs(frames.species, frames.positions[k], frames.cells[k], cutoff=cutoff)

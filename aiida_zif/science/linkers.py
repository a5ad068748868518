# SPDX-License-Identifier: MIT
"""Imidazolates in a zinc imidazolate: found once in the crystal, then followed by the indices of their atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames
from aiida_zif.science.topology import CONTACT_REACH, Topology, nearest_image, perceive

__all__ = ["Break", "FrameCheck", "LinkerReport", "Topology", "check", "judge", "perceive", "scale_volume", "unwrap", "watch"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FrameCheck:
    """What is wrong with the linkers in one frame. The three tuples run in parallel, one entry per broken linker."""

    broken: tuple[int, ...]
    """Numbers of the broken linkers, ascending."""
    pairs: tuple[tuple[int, int], ...]
    """The two atoms that tell: a bond too long, or a contact that should not be."""
    reasons: tuple[str, ...]
    """In words, with the length in Å."""
    shortest_distance: float
    """Between any two atoms, Å; infinity where none are nearer than 1.65 Å, NaN where a position is no number."""


@dataclass(frozen=True)
class Break:
    """A linker that broke."""

    linker: int
    """Its number in the topology."""
    bond: tuple[int, int]
    """The two atoms that tell."""
    frame: int
    """Index of the first of the consecutive frames."""
    step: int | None
    """MD step of that frame, where the frames carry steps."""
    temperature: float | None
    """Instantaneous temperature of that frame, K, where known."""
    reason: str
    """In words, with the length in Å."""


@dataclass(frozen=True, eq=False)
class LinkerReport:
    """The linkers along a trajectory."""

    intact_share: FloatArray
    """``(n_frames,)``, share of the linkers that are not broken; flags that did not last are not counted."""
    n_linkers: int
    """Number of imidazolates."""
    breaks: tuple[Break, ...]
    """The first break of each linker that broke, in order of time."""
    whole: bool
    """No linker broke."""
    transients: int
    """Flags (one linker in one frame) that were not counted because they did not last: vibrations, or a break in the very last frame."""
    shortest_distance: float
    """Between any two atoms in any frame, Å."""


def check(topology: Topology, positions: FloatArray, cell: FloatArray) -> FrameCheck:
    """Return which linkers are broken in one frame; ``positions`` ``(n_atoms, 3)``, ``cell`` ``(3, 3)`` rows, Å.

    A linker is broken when a bond is longer than C–C 1.95, C–N 1.90, C–H 1.55 Å, or an atom of it comes nearer to one that it is not bonded
    to than H–H 1.10, H–X 1.35, X–X 1.65, Zn–H 1.45, Zn–X 1.55 Å: no ab initio frame up to 1800 K did either.
    """
    positions, cell = np.asarray(positions, dtype=float), np.asarray(cell, dtype=float)
    n, symbol, owner = len(topology.species), topology.species, topology.linker_of
    if positions.shape != (n, 3):
        raise ValueError(f"positions have shape {positions.shape}, but the topology is one of {n} atoms: give ({n}, 3)")
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        one = tuple(range(topology.n_linkers))
        atoms = tuple((int(np.flatnonzero(owner == number)[0]),) * 2 for number in one)
        return FrameCheck(one, atoms, ("a position is not a number",) * len(one), float("nan"))
    found: dict[int, tuple[tuple[int, int], str]] = {}
    first, second = topology.bonds[:, 0], topology.bonds[:, 1]
    length = np.linalg.norm(nearest_image(positions[second] - positions[first], cell), axis=1)
    for bond in np.flatnonzero(length > topology.longest):
        a, b = int(first[bond]), int(second[bond])
        found.setdefault(int(owner[a]), ((a, b), f"{symbol[a]}–{symbol[b]} bond of {length[bond]:.2f} Å"))
    i, j, distance, _ = neighbours.pairs(positions, cell, CONTACT_REACH)
    shortest = float(distance.min()) if len(distance) else float("inf")
    i, j = np.minimum(i, j), np.maximum(i, j)
    close = (distance < topology.nearest[topology.kinds[i], topology.kinds[j]]) & ~np.isin(i * n + j, topology.bond_codes)
    for contact in np.flatnonzero(close):
        a, b = int(i[contact]), int(j[contact])
        for number in {int(owner[a]), int(owner[b])} - {-1}:
            found.setdefault(number, ((a, b), f"{symbol[a]}–{symbol[b]} contact of {distance[contact]:.2f} Å"))
    broken = tuple(sorted(found))
    return FrameCheck(broken, tuple(found[k][0] for k in broken), tuple(found[k][1] for k in broken), shortest)


def watch(topology: Topology, frames: Frames, consecutive: int = 2) -> LinkerReport:
    """Return what became of the linkers along a trajectory whose atoms stand in the topology's order.

    A linker is broken where :func:`check` says so in ``consecutive`` or more frames in a row: a single one may be a vibration. Of a
    trajectory shorter than that, all frames have to agree.

    Raises ``ValueError`` without frames, for other atoms, or ``consecutive`` below 1.
    """
    if consecutive < 1 or not len(frames):
        raise ValueError(f"{len(frames)} frames and consecutive = {consecutive} were given; give one or more of each")
    if frames.species != topology.species:
        raise ValueError("the frames have other atoms, or another order of atoms, than the topology; perceive it on their own first frame")
    checks = [check(topology, frames.positions[k], frames.cells[k]) for k in range(len(frames))]
    return judge(checks, topology.n_linkers, consecutive, frames.steps, frames.temperatures)


def judge(
    checks: Sequence[FrameCheck],
    n_linkers: int,
    consecutive: int = 2,
    steps: NDArray[np.int64] | None = None,
    temperatures: FloatArray | None = None,
) -> LinkerReport:
    """Return what :func:`watch` does, from what was found in each frame in turn; ``steps`` and ``temperatures`` are ``(n_frames,)``."""
    flags = np.zeros((len(checks), n_linkers), dtype=bool)
    for frame, one in enumerate(checks):
        flags[frame, list(one.broken)] = True
    broken = _lasting(flags, min(consecutive, len(checks)))
    breaks = []
    for number in np.flatnonzero(broken.any(axis=0)).tolist():
        frame = int(np.argmax(broken[:, number]))
        where = checks[frame].broken.index(number)
        step = None if steps is None else int(steps[frame])
        temperature = None if temperatures is None else float(temperatures[frame])
        breaks.append(Break(number, checks[frame].pairs[where], frame, step, temperature, checks[frame].reasons[where]))
    return LinkerReport(
        intact_share=1 - broken.mean(axis=1),
        n_linkers=n_linkers,
        breaks=tuple(sorted(breaks, key=lambda one: (one.frame, one.linker))),
        whole=not breaks,
        transients=int(flags.sum() - broken.sum()),
        shortest_distance=float(np.min([one.shortest_distance for one in checks])),
    )


def _lasting(flags: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Return ``flags`` ``(n_frames, n)`` without the runs along the first axis that are shorter than ``length``."""
    starts = np.lib.stride_tricks.sliding_window_view(flags, length, axis=0).all(axis=-1)
    kept = np.zeros_like(flags)
    for shift in range(length):
        kept[shift : shift + len(starts)] |= starts
    return kept


def unwrap(topology: Topology, positions: FloatArray, cell: FloatArray) -> FloatArray:
    """Return ``(n_atoms, 3)`` positions in Å with every linker in one piece; its first atom and the nodes stay where they are."""
    whole = np.array(positions, dtype=float)
    for level in topology.tree:
        parent, child = level[:, 0], level[:, 1]
        whole[child] = whole[parent] + nearest_image(np.asarray(positions)[child] - np.asarray(positions)[parent], cell)
    return whole


def scale_volume(species: Sequence[str], positions: FloatArray, cell: FloatArray, factor: float) -> tuple[FloatArray, FloatArray]:
    """Return ``(positions, cell)`` at ``factor`` times the volume, the same shape of cell, every linker moved as a rigid body.

    Scaling the stiff bonds within the linkers would give forces of several eV/Å and say nothing about the framework.
    Raises ``ValueError`` for a factor that is not positive, and as :func:`perceive`.
    """
    if not (np.isfinite(factor) and factor > 0):
        raise ValueError(f"the volume factor is {factor}; give a positive number, such as 0.95")
    topology = perceive(species, positions, cell)
    stretch = float(factor) ** (1 / 3)
    whole = unwrap(topology, positions, cell)
    inside = topology.linker_of >= 0
    owner = topology.linker_of[inside]
    centres = np.stack([np.bincount(owner, weights=whole[inside, axis]) for axis in range(3)], axis=1) / np.bincount(owner)[:, None]
    anchor = whole.copy()
    anchor[inside] = centres[owner]
    return whole + (stretch - 1) * anchor, np.asarray(cell, dtype=float) * stretch

# SPDX-License-Identifier: MIT
"""Which frames of the files of one CP2K folder belong together, though several runs may have appended to each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_files import Log, Table
from aiida_zif.formats.cp2k_xyz import XyzFile


class StepOf:
    """The step of each entry of a file: its number, or of REFTRAJ its time in steps, which is the index in the input."""

    def __init__(self, log: Log, positions: XyzFile) -> None:
        # In an MD step 1 is never at time 0, so a folder without a log tells the two apart as well.
        self.is_reftraj = log.run_type == "REFTRAJ" or bool((positions.times_fs[positions.steps == 1] == 0).any())
        later = positions.times_fs[positions.times_fs > 0]
        self._timestep_fs = float(later.min()) if len(later) else 1.0

    def __call__(self, file: XyzFile | Table) -> NDArray[np.int64]:
        if not self.is_reftraj:
            return file.steps
        indices: NDArray[np.int64] = np.rint(np.nan_to_num(file.times_fs) / self._timestep_fs).astype(np.int64)
        return indices


def partners(positions: XyzFile, other: XyzFile, step_of: StepOf) -> NDArray[np.intp]:
    """Return for each frame of ``positions`` the last one of ``other`` that is its partner, -1 where there is none.

    A partner has the same step and, to the last digit, the same energy in its header: after a crash and a restart the
    frames of the two runs must not be mixed.
    """
    return _last_equal((step_of(positions), positions.energies), (step_of(other), other.energies))


def of_different_runs(positions: XyzFile, other: XyzFile, place: NDArray[np.intp], step_of: StepOf) -> bool:
    """Return whether two files are not of one run, given the ``partners``: no frame has one, or most find their step with other energies.

    Runs that begin with the same geometry have the first frame in common. A crash and a restart leave a few frames without a partner.
    """
    alone = place < 0
    elsewhere = np.isin(step_of(positions)[alone], step_of(other))
    return bool(len(alone) and (alone.all() or 2 * elsewhere.sum() > len(alone)))


def last_of_each(steps: NDArray[np.int64], usable: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each step, in order, the last of the usable entries."""
    which = np.flatnonzero(usable)
    known, place = np.unique(steps[which], return_inverse=True)
    last = np.empty(len(known), np.intp)
    last[place] = which  # of an index that comes again the last value stays
    return last


def rows_of(table: Table, positions: XyzFile, step_of: StepOf, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the row of each chosen frame, -1 where there is none.

    Rows and frames of one run belong together. Where one file shows fewer runs than the other (a crash just between two
    rows leaves no trace), the later row of a step belongs to the later frame; only of the very last step may the end be missing.
    """
    in_table, in_frames = step_of(table), step_of(positions)
    if not len(chosen) or not len(in_table):
        return np.full(len(chosen), -1, np.intp)
    if table.segments[-1] == positions.segments[-1]:
        return _last_equal((in_frames[chosen], positions.segments[chosen]), (in_table, table.segments))
    order, begin, number = _occurrences(in_table, in_frames[chosen])
    frame_order, frame_begin, frame_number = _occurrences(in_frames, in_frames[chosen])
    place_of = np.empty(len(in_frames), np.intp)
    place_of[frame_order] = np.arange(len(in_frames))
    place = place_of[chosen] - frame_begin  # the how manieth of its step
    place += np.where(in_frames[chosen] != in_frames[-1], number - frame_number, 0)
    there = (place >= 0) & (place < number)
    return np.where(there, order[np.where(there, begin + place, 0)], -1)


def _occurrences(steps: NDArray[np.int64], asked: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the order by step, where each asked step begins in it, and how often it comes."""
    order = np.argsort(steps, kind="stable")
    begin = np.searchsorted(steps[order], asked, "left")
    return order, begin, np.searchsorted(steps[order], asked, "right") - begin


def _last_equal(asked: tuple[NDArray[np.generic], ...], known: tuple[NDArray[np.generic], ...]) -> NDArray[np.intp]:
    """Return for each asked key the last equal known one, -1 where there is none."""
    n = len(asked[0])
    if n == len(known[0]) and all(np.array_equal(a, k) for a, k in zip(asked, known, strict=True)) and (np.diff(asked[0]) > 0).all():
        return np.arange(n)
    columns = [np.concatenate([a, k]) for a, k in zip(asked, known, strict=True)]
    order = np.lexsort(columns[::-1])
    changed = np.any([column[order[1:]] != column[order[:-1]] for column in columns], axis=0)
    numbers = np.empty(len(order), np.intp)
    numbers[order] = np.concatenate([[0], np.cumsum(changed)]) if len(order) else 0
    last = np.full(len(order) + 1, -1, np.intp)
    last[numbers[n:]] = np.arange(len(known[0]))
    found: NDArray[np.intp] = last[numbers[:n]]
    return found

# SPDX-License-Identifier: MIT
"""How much an MD run will write, before it is submitted."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_zif.formats.lammps_columns import WIDTH
from aiida_zif.formats.lammps_run import MdRun

_BEFORE, _HEAD = 18, 250
"""Characters of a line before its numbers, and of a frame's head."""
_RESTART = 160
"""Bytes of an atom in a restart file, about."""
_ROW = 300
"""Bytes of a row of the log or of the cells file, about."""
LARGE = 10e9
"""Bytes from which it is said that the run writes much."""


@dataclass(frozen=True)
class Size:
    """What a run leaves."""

    frames: int
    """Frames of the trajectory."""
    job_bytes: int
    """What lies on the machine of the job when it ends."""
    node_bytes: int
    """What stays in the repository, uncompressed."""

    @property
    def sentence(self) -> str:
        """One line for people."""
        much = "; lengthen the strides, or ask for room first" if self.job_bytes > LARGE else ""
        return f"{self.frames} frames: {_in_words(self.job_bytes)} where the job runs, {_in_words(self.node_bytes)} kept{much}"


def size_of(run: MdRun, n_atoms: int) -> Size:
    """Return what a run of ``n_atoms`` atoms writes: a frame at every step that a stride divides, minimisations excepted."""
    frames = rows = 0
    for stage, (begin, end) in zip(run.stages, run.spans, strict=True):
        every = stage.dump_every or run.dump_every
        if stage.kind != "minimise":
            first = 0 if begin == 0 else 1
            frames += end // every - begin // every + (1 - first)
            rows += (end - begin) // stage.cells_every if stage.cells_every else 0
        rows += (end - begin) // run.thermo_every + 1
    vectors = 1 + run.dump_velocities + run.dump_forces
    dump = frames * (_HEAD + n_atoms * (_BEFORE + 3 * vectors * (WIDTH + 1)))
    # two restart files in turn, the last one, and the last structure as text
    restart = n_atoms * _RESTART
    return Size(frames, dump + 4 * restart + rows * _ROW, frames * n_atoms * 24 * vectors + rows * 8 * 10 + restart)


def _in_words(n_bytes: float) -> str:
    units = ("bytes", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, max(0, len(str(int(n_bytes))) - 1) // 3)
    return f"{n_bytes / 1000**power:.3g} {units[power]}"

# SPDX-License-Identifier: MIT
"""The same run in shorter time steps: every count of steps is multiplied, so that all times and set points stay what they were.

Time is what both axes share: step ``n`` of a run in steps of ``dt`` is step ``k n`` of the same run in steps of ``dt / k``.
"""

from __future__ import annotations

from dataclasses import replace

from aiida_zif.formats.lammps_run import MdRun

FACTORS = (1, 2, 4)
"""Into how many a time step asked for is divided: not at all, halved, halved again."""


def divided(run: MdRun, factor: int) -> MdRun:
    """Return ``run`` with its time step divided by ``factor``, lengths of stages and strides multiplied by it.

    A ramp's set point is a function of the absolute step over the stage's length, so it is the same function of time.
    Raises ``ValueError`` for a factor that is not 1 or more.
    """
    if isinstance(factor, bool) or not isinstance(factor, int) or factor < 1:
        raise ValueError(f"the time step cannot be divided by {factor!r}: give a whole number, 1 or more")

    def longer(every: int | None) -> int | None:
        return None if every is None else every * factor

    stages = tuple(
        replace(stage, steps=stage.steps * factor, cells_every=longer(stage.cells_every), dump_every=longer(stage.dump_every))
        for stage in run.stages
    )
    strides = {name: getattr(run, name) * factor for name in ("thermo_every", "dump_every", "restart_every")}
    return replace(run, stages=stages, timestep_fs=run.timestep_fs / factor, **strides)


def steps_of(step: int, timestep_ps: float, timestep_fs: float) -> int | None:
    """Return which step of ``timestep_fs`` the step ``step`` of ``timestep_ps`` is, ``None`` where no whole step is at that time."""
    exact = step * timestep_ps * 1000 / timestep_fs
    nearest = round(exact)
    return nearest if abs(exact - nearest) < 1e-6 * max(1.0, exact) else None

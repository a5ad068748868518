# SPDX-License-Identifier: MIT
"""The same run in shorter time steps."""

from __future__ import annotations

import pytest

from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.formats.lammps_timestep import divided, steps_of

RUN = MdRun.from_dict({
    "stages": [
        {"kind": "ramp", "label": "heat", "steps": 100, "start_k": 300.0, "stop_k": 500.0},
        {"kind": "npt", "label": "free", "steps": 60, "temperature_k": 500.0, "pressure_gpa": 0.0, "couple": "tri", "cells_every": 5},
    ],
    "timestep_fs": 0.5,
})  # fmt: skip


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_times_stay(factor: int) -> None:
    """Of ends and strides; temperatures, pressures and dampings are those of the run."""
    run = divided(RUN, factor)
    assert run.timestep_fs * factor == RUN.timestep_fs
    assert [(a * run.timestep_fs, b * run.timestep_fs) for a, b in run.spans] == [(0.0, 50.0), (50.0, 80.0)]
    for name in ("thermo_every", "dump_every", "restart_every"):
        assert getattr(run, name) * run.timestep_fs == getattr(RUN, name) * RUN.timestep_fs
    assert run.stages[1].cells_every == 5 * factor
    assert (run.temperature_damping_fs, run.stages[0].temperatures) == (RUN.temperature_damping_fs, RUN.stages[0].temperatures)


def test_halving_twice_is_dividing_by_four() -> None:
    """Equal runs; a factor that is none is refused."""
    assert divided(divided(RUN, 2), 2) == divided(RUN, 4)
    with pytest.raises(ValueError, match="cannot be divided by 0"):
        divided(RUN, 0)


def test_step_of_another_axis_is_that_of_the_same_time() -> None:
    """Or none, where no step falls on that time."""
    assert steps_of(80, 0.00025, 0.5) == 40
    assert steps_of(81, 0.00025, 0.5) is None
    assert steps_of(10**9, 0.0005, 0.25) == 2 * 10**9

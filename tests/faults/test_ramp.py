# SPDX-License-Identifier: MIT
"""The set point of a ramp by LAMMPS's own thermostat: a function of the time alone, whatever was stopped or halved in between."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.formats import lammps_data, lammps_input, lammps_restart
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.formats.lammps_timestep import divided
from aiida_zif.science.units import BOLTZMANN

from .test_md import program as _program

program = _program
TYPES = ("C", "H", "N", "Zn")
RUN = MdRun.from_dict({
    "stages": [
        {"kind": "hold", "label": "hold", "steps": 100, "temperature_k": 300.0},
        {"kind": "ramp", "label": "heat", "steps": 900, "start_k": 300.0, "stop_k": 1500.0},
    ],
    "seed": 3, "timestep_fs": 0.5, "thermo_every": 10, "dump_every": 100, "restart_every": 100,
})  # fmt: skip
PROBE = 'fix probe all print 1 "$(step:%.0f) $(f_md_heat[1]:%.17g) $(f_md_heat[7]:%.17g)" append probe.txt screen no title ""'
"""Chain variable 1 and its energy, which is degrees of freedom × kB × set point × the variable: their ratio is the set point."""


@pytest.fixture
def lmp(program: str, crystal: Any, tmp_path: Path) -> Any:
    """Return ``lmp(run, stop, …)``: what is left of a run, up to the step ``stop``, by LAMMPS itself; set points by step."""
    species, positions, cell = structure_arrays(crystal)
    masses = lammps_data.standard_masses(TYPES)
    (tmp_path / "structure.data").write_text(lammps_data.write(species, positions, cell, TYPES, masses=masses))

    def start(run: MdRun, stop: int, finished: int = 0) -> dict[int, float]:
        given: dict[str, Any] = {}
        if finished:
            path = tmp_path / lammps_input.FINAL_RESTART
            path.rename(tmp_path / "segment.restart")
            step = lammps_restart.read((tmp_path / "segment.restart").read_bytes()).step
            given = {"restart_from": "segment.restart", "finished_steps": finished, "renumbered": step != finished}
        text = lammps_input.render(run, lammps_input.Potential("nequip", "m.nequip.pt2", TYPES), "structure.data", **given)
        springs = "pair_coeff * *\nfix tether all spring/self 20.0"
        text = re.sub(r"(?m)^pair_style.*", "pair_style zero 3.0", re.sub(r"(?m)^pair_coeff.*", springs, text))
        ramp = rf"(?m)^run {run.total_steps} (upto .*)$"
        text = re.sub(ramp, lambda found: f"{PROBE}\nrun {stop} {found[1]}\nunfix probe", text)
        (tmp_path / "probe.txt").unlink(missing_ok=True)
        (tmp_path / "input.in").write_text(text)
        done = subprocess.run([program, "-in", "input.in"], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        rows = np.loadtxt(tmp_path / "probe.txt")
        degrees = 3 * (len(species) - 1)
        return {int(step): energy / (variable * degrees * BOLTZMANN) for step, variable, energy in rows if variable}

    return start


def test_set_point_after_three_restarts_is_that_of_one_run(lmp: Any) -> None:
    """At every step; and what is asked for by the formula."""
    whole = lmp(RUN, 1000)
    parts: dict[int, float] = {}
    for finished, stop in ((0, 333), (333, 600), (600, 777), (777, 1000)):
        parts |= lmp(RUN, stop, finished)
    assert sorted(parts) == sorted(whole)
    assert len(whole) >= 899
    np.testing.assert_allclose([parts[step] for step in sorted(whole)], [whole[step] for step in sorted(whole)], rtol=1e-12)
    np.testing.assert_allclose(
        [whole[step] for step in sorted(whole)], [300 + 1200 * (step - 100) / 900 for step in sorted(whole)], rtol=1e-5
    )


def test_set_point_is_the_same_function_of_time_in_shorter_steps(lmp: Any) -> None:
    """Halved in the middle of the ramp, and halved again: the temperature asked for at every time does not know of it."""
    at: dict[float, float] = {}
    for factor, finished, stop in ((1, 0, 400), (2, 800, 1200), (4, 2400, 4000)):
        run = divided(RUN, factor)
        at |= {step * run.timestep_fs: kelvin for step, kelvin in lmp(run, stop, finished).items()}
    assert max(at) == 500.0
    np.testing.assert_allclose(list(at.values()), [300 + 1200 * (fs - 50) / 450 for fs in at], rtol=1e-5)

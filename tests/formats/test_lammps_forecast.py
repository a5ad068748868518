# SPDX-License-Identifier: MIT
"""What a run will write, beside what it wrote."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from aiida_zif.formats import lammps_data, lammps_dump
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_forecast import size_of
from aiida_zif.formats.lammps_input import MdRun, Stage, render

ARGON = ForceField("metal", "atomic", ("Ar",), (("pair_style", "lj/cut", "6.0"), ("pair_coeff", "*", "*", "0.0104", "3.4")))


def test_frames_are_counted_and_bytes_come_near(tmp_path: Path, lmp: Path) -> None:
    """Strides of stages, a minimisation without frames: the number exactly, the bytes within a tenth."""
    stages = (
        Stage("minimise", "relax", 20),
        Stage("hold", "wait", 55, temperature_k=30.0),
        Stage("npt", "production", 100, temperature_k=30.0, couple="iso", dump_every=7, cells_every=10),
    )
    run = MdRun(stages, dump_every=10, thermo_every=10, dump_forces=True)
    positions = np.stack(np.meshgrid(*[np.arange(6)] * 3), axis=-1).reshape(-1, 3) * 4.0
    (tmp_path / "data").write_text(lammps_data.write(["Ar"] * 216, positions, np.eye(3) * 24, ("Ar",)))
    (tmp_path / "in").write_text(render(run, ARGON, "data"))
    subprocess.run([lmp, "-in", "in", "-screen", "none"], cwd=tmp_path, timeout=60, check=True)
    frames = lammps_dump.read(tmp_path / "trajectory.dump", ("Ar",), 0.0005)
    forecast = size_of(run, 216)
    assert abs(forecast.frames - len(frames)) <= 1  # the first frame after a minimisation
    written = sum(path.stat().st_size for path in tmp_path.iterdir() if path.name not in ("in", "data"))
    assert abs(forecast.job_bytes / written - 1) < 0.15
    assert f"{forecast.frames} frames" in forecast.sentence


def test_much_is_said() -> None:
    """A nanosecond with every step is more than a disk wants."""
    run = MdRun((Stage("hold", "all", 2_000_000, temperature_k=300.0),), dump_every=1)
    assert "GB where the job runs" in size_of(run, 272).sentence
    assert "lengthen the strides" in size_of(run, 272).sentence

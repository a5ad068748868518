# SPDX-License-Identifier: MIT
"""Stages of a run and what the real LAMMPS makes of them: strains, free cells that are heated, noise instead of chains, columns."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.formats import lammps_data, lammps_dump, lammps_log
from aiida_zif.formats.lammps_deform import stretch
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_input import MdRun, Stage, render
from aiida_zif.formats.lammps_timestep import divided
from aiida_zif.science.frames import VOIGT, kinetic_temperature

ARGON = ForceField("metal", "atomic", ("Ar",), (("pair_style", "lj/cut", "6.0"), ("pair_coeff", "*", "*", "0.0104", "3.4")))
STRAIN = (0.02, -0.01, 0.005, 0.012, -0.008, 0.015)
COLD = {"temperature_k": 30.0}


def crystal() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return 108 atoms in a sheared fcc cell."""
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = np.array([[15.8, 0, 0], [0.5, 15.8, 0], [1.5, -0.4, 15.8]])
    return ["Ar"] * 108, (corners[:, None] + base).reshape(-1, 3) / 3 @ cell, cell


def run_lammps(folder: Path, lmp: Path, text: str) -> lammps_log.LammpsLog:
    (folder / "in").write_text(text)
    (folder / "data").write_text(lammps_data.write(*crystal(), ("Ar",)))
    subprocess.run([lmp, "-in", "in", "-screen", "none"], cwd=folder, timeout=60, check=False)
    return lammps_log.parse((folder / "log.lammps").read_text())


@given(st.lists(st.floats(-0.2, 0.2), min_size=6, max_size=6))
def test_a_strain_changes_lengths_as_it_should(strain: list[float]) -> None:
    """Every vector of the cell becomes as long as (1 + ε) makes it; and the volume by its determinant."""
    tensor = np.eye(3)
    for (i, j), value in zip(VOIGT, strain, strict=True):
        tensor[i, j] += value
        tensor[j, i] += value * (i != j)
    if np.linalg.eigvalsh(tensor).min() <= 0:
        with pytest.raises(ValueError, match="to nothing"):
            stretch(strain)
        return
    u = stretch(strain)
    cell = crystal()[2]
    np.testing.assert_allclose((cell @ u) @ (cell @ u).T, (cell @ tensor) @ (cell @ tensor).T, rtol=1e-9, atol=1e-9)
    assert np.allclose(u, np.tril(u))


@pytest.mark.parametrize("how", [{"strain": STRAIN}, {"scale": (1.02, 0.99, 1.01)}, {"volume_factor": 1.03}])
@pytest.mark.parametrize("cut", [0, 30])
def test_a_deformation_ends_where_it_was_asked(tmp_path: Path, lmp: Path, how: dict, cut: int) -> None:
    """In one go, and gone on with after 30 of 50 steps."""
    run = MdRun((Stage("hold", "before", 10, **COLD), Stage("deform", "strain", 50, **COLD, **how)), thermo_every=10, dump_every=20)
    text = render(run, ARGON, "data")
    if cut:
        head, tail = text.split('print "ZIF STAGE strain"')
        start = tail.replace("run 60 upto", f"run {10 + cut} upto").split('if "$(step)')[0]
        run_lammps(tmp_path, lmp, f"{head}{start}write_restart cut\n")
        text = render(run, ARGON, "data", "cut", 10 + cut)
    log = run_lammps(tmp_path, lmp, text)
    assert (log.error, log.finished) == (None, True)
    cell = crystal()[2]
    if "strain" in how:
        expected = cell @ stretch(how["strain"])
    else:
        factors = how.get("scale", (1.03 ** (1 / 3),) * 3)
        expected = cell * np.array(factors)[:, None]
    np.testing.assert_allclose(log.table("strain").cells[-1], expected, atol=1e-8)


def test_a_free_cell_may_be_heated(tmp_path: Path, lmp: Path) -> None:
    """A ramp at constant pressure: its set point is linear in the absolute step as that of a ramp at constant volume."""
    run = MdRun((Stage("npt", "expand", 400, start_k=10.0, stop_k=60.0, couple="iso"),), timestep_fs=5, thermo_every=20, velocity_factor=1)
    text = render(run, ARGON, "data")
    assert "npt temp 10 60" in text
    log = run_lammps(tmp_path, lmp, text)
    assert log.finished
    assert log.table("expand").columns["temp"][-5:].mean() > 30


def test_noise_holds_a_stiff_cell_at_its_temperature(tmp_path: Path, lmp: Path) -> None:
    """Langevin with nph, six free components: the mean temperature is the set point within its error, and momentum stays zero."""
    stage = Stage("npt", "free", 3000, temperature_k=20.0, couple="tri", cells_every=100)
    run = MdRun((stage,), timestep_fs=5, thermo_every=10, dump_every=1000, thermostat="langevin", dump_velocities=True, dump_forces=True)
    text = render(run, ARGON, "data")
    assert "nph tri" in text
    assert "ptemp 20 pchain 5" in text
    assert " langevin 20 20 0.05 2 zero yes" in text
    log = run_lammps(tmp_path, lmp, text)
    assert (log.error, log.finished) == (None, True)
    assert log.table("free").columns["temp"][100:].mean() == pytest.approx(20.0, rel=0.1)
    frames = lammps_dump.read(tmp_path / "trajectory.dump", ("Ar",), 0.005, {"Ar": 39.948})
    assert frames.forces is not None
    assert np.abs(frames.forces.sum(axis=1)).max() < 1e-5
    kelvin = kinetic_temperature(frames.velocities, frames.masses)
    np.testing.assert_allclose(kelvin, log.at_steps(frames.steps, "temp"), rtol=1e-4)


def test_a_stage_may_have_its_own_stride(tmp_path: Path, lmp: Path) -> None:
    """Production is dumped more often than what leads to it, and halved time steps keep the times of the frames."""
    stages = (Stage("hold", "wait", 40, **COLD), Stage("hold", "production", 40, **COLD, dump_every=10), Stage("hold", "after", 40, **COLD))
    run = MdRun(stages, dump_every=40, thermo_every=20)
    assert run_lammps(tmp_path, lmp, render(run, ARGON, "data")).finished
    steps = lammps_dump.read(tmp_path / "trajectory.dump", ("Ar",), 0.0005).steps.tolist()
    assert steps == [0, 40, 50, 60, 70, 80, 120]
    assert divided(run, 2).stages[1].dump_every == 20


@given(st.text(max_size=20))
def test_no_string_of_a_run_is_syntax(text: str) -> None:
    """Every field that holds a string is one of a few words, or a label of letters and digits; whatever else is refused."""
    hold = {"kind": "hold", "label": "a", "steps": 5, "temperature_k": 300.0}
    runs = [{"stages": [{**hold, name: text}]} for name in (*hold, "couple", "scale", "strain", "dump_every", "pressure_gpa")]
    runs += [{"stages": [hold], name: text} for name in ("timestep_fs", "seed", "velocities", "thermostat", "dump_every", "dump_forces")]
    for values in runs:
        try:
            run = MdRun.from_dict(values)
        except (ValueError, TypeError):
            continue
        assert not set(text) & set("\n\r$&\"'#; \t")
        assert MdRun.from_dict(run.to_dict()) == run

# SPDX-License-Identifier: MIT
"""The stress that we take from CP2K is the derivative of CP2K's energy: a real MD and a real REFTRAJ over strained frames."""

import shutil
import subprocess

import numpy as np
import pytest
from aiida_cp2k.utils import Cp2kInput

from aiida_zif.formats import cp2k_input, cp2k_output, extxyz
from aiida_zif.science import velocities
from aiida_zif.science.frames import VOIGT, Frames

STRAIN = 0.005
STEPS = 10


def run_cp2k(folder, tree, species, positions, cell):
    """Run CP2K as aiida-cp2k would start it, one thread."""
    program = shutil.which("cp2k.psmp")
    if program is None:
        pytest.skip("CP2K is not installed: the stress cannot be compared with its energies")
    full = Cp2kInput(tree)
    for letter, row in zip("ABC", cell, strict=True):
        full.add_keyword(f"FORCE_EVAL/SUBSYS/CELL/{letter}", "{:.12f} {:.12f} {:.12f}".format(*row))
    full.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_NAME", "aiida.coords.xyz")
    full.add_keyword("FORCE_EVAL/SUBSYS/TOPOLOGY/COORD_FILE_FORMAT", "XYZ")
    full.add_keyword("FORCE_EVAL/DFT/SCF/EPS_SCF", 1e-7)
    full.add_keyword("FORCE_EVAL/DFT/SCF/MAX_SCF", 400)
    lines = [f"{symbol} {x:.10f} {y:.10f} {z:.10f}" for symbol, (x, y, z) in zip(species, positions, strict=True)]
    (folder / "aiida.coords.xyz").write_text("\n".join([str(len(species)), "", *lines]) + "\n")
    (folder / "aiida.inp").write_text(full.render())
    with (folder / "aiida.out").open("w") as log:
        subprocess.run([program, "-i", "aiida.inp"], cwd=folder, stdout=log, check=True, timeout=900)


@pytest.mark.long
def test_stress_is_the_derivative_of_the_energy(tmp_path, repository):
    """All six components of a hot frame of dia-Zn(Im)₂, by central differences, within 8 MPa; about two minutes."""
    crystal = extxyz.read(repository / "aiida_zif" / "structures" / "dia-zn-im-2.xyz")
    masses = np.array([{"H": cp2k_input.HYDROGEN_MASS_AMU, "C": 12.0107, "N": 14.0067, "Zn": 65.38}[s] for s in crystal.species])
    start = velocities.draw(masses, 1200.0, np.random.default_rng(1))
    (tmp_path / "md").mkdir()
    md = cp2k_input.aimd(cp2k_input.AimdRun(600, STEPS, 1, thermostat_time_fs=50), crystal.species, start)
    run_cp2k(tmp_path / "md", md, crystal.species, crystal.positions[0], crystal.cells[0])
    hot = cp2k_output.read(tmp_path / "md").frames.select([-1])

    strained_positions, strained_cells = [], []
    for a, b in VOIGT:
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[a, b] += sign * STRAIN / 2
            strain[b, a] += sign * STRAIN / 2
            strained_positions.append(hot.positions[0] @ (np.eye(3) + strain))
            strained_cells.append(hot.cells[0] @ (np.eye(3) + strain))
    frames = Frames(hot.species, np.array(strained_positions), np.array(strained_cells))
    (tmp_path / "label").mkdir()
    with (tmp_path / "label" / "frames.xyz").open("w") as xyz, (tmp_path / "label" / "frames.cell").open("w") as cells:
        cp2k_input.write_reftraj(frames, xyz, cells)
    tree = cp2k_input.label(len(frames), "frames.xyz", "frames.cell")
    run_cp2k(tmp_path / "label", tree, crystal.species, crystal.positions[0], crystal.cells[0])
    labelled = cp2k_output.read(tmp_path / "label")

    assert labelled.unconverged_steps == ()
    np.testing.assert_allclose(labelled.frames.positions, frames.positions, atol=1e-9)
    energies = labelled.frames.energies.reshape(6, 2)
    derivative = (energies[:, 0] - energies[:, 1]) / (2 * STRAIN * hot.volumes[0])
    np.testing.assert_allclose(hot.stresses[0], derivative, atol=5e-5)
    assert np.abs(hot.stresses[0]).max() > 2e-3  # large enough for the sign to be seen

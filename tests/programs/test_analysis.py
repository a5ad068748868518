# SPDX-License-Identifier: MIT
"""``zif-analysis``: the same numbers as in the daemon, in a bounded memory, or one sentence."""

from __future__ import annotations

from pathlib import Path

import ase.io
import numpy as np
import pytest

from aiida_zif.formats import analysis_run, h5md
from aiida_zif.programs import analysis as program
from aiida_zif.science import linkers
from aiida_zif.science.analysis import Plan
from aiida_zif.science.frames import Frames

PLAN = Plan(scattering_frames=0, pore_frames=0, ring_frames=2, ring_depth=12, rdf_max_angstrom=6.0)


@pytest.fixture
def job() -> analysis_run.Job:
    atoms = ase.io.read(Path(__file__).parents[1] / "science" / "dia34.xyz")
    topology = linkers.perceive(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])
    return analysis_run.Job(topology, atoms.get_masses(), PLAN, first_step=20)


@pytest.fixture
def folder(tmp_path: Path, job: analysis_run.Job) -> Path:
    atoms = ase.io.read(Path(__file__).parents[1] / "science" / "dia34.xyz")
    moved = atoms.positions + np.random.default_rng(0).normal(scale=0.02, size=(9, len(atoms), 3))
    frames = Frames(job.topology.species, moved, np.stack([atoms.cell[:]] * 9), steps=np.arange(9) * 10, times=np.arange(9) * 0.01)
    h5md.write(tmp_path / "trajectory.h5md", frames, creator_version="0")
    (tmp_path / "job.json").write_text(analysis_run.render(job))
    return tmp_path


def call(folder: Path) -> int:
    return program.main([str(folder / "trajectory.h5md"), str(folder / "job.json"), "--out", str(folder)])


def test_the_program_says_what_the_library_says(folder: Path, job: analysis_run.Job, capsys: pytest.CaptureFixture[str]) -> None:
    """Summary and curves that come home are those of the library, of the steps asked for."""
    assert call(folder) == 0
    assert "7 frames in" in capsys.readouterr().out
    found, facts = analysis_run.read(folder)
    with h5md.H5md(folder / "trajectory.h5md") as file:
        expected = analysis_run.run(file, job)
    assert found.summary == analysis_run.finite(expected.summary)
    assert {name: unit for name, (_, unit) in found.curves.items()} == {name: unit for name, (_, unit) in expected.curves.items()}
    for name, (values, _) in expected.curves.items():
        np.testing.assert_array_equal(found.curves[name][0], values)
    assert facts["program"] == "zif-analysis"


def test_a_job_survives_being_text(job: analysis_run.Job) -> None:
    """Rendered and parsed it renders as before."""
    assert analysis_run.render(analysis_run.parse(analysis_run.render(job))) == analysis_run.render(job)


def test_what_cannot_be_analysed_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No frame of the steps, no job, a trajectory that is cut: code 1 and no summary."""
    (folder / "job.json").write_text((folder / "job.json").read_text().replace('"first_step": 20', '"first_step": 9000'))
    assert call(folder) == 1
    assert "no frame lies between step 9000 and the last; the trajectory has 9 frames from step 0 to 80" in capsys.readouterr().err
    (folder / "job.json").write_text("{}")
    assert call(folder) == 1
    assert "is no job of an analysis" in capsys.readouterr().err
    whole = (folder / "trajectory.h5md").read_bytes()
    (folder / "trajectory.h5md").write_bytes(whole[: len(whole) // 2])
    assert call(folder) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (folder / analysis_run.SUMMARY).exists()


def test_results_that_are_cut_are_refused(folder: Path) -> None:
    """Curves cut anywhere: a sentence."""
    assert call(folder) == 0
    path = folder / analysis_run.CURVES
    whole = path.read_bytes()
    for share in (0.0, 0.3, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match="not whole"):
            analysis_run.read(folder)

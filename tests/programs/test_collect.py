# SPDX-License-Identifier: MIT
"""``zif-collect``: real runs, finished and dead, become the trajectory that parsing them here gives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import cp2k_output, h5md
from aiida_zif.programs.collect import main

RUN = Path(__file__).parents[1] / "formats" / "data" / "cp2k" / "md"
ENDINGS = {
    "crash_then_restart_same_directory": (8, 7, "finished"), "killed_9": (10, 16, "cut"), "published_protocol_3_steps": (4, 3, "finished"),
    "scf_not_converged": (3, 2, "finished"), "segment_1": (7, 6, "finished"), "segment_2_new_directory": (3, 9, "finished"),
    "walltime_in_step_0": (1, 0, "walltime"), "walltime_mid_run": (15, 21, "walltime"), "walltime_restart": (3, 23, "cut"),
    "xtb_1500K_120_steps": (121, 120, "cut"), "xtb_300K_120_steps": (121, 120, "cut"),
}  # fmt: skip
"""Folder → frames, last step, what ended it (a folder without its log says nothing of its end)."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program writes where it is started."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", ENDINGS)
def test_recorded_run_is_collected_as_it_is_parsed(shared_data: Path, name: str) -> None:
    """Whatever ended CP2K: the frames, the facts and the content hash are those of the reader."""
    folder = shared_data / "cp2k_outputs" / name
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert main(["--run-folder", str(folder)]) == 0
    facts = json.loads(Path("collect.json").read_text())
    assert (facts["n_frames"], facts["last_step"], facts["reason_ended"]) == ENDINGS[name]
    expected = cp2k_output.read(folder)
    assert facts["content_hash"] == h5md.content_hash(expected.frames)
    assert facts["unconverged_steps"] == list(expected.unconverged_steps)
    assert (facts["duplicates_dropped"], facts["cut_tail"]) == (expected.duplicates_dropped, expected.cut_tail)
    with h5md.H5md(Path("trajectory.h5md")) as file:
        assert file.verify() == facts["content_hash"]
        np.testing.assert_array_equal(file.array("forces"), expected.frames.forces)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_cost_and_facts_are_told() -> None:
    """Who ran CP2K, where and how long; who collected, what was read and what is to travel."""
    assert main(["--run-folder", str(RUN)]) == 0
    facts = json.loads(Path("collect.json").read_text())
    assert (facts["program"], facts["version"], facts["error"]) == ("CP2K", "2023.1", None)
    assert facts["wall_s"] > 0
    assert facts["conserved_drift_ev"] == pytest.approx(0.0, abs=0.01)
    ours = facts["collect"]
    assert ours["program"] == "zif-collect"
    assert set(ours["versions"]) == {"numpy", "h5py"}
    assert ours["written_mb"] == pytest.approx(Path("trajectory.h5md").stat().st_size / 1e6, abs=1e-3)
    assert 0 < ours["read_mb"] < 1


def test_positions_may_be_rarer() -> None:
    """Every second position of five frames; cells, energies and stresses of all."""
    assert main(["--run-folder", str(RUN), "--position-stride", "2", "--out", "thin.h5md", "--facts", "thin.json"]) == 0
    with h5md.H5md(Path("thin.h5md")) as file:
        assert file.read().steps.tolist() == [0, 2, 4]
        assert file.steps_of("energies").tolist() == [0, 1, 2, 3, 4]
    assert json.loads(Path("thin.json").read_text())["n_frames"] == 5


def test_run_that_left_no_frame_is_told_without_a_trajectory(tmp_path: Path) -> None:
    """A log alone is a run that died early: facts, no file, code 0."""
    (tmp_path / "run").mkdir()
    shutil.copy(RUN / "aiida.out", tmp_path / "run")
    Path("trajectory.h5md").write_text("of another run")
    assert main(["--run-folder", "run"]) == 0
    facts = json.loads(Path("collect.json").read_text())
    assert (facts["n_frames"], facts["content_hash"], facts["last_step"]) == (0, None, -1)
    assert not Path("trajectory.h5md").exists()


def test_other_names_are_found(tmp_path: Path) -> None:
    """A run made elsewhere has another project and another log."""
    (tmp_path / "run").mkdir()
    for path in RUN.iterdir():
        name = "cp2k.log" if path.name == "aiida.out" else path.name.replace("aiida-", "ZIF-4-")
        shutil.copy(path, tmp_path / "run" / name)
    assert main(["--run-folder", "run", "--project", "ZIF-4", "--log", "cp2k.log"]) == 0
    assert json.loads(Path("collect.json").read_text())["reason_ended"] == "finished"


def test_masses_may_be_given_to_the_last_digit() -> None:
    """The main output has four decimals, those of the run have more: they decide the kinetic part of the stress."""
    masses = {"C": 12.011, "H": 2.014101777, "N": 14.007, "Zn": 65.38}
    words = [word for symbol, mass in masses.items() for word in ("--mass", f"{symbol}={mass!r}")]
    assert main(["--run-folder", str(RUN), *words]) == 0
    facts = json.loads(Path("collect.json").read_text())
    expected = cp2k_output.read(RUN, masses=masses).frames
    assert facts["content_hash"] == h5md.content_hash(expected) != h5md.content_hash(cp2k_output.read(RUN).frames)


@pytest.mark.parametrize(
    ("files", "arguments", "sentence"),
    [
        (None, (), "there is no folder run: it was removed, or lies on another machine"),
        ((), (), "it is no folder of a CP2K run"),
        (("aiida-pos-1.xyz",), ("--project", "zif"), "the project is called aiida"),
        (("aiida-pos-1.xyz",), ("--log", "aiida.out"), "run holds no file aiida.out"),
        (("aiida-pos-1.xyz", "aiida-1.cell"), ("--position-stride", "0"), "the stride of positions is 0"),
        (("aiida-pos-1.xyz",), ("--mass", "H=heavy"), "--mass H=heavy is no mass"),
        (("aiida-pos-1.xyz",), ("--mass", "H=1.008"), "give its mass, too"),
    ],
)
def test_what_is_no_run_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: tuple[str, ...] | None, arguments: tuple[str, ...], sentence: str
) -> None:
    """Code 1, one line, nothing written."""
    if files is not None:
        (tmp_path / "run").mkdir()
        for name in files:
            shutil.copy(RUN / name, tmp_path / "run")
    assert main(["--run-folder", "run", *arguments]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.parametrize("name", ["aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida-1.cell", "aiida.out"])
def test_a_file_cut_anywhere_is_collected_up_to_the_cut(tmp_path: Path, name: str) -> None:
    """The killed run of every kind: never a traceback, never a frame that was not whole."""
    whole = cp2k_output.read(RUN).frames
    shutil.copytree(RUN, tmp_path / "run")
    content = (RUN / name).read_bytes()
    for k in range(9):
        (tmp_path / "run" / name).write_bytes(content[: len(content) * k // 9])
        assert main(["--run-folder", "run"]) == 0
        n_frames = json.loads(Path("collect.json").read_text())["n_frames"]
        assert n_frames <= len(whole)
        if n_frames:
            with h5md.H5md(Path("trajectory.h5md")) as file:
                np.testing.assert_array_equal(file.array("positions"), whole.positions[:n_frames])

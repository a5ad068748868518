# SPDX-License-Identifier: MIT
"""CP2K's files cut at every byte, appended to, or full of rubbish: what is whole is read, and nothing raises."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import cp2k_files, cp2k_output
from aiida_zif.science.frames import kinetic_stress
from aiida_zif.science.units import (
    ATOMIC_FORCE_IN_EV_PER_ANGSTROM,
    ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS,
    BAR_IN_EV_PER_CUBIC_ANGSTROM,
    HARTREE_IN_EV,
)

RECORDED = Path(__file__).parent / "data" / "cp2k"
MASSES = {"H": 2.014101777, "C": 12.0107, "N": 14.0067, "Zn": 65.38}
BOHR, HARTREE = 0.529177210903, 27.211386245988


@dataclass(frozen=True)
class Small:
    first: int
    last: int
    run: int = 0
    n_atoms: int = 3

    def files(self):
        texts = dict.fromkeys(("pos", "vel", "frc", "cell", "ener", "stress"), "")
        for step in range(self.first, self.last + 1):
            mark = step + self.run / 8
            for k, name in enumerate(("pos", "vel", "frc")):
                texts[name] += f"{self.n_atoms:8d}\n i = {step:8d}, time = {step * 0.5:12.3f}, E = {-59 - mark:20.10f}\n"
                texts[name] += "".join(f"{s:>3}" + 3 * f"{mark + k + i / 100:20.10f}" + "\n" for i, s in enumerate(("Zn", "N", "H")))
            texts["cell"] += (
                f"{step:8d}{step * 0.5:12.3f}" + "".join(f"{x:20.10f}" for x in [mark + 10, 0, 0, 0, 9, 0, 0, 0, 8]) + f"{1:25.10f}\n"
            )
            texts["ener"] += f"{step:10d}{step * 0.5:20.6f}{mark:20.9f}{mark:20.9f}{-59 - mark:20.9f}{mark:20.9f}{1:20.9f}\n"
            texts["stress"] += f"{step:8d}{step * 0.5:12.3f}" + 9 * f"{mark:20.10f}" + "\n"
        header = {"cell": "# Step Time\n", "ener": "# Step Nr.\n", "stress": "# Step Time\n"} if not self.run else {}
        return {name: header.get(name, "") + text for name, text in texts.items()}


def write(folder: Path, texts):
    for name, text in texts.items():
        file = f"aiida-1.{name}" if name in ("cell", "ener", "stress") else f"aiida-{name}-1.xyz"
        (folder / file).write_text(text)


def assert_consistent(frames):
    """All parts of a frame come from the same run and step."""
    mark = -59 - frames.energies / HARTREE_IN_EV
    np.testing.assert_allclose(frames.positions[:, 0, 0], mark, atol=1e-9)
    np.testing.assert_allclose(frames.velocities[:, 0, 0] / ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS, mark + 1, atol=1e-9)
    np.testing.assert_allclose(frames.forces[:, 0, 0] / ATOMIC_FORCE_IN_EV_PER_ANGSTROM, mark + 2, atol=1e-9)
    np.testing.assert_allclose(frames.cells[:, 0, 0], mark + 10, atol=1e-9)
    if frames.temperatures is not None:
        np.testing.assert_allclose(frames.temperatures, mark, atol=1e-8)
    file_bar = (kinetic_stress(frames.velocities, frames.masses, frames.volumes) - frames.stresses)[:, 3] / BAR_IN_EV_PER_CUBIC_ANGSTROM
    known = np.isfinite(file_bar)
    np.testing.assert_allclose(file_bar[known], mark[known], rtol=1e-4)
    assert (np.diff(frames.steps) > 0).all()


@pytest.mark.parametrize("name", ["pos", "vel", "frc", "cell", "ener", "stress"])
def test_a_file_cut_at_every_byte_of_its_last_frame_loses_that_frame_at_most(tmp_path, name):
    """Nothing is raised, the frames before stay bit by bit, and the cut is told unless it falls between two frames."""
    texts = Small(0, 2).files()
    write(tmp_path, texts)
    whole = cp2k_output.read(tmp_path, masses={"Zn": 65.0, "N": 14.0, "H": 2.0})
    assert not whole.cut_tail
    assert len(whole.frames) == 3
    shorter = Small(0, 1).files()[name]
    for end in range(len(shorter), len(texts[name])):
        write(tmp_path, {name: texts[name][:end]})
        run = cp2k_output.read(tmp_path, masses={"Zn": 65.0, "N": 14.0, "H": 2.0})
        n = 2 if name in ("pos", "vel", "frc", "cell") else 3
        assert len(run.frames) == n
        np.testing.assert_array_equal(run.frames.positions, whole.frames.positions[:n])
        np.testing.assert_array_equal(run.frames.stresses[:2], whole.frames.stresses[:2])
        if name == "stress":
            assert np.isnan(run.frames.stresses[2]).all()
        assert run.cut_tail or name in ("ener", "stress") or end == len(shorter)


@pytest.mark.parametrize("name", ["pos", "vel", "frc", "cell", "ener", "stress"])
def test_a_run_that_appends_behind_a_cut_never_mixes_frames(tmp_path, name):
    """A kill in mid-file, then a restart from step 1 in the same folder: steps unique, each frame of one run throughout."""
    one, two = Small(0, 3).files(), Small(2, 5, run=1).files()
    for end in range(len(Small(0, 2).files()[name]) - 8, len(one[name]) + 1, 3):
        write(tmp_path, {key: text[: end if key == name else None] + two[key] for key, text in one.items()})
        run = cp2k_output.read(tmp_path, masses={"Zn": 65.0, "N": 14.0, "H": 2.0})
        assert_consistent(run.frames)
        assert set(run.frames.steps) >= {0, 1, 3, 4, 5}
        mark = -59 - run.frames.energies / HARTREE_IN_EV
        np.testing.assert_allclose(mark[run.frames.steps > 3] % 1, 1 / 8)
    assert run.duplicates_dropped == 2


def test_a_log_cut_at_every_hundredth_byte_is_read(tmp_path):
    """The log never raises, wherever it ends."""
    log = (RECORDED / "md" / "aiida.out").read_bytes()
    for end in range(0, len(log), 101):
        (tmp_path / "aiida.out").write_bytes(log[:end])
        assert cp2k_files.read_log(tmp_path / "aiida.out").reason_ended == "cut"


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\n i = ", b"   3\n i = 1, time = 0.5, E = 1.0\nZn", b"\xff\xfe" * 500, b"0\n i = 1, E = 1.0\n"]
)
def test_rubbish_is_no_frame(tmp_path, content):
    """Files that hold something else, or nothing, give no frames and no exception."""
    for name in ("aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida-1.cell", "aiida-1.ener", "aiida-1.stress", "aiida.out"):
        (tmp_path / name).write_bytes(content)
    run = cp2k_output.read(tmp_path)
    assert len(run.frames) == 0
    assert run.last_step == -1


def test_an_empty_folder_is_no_run(tmp_path):
    """Without any file there are no frames and the reason is that nothing was finished."""
    run = cp2k_output.read(tmp_path)
    assert len(run.frames) == 0
    assert run.reason_ended == "cut"


def test_numbers_that_overflowed_are_no_numbers(tmp_path):
    """A frame with stars is dropped, the others stay."""
    texts = Small(0, 2).files()
    lines = texts["pos"].splitlines(keepends=True)
    lines[7] = lines[7][:3] + "*" * 20 + lines[7][23:]
    write(tmp_path, {**texts, "pos": "".join(lines)})
    run = cp2k_output.read(tmp_path)
    np.testing.assert_array_equal(run.frames.steps, [0, 2])
    assert run.cut_tail


def test_reading_does_not_load_more_than_its_batch(tmp_path, monkeypatch):
    """Reading in batches of one frame gives the same numbers."""
    write(tmp_path, Small(0, 9).files())
    whole = cp2k_output.read(tmp_path).frames
    monkeypatch.setattr(cp2k_files, "_BATCH_BYTES", 1)
    np.testing.assert_array_equal(cp2k_output.read(tmp_path).frames.positions, whole.positions)


def test_a_relaxation_says_whether_it_converged(tmp_path):
    """GEO_OPT: headers without time, stress static, converged or not."""
    texts = Small(1, 3).files()
    texts.pop("vel")
    for name in ("pos", "frc"):
        texts[name] = "".join(line.replace(line[14:35], "") if " i =" in line else line for line in texts[name].splitlines(keepends=True))
    texts["pos"] = texts["pos"].replace(", ,", ",")
    head = " GLOBAL| Run type   GEO_OPT\n OPTIMIZATION STEP:      1\n"
    write(tmp_path, texts)
    (tmp_path / "aiida.out").write_text(head)
    run = cp2k_output.read(tmp_path)
    assert run.converged is False
    (tmp_path / "aiida.out").write_text(head + " ***   GEOMETRY OPTIMIZATION COMPLETED      ***\n")
    run = cp2k_output.read(tmp_path)
    assert run.converged is True
    np.testing.assert_array_equal(run.frames.steps, [1, 2, 3])
    assert run.frames.times is None
    np.testing.assert_allclose(run.frames.stresses[:, 3], [-6.241509e-07 * k for k in (1, 2, 3)], rtol=1e-6)

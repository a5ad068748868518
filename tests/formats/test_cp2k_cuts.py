# SPDX-License-Identifier: MIT
"""CP2K's files cut at every byte, appended to, or full of rubbish: what is whole is read, and nothing raises."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import cp2k_files, cp2k_output, cp2k_xyz
from aiida_zif.science.frames import FIELDS, concatenate, kinetic_stress
from aiida_zif.science.units import (
    ATOMIC_FORCE_IN_EV_PER_ANGSTROM,
    ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS,
    BAR_IN_EV_PER_CUBIC_ANGSTROM,
    HARTREE_IN_EV,
)

RECORDED = Path(__file__).parent / "data" / "cp2k"
LIGHT = {"Zn": 65.0, "N": 14.0, "H": 2.0}


def assert_same(found, expected):
    """All fields are equal, bit by bit."""
    for name in FIELDS:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        np.testing.assert_array_equal(one, other, err_msg=name)


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
def test_a_file_cut_at_every_byte_of_its_last_frame_loses_that_frame_at_most(tmp_path, name, small_run, write):
    """Nothing is raised, the frames before stay bit by bit, and the cut is told unless it falls between two frames."""
    texts = small_run(0, 2)
    write(texts)
    whole = cp2k_output.read(tmp_path, masses=LIGHT)
    assert not whole.cut_tail
    assert len(whole.frames) == 3
    shorter = small_run(0, 1)[name]
    for end in range(len(shorter), len(texts[name])):
        write({name: texts[name][:end]})
        run = cp2k_output.read(tmp_path, masses=LIGHT)
        assert_same(concatenate(list(cp2k_output.open_run(tmp_path, masses=LIGHT).batches(max_bytes=300))), run.frames)
        n = 2 if name in ("pos", "vel", "frc", "cell") else 3
        assert len(run.frames) == n
        np.testing.assert_array_equal(run.frames.positions, whole.frames.positions[:n])
        np.testing.assert_array_equal(run.frames.stresses[:2], whole.frames.stresses[:2])
        if name == "stress":
            assert np.isnan(run.frames.stresses[2]).all()
        assert run.cut_tail or name in ("ener", "stress") or end == len(shorter)


@pytest.mark.parametrize("name", ["pos", "vel", "frc", "cell", "ener", "stress"])
def test_a_run_that_appends_behind_a_cut_never_mixes_frames(tmp_path, name, small_run, write):
    """A kill in mid-file, then a restart from step 1 in the same folder: steps unique, each frame of one run throughout."""
    one, two = small_run(0, 3), small_run(2, 5, run=1)
    for end in range(len(small_run(0, 2)[name]) - 8, len(one[name]) + 1, 3):
        write({key: text[: end if key == name else None] + two[key] for key, text in one.items()})
        run = cp2k_output.read(tmp_path, masses=LIGHT)
        assert_same(concatenate(list(cp2k_output.open_run(tmp_path, masses=LIGHT).batches(max_bytes=300))), run.frames)
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


def test_numbers_that_overflowed_are_no_numbers(tmp_path, small_run, write):
    """A frame with stars is dropped, the others stay."""
    texts = small_run(0, 2)
    lines = texts["pos"].splitlines(keepends=True)
    lines[7] = lines[7][:3] + "*" * 20 + lines[7][23:]
    write({**texts, "pos": "".join(lines)})
    run = cp2k_output.read(tmp_path)
    np.testing.assert_array_equal(run.frames.steps, [0, 2])
    assert run.cut_tail


def test_batches_are_the_frames_that_are_read_at_once(tmp_path, monkeypatch, small_run, write):
    """One frame a batch and a few lines of text at a time, with one damaged frame between: the same numbers, the same fields."""
    texts = small_run(0, 29)
    lines = texts["vel"].splitlines(keepends=True)
    lines[5 * 12 + 3] = lines[5 * 12 + 3].replace("13.0", "1x.0")
    write({**texts, "vel": "".join(lines)})
    whole = cp2k_output.read(tmp_path, masses=LIGHT).frames
    np.testing.assert_array_equal(whole.steps, [*range(12), *range(13, 30)])
    monkeypatch.setattr(cp2k_xyz, "BLOCK_BYTES", 1)
    monkeypatch.setattr(cp2k_xyz, "_SEARCH_BYTES", 64)
    monkeypatch.setattr(cp2k_files, "BLOCK_BYTES", 300)
    folder = cp2k_output.open_run(tmp_path, masses=LIGHT)
    batches = list(folder.batches(max_bytes=1))
    assert [len(batch) for batch in batches] == [1] * 29
    assert_same(concatenate(batches), whole)
    assert folder.facts.n_frames == len(folder.steps) == len(folder.conserved) == 29


def test_batches_of_an_estimate_know_their_neighbours(tmp_path, small_run, write):
    """The kinetic part of a frame at the edge of a batch comes from the frames beyond that edge."""
    texts = small_run(0, 9)
    texts.pop("vel")
    texts["cell"] = texts["cell"].replace(" 0.0000000000", " 0.1000000000")
    write(texts)
    whole = cp2k_output.read(tmp_path, masses=LIGHT).frames
    assert whole.stress_content == "estimated"
    assert np.isfinite(whole.stresses[1:]).all()  # all zeros, as in the first row here, are no stress
    for size in (1, 3 * 144, 7 * 144):
        assert_same(concatenate(list(cp2k_output.open_run(tmp_path, masses=LIGHT).batches(max_bytes=size))), whole)


def test_a_file_that_shrinks_under_the_reader_is_told(tmp_path, small_run, write):
    """A run that begins again while it is read: one sentence, never numbers of another frame."""
    write(small_run(0, 9))
    folder = cp2k_output.open_run(tmp_path)
    write(small_run(0, 4))
    with pytest.raises(ValueError, match="became shorter while it was read"):
        list(folder.batches())


def test_many_frames_at_once_are_found_as_one_by_one(tmp_path, monkeypatch, small_run):
    """Any byte of a file changed to anything: comparing frames with a pattern finds what searching for each finds."""
    path = tmp_path / "aiida-pos-1.xyz"
    text = bytearray(small_run(0, 4)["pos"].encode())
    rng = np.random.default_rng(5)
    for place in range(len(text)):
        changed = text.copy()
        changed[place] = rng.choice(np.frombuffer(b" 0-.9*i\nN\x00\xff", np.uint8))
        path.write_bytes(changed)
        many = cp2k_xyz.scan_xyz(path)
        with monkeypatch.context() as patch:
            patch.setattr(cp2k_xyz, "_follow", lambda *_: None)
            one = cp2k_xyz.scan_xyz(path)
        for field in fields(many):
            np.testing.assert_array_equal(getattr(many, field.name), getattr(one, field.name))


def test_a_relaxation_says_whether_it_converged(tmp_path, small_run, write):
    """GEO_OPT: headers without time, stress static, converged or not."""
    texts = small_run(1, 3)
    texts.pop("vel")
    for name in ("pos", "frc"):
        texts[name] = "".join(line.replace(line[14:35], "") if " i =" in line else line for line in texts[name].splitlines(keepends=True))
    texts["pos"] = texts["pos"].replace(", ,", ",")
    head = " GLOBAL| Run type   GEO_OPT\n OPTIMIZATION STEP:      1\n"
    write(texts)
    (tmp_path / "aiida.out").write_text(head)
    run = cp2k_output.read(tmp_path)
    assert run.converged is False
    (tmp_path / "aiida.out").write_text(head + " ***   GEOMETRY OPTIMIZATION COMPLETED      ***\n")
    run = cp2k_output.read(tmp_path)
    assert run.converged is True
    np.testing.assert_array_equal(run.frames.steps, [1, 2, 3])
    assert run.frames.times is None
    np.testing.assert_allclose(run.frames.stresses[:, 3], [-6.241509e-07 * k for k in (1, 2, 3)], rtol=1e-6)

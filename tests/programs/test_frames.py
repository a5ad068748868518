# SPDX-License-Identifier: MIT
"""``zif-frames``: the frames of a dataset by split, with hashes that ``sha256sum`` confirms, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from aiida_zif.formats import dataset_file, extxyz, h5md
from aiida_zif.programs.frames import main
from aiida_zif.science.frames import Frames


def make_frames(n: int) -> Frames:
    """Return ``n`` frames of noise."""
    rng, species = np.random.default_rng(1), ("C", "H", "N", "Zn") * 8
    labels = {"energies": rng.normal(size=n), "forces": rng.normal(size=(n, 32, 3)), "stresses": rng.normal(size=(n, 6))}
    return Frames(species, rng.normal(size=(n, 32, 3)), np.repeat(10 * np.eye(3)[None], n, axis=0), **labels)


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Return ``make_file(splits)``: a dataset's file of as many frames."""

    def make(splits: list[str]) -> Path:
        path = tmp_path / "dataset.h5"
        h5md.write(path, make_frames(len(splits)), creator_version="0")
        with h5py.File(path, "r+") as file:
            file[f"{dataset_file.GROUP}/split"] = np.array([dataset_file.SPLITS.index(name) for name in splits], dtype=np.int8)
        return path

    return make


def test_each_split_is_a_file(make_file: Callable[..., Path], tmp_path: Path) -> None:
    """In the order of the dataset, with all labels; hashes and counts beside them."""
    path = make_file(["train", "held_out", "train", "validation"])
    assert main([str(path), "--out", str(tmp_path)]) == 0
    frames, found = make_frames(4), extxyz.read(tmp_path / "train.xyz")
    np.testing.assert_allclose(found.positions, frames.positions[[0, 2]], atol=1e-9)
    np.testing.assert_allclose(found.stresses, frames.stresses[[0, 2]], atol=1e-12)
    facts = json.loads((tmp_path / "frames.json").read_text())
    assert facts["counts"] == {"train": 2, "validation": 1, "held_out": 1}
    assert set(facts["sha256"]) == {"train.xyz", "validation.xyz", "held_out.xyz"}
    subprocess.run(["sha256sum", "--check", "--strict", "frames.sha256"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("spoil", "said"), [("cut", "truncated"), ("trajectory", "it is a trajectory, no dataset"), ("gone", "No such file")]
)
def test_bad_file_is_one_sentence(
    make_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: str, said: str
) -> None:
    """Cut, without splits, or not there; no hashes are left that would make a cut file look whole."""
    path = make_file(["train", "validation"])
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif spoil == "trajectory":
        with h5py.File(path, "r+") as file:
            del file[dataset_file.GROUP]
    else:
        path.unlink()
    assert main([str(path), "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert said.lower() in error.lower()
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "frames.sha256").exists()


def test_memory_does_not_grow_with_the_dataset(make_file: Callable[..., Path], tmp_path: Path) -> None:
    """Twice the frames take no more than they did."""

    def peak(n: int) -> int:
        path = make_file(["train", *["held_out"] * n, "validation"])
        # started by a shell, as in a job: what is started by a large process counts that one's memory as its own
        command = f"{sys.executable} -m aiida_zif.programs.frames {path} --out {tmp_path}; exit $?"
        subprocess.run(["bash", "-c", command], check=True, capture_output=True)
        return int(json.loads((tmp_path / "frames.json").read_text())["memory_mb"])

    few, many = peak(12000), peak(24000)
    size = (tmp_path / "dataset.h5").stat().st_size / 1e6
    assert size > 30  # MB, of which the second half took no more memory than the first
    assert many - few < 8

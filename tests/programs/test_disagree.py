# SPDX-License-Identifier: MIT
"""``zif-disagree``: two real models on real frames, against their own forces."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest

from aiida_zif.formats import extxyz, h5md
from aiida_zif.programs.disagree import main
from aiida_zif.programs.potential import load
from aiida_zif.programs.predict import predict
from aiida_zif.science.frames import Frames

pytestmark = pytest.mark.filterwarnings("ignore:the model .* is a package:UserWarning")


@pytest.fixture(autouse=True)
def own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program replaces how warnings are shown."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)


@pytest.fixture(scope="module")
def models(package: Callable[[str], Path]) -> list[Path]:
    """Not of one run, but two real models that differ."""
    return [package("nequip"), package("allegro")]


@pytest.fixture(scope="module")
def forces(models: list[Path], frames: Frames) -> Any:
    """``(2, 4, 34, 3)`` by the two models."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.stack([predict(load(model), frames).forces for model in models])


@pytest.fixture(scope="module")
def frames(crystal: ase.Atoms) -> Frames:
    """Four rattled crystals."""
    noise = np.random.default_rng(3).normal(0, 0.03, (4, len(crystal), 3))
    cells = np.repeat(np.array(crystal.cell)[None], 4, axis=0)
    return Frames(tuple(crystal.symbols), crystal.positions + noise, cells, steps=np.array([0, 10, 20, 30]))


@pytest.fixture
def run(models: list[Path], tmp_path: Path) -> Callable[..., Any]:
    """Return ``run(frames file, *arguments)``: the document and the arrays, or the exit status."""

    def call(path: Path, *arguments: str, given: list[Path] | None = None) -> Any:
        words = [word for model in given or models for word in ("--model", str(model))]
        output, arrays = tmp_path / "found.json", tmp_path / "found.npz"
        status = main([str(path), *words, *arguments, "--output", str(output), "--arrays", str(arrays)])
        if status:
            return status
        with np.load(arrays) as opened:
            return json.loads(output.read_text()), dict(opened)

    return call


def test_disagreement_along_a_trajectory(run: Callable[..., Any], frames: Frames, forces: Any, tmp_path: Path) -> None:
    """Half the distance of two forces, the largest and the mean of each frame; every second frame where that is asked."""
    h5md.write(tmp_path / "trajectory.h5", frames, creator_version="1")
    document, arrays = run(tmp_path / "trajectory.h5")
    half = np.linalg.norm(forces[0] - forces[1], axis=-1) / 2
    assert arrays["max"] == pytest.approx(half.max(axis=1), rel=1e-4)
    assert arrays["mean"] == pytest.approx(half.mean(axis=1), rel=1e-4)
    assert arrays["step"].tolist() == [0, 10, 20, 30]
    assert document["worst_step"] == 10 * int(half.max(axis=1).argmax())
    assert (document["n_models"], document["n_frames"], document["not_finite"]) == (2, 4, 0)
    assert "calibration" not in document
    assert run(tmp_path / "trajectory.h5", "--stride", "2")[1]["step"].tolist() == [0, 20]


def test_calibration_against_known_errors(run: Callable[..., Any], frames: Frames, forces: Any, tmp_path: Path) -> None:
    """Reference forces that lie off the mean by just twice the disagreement: scale 2, the rank of each atom."""
    mean, apart = forces.mean(axis=0), forces[0] - forces.mean(axis=0)
    labelled = Frames(frames.species, frames.positions, frames.cells, energies=np.zeros(4), forces=mean - 2 * apart)
    extxyz.write(tmp_path / "frames.xyz", labelled)
    document, arrays = run(tmp_path / "frames.xyz", "--calibrate", "--resamples", "50", "--seed", "3")
    found = document["calibration"]
    assert found["scale"] == pytest.approx(2.0, abs=1e-3)
    assert found["rank_correlation"] == pytest.approx(1.0, abs=1e-3)
    assert (found["n_frames"], found["n_atoms"], found["seed"]) == (4, 136, 3)
    assert arrays["error"] == pytest.approx(2 * np.sqrt((apart**2).sum(axis=-1).mean(axis=1)), rel=1e-3)
    assert document["forces_mae_mev_per_angstrom"] == pytest.approx(2000 * np.abs(apart).mean(), rel=1e-3)


def test_split_of_a_dataset(run: Callable[..., Any], frames: Frames, tmp_path: Path) -> None:
    """The frames that the dataset's file says are held out; an empty split is refused."""
    import h5py

    h5md.write(tmp_path / "dataset.h5", frames, creator_version="1")
    with h5py.File(tmp_path / "dataset.h5", "r+") as file:
        file["zif/dataset/split"] = np.array([0, 2, 1, 2], dtype=np.int8)
    _, arrays = run(tmp_path / "dataset.h5", "--split", "held_out")
    assert arrays["step"].tolist() == [10, 30]


def test_refusals(run: Callable[..., Any], frames: Frames, tmp_path: Path, models: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """One model, the same twice, frames without forces, no file: one sentence, code 1."""
    extxyz.write(tmp_path / "bare.xyz", frames)
    for path, given, words, sentence in (
        ("bare.xyz", models[:1], (), "at least 2"),
        ("bare.xyz", models, ("--calibrate",), "the frames cannot be used: a calibration needs"),
        ("absent.xyz", models, (), "absent.xyz"),
        ("bare.xyz", [models[0], tmp_path / "absent.nequip.zip"], (), "there is no model file"),
    ):
        assert run(tmp_path / path, *words, given=given) == 1
        lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
        assert len(lines) == 1
        assert sentence in lines[0]

# SPDX-License-Identifier: MIT
"""``zif-check``: a compiled model is its package, whatever form it has; another model is found out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import ase
import numpy as np
import pytest

from aiida_zif.formats import extxyz
from aiida_zif.programs.check import main
from aiida_zif.programs.potential import load
from aiida_zif.science.frames import Frames

from .conftest import find_program

PLACES = Callable[[str], Path]


@pytest.fixture
def frames(crystal: ase.Atoms, tmp_path: Path) -> Path:
    """Two rattled crystals, and one of three of its atoms: two compositions, no labels."""
    path = tmp_path / "frames.xyz"
    noise = np.random.default_rng(3).normal(0, 0.03, (2, len(crystal), 3))
    cells = np.repeat(np.array(crystal.cell)[None], 2, axis=0)
    with path.open("w") as handle:
        extxyz.write(handle, Frames(tuple(crystal.symbols), crystal.positions + noise, cells))
        extxyz.write(handle, Frames(tuple(crystal.symbols[:3]), crystal.positions[None, :3], cells[:1]))
    return path


def test_package_is_itself(package: PLACES, frames: Path, tmp_path: Path) -> None:
    """Code 0; every check of every frame stands in the document as its worst, with limit, unit and frame, beside the cost."""
    output = tmp_path / "check.json"
    model = str(package("allegro"))
    assert main([model, model, str(frames), "--output", str(output), "--cost-calls", "2"]) == 0
    document = json.loads(output.read_text())
    assert (document["passed"], document["failures"], document["n_frames"], document["n_compositions"]) == (True, [], 3, 2)
    assert document["cost_us_per_atom"] > 0
    assert len(document["checks"]) == 16
    assert document["checks"]["forces against the package"]["found"] < 1e-5
    assert {"found", "allowed", "unit", "passed", "frame"} == set(document["checks"]["trace of the virial against −dE/dV"])


def test_another_model_is_found_out(
    package: PLACES, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Code 2: a potential, but not the one of the package; the sentence says by how much."""
    output = tmp_path / "check.json"
    assert main([str(package("nequip")), str(package("allegro")), str(frames), "--output", str(output), "--cost-calls", "1"]) == 2
    document = json.loads(output.read_text())
    assert not document["passed"]
    assert {name for name, one in document["checks"].items() if not one["passed"]} == {
        "energy against the package", "forces against the package", "stress against the package",
    }  # fmt: skip
    assert any(sentence.startswith("forces against the package off by ") for sentence in document["failures"])
    assert "FAILED forces against the package" in capsys.readouterr().out


@pytest.mark.parametrize("architecture", ["nequip", "allegro"])
@pytest.mark.long
def test_compiled_models_pass(
    architecture: str, package: PLACES, compiled: PLACES, frames: Path, tmp_path: Path
) -> None:  # fmt: skip
    """What nequip-compile made is the package, to the tolerances of single precision, and a potential."""
    output = tmp_path / "check.json"
    assert main([str(package(architecture)), str(compiled(architecture)), str(frames), "--output", str(output)]) == 0
    assert json.loads(output.read_text())["form"] == "compiled"


def test_mliap_form_is_checked_without_kokkos(package: PLACES, frames: Path, tmp_path: Path) -> None:
    """What nequip-prepare-lmp-mliap made, called as LAMMPS would call it: the numbers of the package."""
    path, output = tmp_path / "model.nequip.lmp.pt", tmp_path / "check.json"
    program = find_program("nequip-prepare-lmp-mliap")
    if program is None:
        pytest.skip("nequip-prepare-lmp-mliap is not installed")
    subprocess.run([program, str(package("nequip")), str(path)], check=True, capture_output=True)
    assert main([str(package("nequip")), str(path), str(frames), "--output", str(output), "--cost-calls", "1"]) == 0
    document = json.loads(output.read_text())
    assert (document["form"], document["device"]) == ("mliap", "cpu")
    assert load(path).cutoff == 4.0


@pytest.mark.parametrize("name", ["cut.nequip.pt2", "cut.nequip.lmp.pt", "absent.nequip.pt2"])
def test_what_cannot_be_checked_is_one_sentence(
    name: str, package: PLACES, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code 1, and no document."""
    if name.startswith("cut"):
        (tmp_path / name).write_bytes(package("nequip").read_bytes()[:90_000])
    assert main([str(package("nequip")), str(tmp_path / name), str(frames), "--output", str(tmp_path / "a.json")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("zif-check: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "a.json").exists()

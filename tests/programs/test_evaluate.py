# SPDX-License-Identifier: MIT
"""``zif-evaluate``: errors against labels that are known, and refusals."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import ase
import numpy as np
import pytest

from aiida_zif.formats import extxyz
from aiida_zif.programs.evaluate import main, predict
from aiida_zif.programs.potential import Potential, load
from aiida_zif.science.frames import Frames

pytestmark = pytest.mark.filterwarnings("ignore:the model .* is a package:UserWarning")


@pytest.fixture(autouse=True)
def own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program replaces how warnings are shown."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)


@pytest.fixture(scope="module")
def model(package: Callable[[str], Path]) -> Path:
    return package("nequip")


@pytest.fixture(scope="module")
def potential(model: Path) -> Potential:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(model)


@pytest.fixture
def frames(crystal: ase.Atoms) -> Frames:
    """Three rattled crystals in three cells, unlabelled."""
    scales = np.array([1.0, 1.01, 0.99])[:, None, None]
    noise = np.random.default_rng(3).normal(0, 0.03, (3, len(crystal), 3))
    return Frames(tuple(crystal.symbols), crystal.positions * scales + noise, np.array(crystal.cell) * scales)


def shifted(frames: Frames, energy: float, force: float, stress: float) -> Frames:
    assert frames.energies is not None
    assert frames.forces is not None
    assert frames.stresses is not None
    return Frames(
        frames.species, frames.positions, frames.cells, energies=frames.energies + energy, forces=frames.forces + force,
        stresses=frames.stresses + stress,
    )  # fmt: skip


def test_known_errors_are_found(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """Labels that lie off the model's own answer by known amounts give just these errors; predictions are written, too."""
    labelled = predict(potential, frames)
    n_atoms = len(frames.species)
    extxyz.write(tmp_path / "frames.xyz", shifted(labelled, 0.002 * n_atoms, 0.05, 1e-3))
    output = tmp_path / "accuracy.json"
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-frames", "2"]) == 0
    found = json.loads(output.read_text())
    assert found["energy_mae_mev_per_atom"] == pytest.approx(2.0, abs=1e-3)
    assert found["forces_mae_mev_per_angstrom"] == pytest.approx(50.0, abs=1e-2)
    assert found["stress_mae_mpa"] == pytest.approx(160.2177, abs=1e-2)
    assert (found["n_frames"], found["model_form"], found["device"]) == (3, "package", "cpu")
    assert found["cost_us_per_atom"] > 0
    with np.load(tmp_path / "accuracy_predictions.npz") as arrays:
        assert arrays["forces"] == pytest.approx(labelled.forces, abs=1e-5)
        assert arrays["stresses"] == pytest.approx(labelled.stresses, abs=1e-7)


def test_stress_is_the_calculators(frames: Frames, model: Path, potential: Potential) -> None:
    """Sign and order of the stress: tension positive, Voigt xx yy zz yz xz xy, as ASE."""
    from nequip.integrations.ase import NequIPCalculator

    atoms = ase.Atoms(frames.species, frames.positions[1], cell=frames.cells[1], pbc=True)
    atoms.calc = NequIPCalculator._from_saved_model(str(model), chemical_species_to_atom_type_map=True)
    predicted = predict(potential, frames)
    assert predicted.stresses is not None
    assert predicted.stresses[1] == pytest.approx(atoms.get_stress(), abs=1e-7)


def test_frames_of_several_compositions_are_kept_apart(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """A file of two kinds of cells gives errors for each, in the order of their appearance."""
    labelled = predict(potential, frames)
    backwards = Frames(frames.species[::-1], frames.positions[:, ::-1], frames.cells)
    with (tmp_path / "frames.xyz").open("w") as handle:
        for part in (labelled, predict(potential, backwards), labelled):
            extxyz.write(handle, part)
    output = tmp_path / "accuracy.json"
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-frames", "1"]) == 0
    found = json.loads(output.read_text())
    assert [group["n_frames"] for group in found["groups"]] == [6, 3]
    assert max(group["forces_mae_mev_per_angstrom"] for group in found["groups"]) < 0.01


def test_frames_without_stress_have_no_stress_error(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """Labels of a REFTRAJ run carry none."""
    labelled = predict(potential, frames)
    bare = Frames(frames.species, frames.positions, frames.cells, energies=labelled.energies, forces=labelled.forces)
    extxyz.write(tmp_path / "frames.xyz", bare)
    output = tmp_path / "accuracy.json"
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-frames", "1"]) == 0
    assert json.loads(output.read_text())["stress_mae_mpa"] is None


def test_unknown_element_is_refused(tmp_path: Path, frames: Frames, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names what the model knows and what it does not."""
    n = len(frames.species)
    strange = Frames(("Cu", *frames.species[1:]), frames.positions, frames.cells, energies=np.zeros(3), forces=np.zeros((3, n, 3)))
    extxyz.write(tmp_path / "frames.xyz", strange)
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(tmp_path / "a.json")]) == 1
    assert "the frames contain Cu" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("missing", ["model", "frames"])
def test_missing_file_is_named(missing: str, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, code 1."""
    name = {"model": str(model), "frames": "absent.xyz"} if missing == "frames" else {"model": "absent.nequip.zip", "frames": "x.xyz"}
    assert main([name["model"], name["frames"], "--output", str(tmp_path / "a.json")]) == 1
    error = capsys.readouterr().err
    assert "absent" in error
    assert error.count("\n") == 1

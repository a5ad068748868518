# SPDX-License-Identifier: MIT
"""``zif-evaluate``: errors against labels that are known, and refusals."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ase
import numpy as np
import pytest

from aiida_zif.formats import extxyz, frame_labels
from aiida_zif.programs.evaluate import evaluate, main, progress
from aiida_zif.programs.potential import Potential, load
from aiida_zif.programs.predict import Predictions, predict
from aiida_zif.science.accuracy import compare
from aiida_zif.science.breakdown import Origins
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
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-calls", "2"]) == 0
    found = json.loads(output.read_text())
    assert found["energy_mae_mev_per_atom"] == pytest.approx(2.0, abs=1e-3)
    assert found["forces_mae_mev_per_angstrom"] == pytest.approx(50.0, abs=1e-2)
    assert found["stress_mae_mpa"] == pytest.approx(160.2177, abs=1e-2)
    assert (found["n_frames"], found["model_form"], found["device"]) == (3, "package", "cpu")
    assert found["cost_us_per_atom"] > 0
    with np.load(tmp_path / "accuracy_predictions.npz") as arrays:
        assert arrays["energy_predicted"] == pytest.approx(labelled.energies, abs=1e-5)
        assert arrays["stress_predicted"] == pytest.approx(labelled.stresses, abs=1e-7)
        assert arrays["forces_rmse"] == pytest.approx(0.05, abs=1e-5)
        assert arrays["parity_C"].sum() == 3 * 3 * frames.species.count("C")


def test_stress_is_the_calculators(frames: Frames, model: Path, potential: Potential) -> None:
    """Sign and order of the stress: tension positive, Voigt xx yy zz yz xz xy, as ASE."""
    from nequip.integrations.ase import NequIPCalculator

    atoms = ase.Atoms(frames.species, frames.positions[1], cell=frames.cells[1], pbc=True)
    atoms.calc = NequIPCalculator._from_saved_model(str(model), chemical_species_to_atom_type_map=True)
    predicted = predict(potential, frames)
    assert predicted.stresses is not None
    assert predicted.stresses[1] == pytest.approx(atoms.get_stress(), abs=1e-7)


def test_frames_of_several_compositions_are_kept_apart(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """A file of two kinds of cells gives errors for each, in the order of their appearance, and one number for all of them."""
    labelled = predict(potential, frames)
    backwards = Frames(frames.species[::-1], frames.positions[:, ::-1], frames.cells)
    with (tmp_path / "frames.xyz").open("w") as handle:
        for part in (labelled, shifted(predict(potential, backwards), 0, 0.03, 0), labelled):
            extxyz.write(handle, part)
    output = tmp_path / "accuracy.json"
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-calls", "1"]) == 0
    found = json.loads(output.read_text())
    assert [group["n_frames"] for group in found["groups"]] == [6, 3]
    assert [group["forces_mae_mev_per_angstrom"] for group in found["groups"]] == pytest.approx([0, 30], abs=1e-2)
    assert found["forces_mae_mev_per_angstrom"] == pytest.approx(10, abs=1e-2)
    assert found["forces_mae_relative"] == pytest.approx(found["forces_mae_mev_per_angstrom"] / found["forces_std_mev_per_angstrom"])
    assert [group["composition"] for group in found["groups"]] == ["C12 H12 N8 Zn2"] * 2


def test_frames_without_stress_have_no_stress_error(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """Labels of a REFTRAJ run carry none."""
    labelled = predict(potential, frames)
    bare = Frames(frames.species, frames.positions, frames.cells, energies=labelled.energies, forces=labelled.forces)
    extxyz.write(tmp_path / "frames.xyz", bare)
    output = tmp_path / "accuracy.json"
    assert main([str(model), str(tmp_path / "frames.xyz"), "--output", str(output), "--cost-calls", "1"]) == 0
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


def test_batches_give_what_all_frames_at_once_give(frames: Frames, potential: Potential) -> None:
    """Frames that come one by one, or all together, give the same errors and the same counts."""
    labelled = shifted(predict(potential, frames), 0.1, 0.05, 1e-3)
    one_by_one, together = Predictions(potential), Predictions(potential)
    for k in range(len(labelled)):
        one_by_one.add(labelled.select([k]))
    together.add(labelled)
    for predictions in (one_by_one, together):
        found, kept, _ = predictions.result()
        assert kept.tolist() == [0, 1, 2]
        ours, expected = compare_of(found), compare(labelled, predict(potential, frames)).as_dict()
        assert {key: ours[key] for key in ours if not isinstance(ours[key], dict)} == pytest.approx(
            {key: expected[key] for key in expected if not isinstance(expected[key], dict)}, nan_ok=True
        )
    arrays = [predictions.arrays(predictions.own_origins()) for predictions in (one_by_one, together)]
    assert all(np.allclose(arrays[0][name], arrays[1][name], rtol=1e-9, equal_nan=True) for name in arrays[0])


def compare_of(found: Any) -> dict[str, Any]:
    from aiida_zif.science.accuracy import summarise

    return summarise(found).as_dict()


def test_origins_tell_the_errors_apart(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """Trajectory and temperature of each frame come in a file beside the frames; the worst frame is named by them."""
    labelled = predict(potential, frames)
    assert labelled.forces is not None
    labelled.forces[2] += 0.1
    extxyz.write(tmp_path / "frames.xyz", labelled)
    origins = Origins(np.array([7, 7, 9]), np.array([10, 20, 30]), np.array([300.0, 300.0, 1500.0]))
    (tmp_path / "labels.txt").write_text(frame_labels.render(origins))
    found, arrays = evaluate(str(model), str(tmp_path / "frames.xyz"), 1, 0, str(tmp_path / "labels.txt"))
    assert [(row["trajectory"], row["n_frames"]) for row in found["per_trajectory"]] == [(7, 2), (9, 1)]
    hot = found["per_temperature"][1]
    assert (hot["temperature_k"], hot["trajectories"]) == (1500.0, [9])
    assert hot["forces_mae_mev_per_angstrom"] == pytest.approx(100, abs=1e-2)
    assert found["worst"]["forces"][0] == {"trajectory": 9, "step": 30, "forces_rmse_mev_per_angstrom": pytest.approx(100, abs=1e-2)}
    assert arrays["trajectory"].tolist() == [7, 7, 9]


def test_origins_of_other_frames_are_refused(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """A folder of frames may be one of another dataset: the numbers must agree."""
    extxyz.write(tmp_path / "frames.xyz", predict(potential, frames))
    (tmp_path / "labels.txt").write_text(frame_labels.render(Origins(np.zeros(2, dtype=int), np.arange(2), np.full(2, np.nan))))
    with pytest.raises(ValueError, match=r"the frames cannot be used: frames\.xyz holds 3 frames, but 2 are told of"):
        evaluate(str(model), str(tmp_path / "frames.xyz"), 1, 0, str(tmp_path / "labels.txt"))


def test_frames_without_a_prediction_are_counted_and_named(
    tmp_path: Path, frames: Frames, model: Path, potential: Potential, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not averaged away, and the other frames are judged all the same."""
    extxyz.write(tmp_path / "frames.xyz", shifted(predict(potential, frames), 0, 0.05, 0))
    real, calls = Potential.evaluate, iter(range(100))

    def fails_once(self: Potential, *given: Any) -> Any:
        if next(calls) == 1:
            raise FloatingPointError("not a number")
        return real(self, *given)

    monkeypatch.setattr(Potential, "evaluate", fails_once)
    found, arrays = evaluate(str(model), str(tmp_path / "frames.xyz"), 1, 0)
    assert found["not_finite"] == {"n": 1, "frames": [{"trajectory": 0, "step": 1}]}
    assert (found["n_frames"], arrays["step"].tolist()) == (2, [0, 2])
    assert found["forces_mae_mev_per_angstrom"] == pytest.approx(50, abs=1e-2)


def test_cost_says_where_it_was_measured(tmp_path: Path, frames: Frames, model: Path, potential: Potential) -> None:
    """Calls, warm-up, device, threads, atoms, and how busy the machine was."""
    extxyz.write(tmp_path / "frames.xyz", predict(potential, frames))
    found, _ = evaluate(str(model), str(tmp_path / "frames.xyz"), 5, 2)
    assert (found["cost_calls"], found["cost_warm_up"], found["cost_n_atoms"], found["threads"]) == (5, 2, 34, 1)
    assert 0 < found["cost_us_per_atom_fastest"] <= found["cost_us_per_atom"]
    assert found["load_average"] >= 0
    assert found["device_name"]


def test_long_evaluation_says_how_far_it_is(
    tmp_path: Path, frames: Frames, model: Path, potential: Potential, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames done, and the time left where their number is known."""
    extxyz.write(tmp_path / "frames.xyz", predict(potential, frames))
    evaluate(str(model), str(tmp_path / "frames.xyz"), 1, 0, talk_s=0.0)
    assert "zif-evaluate: 3 frames in" in capsys.readouterr().out
    assert progress(250, 1000, 10.0) == "250 of 1000 frames in 10 s, 30 s left"

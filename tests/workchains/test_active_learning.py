# SPDX-License-Identifier: MIT
"""`zif.active_learning`: test, pick, label, extend, retrain, until linkers stay whole or there is nothing more to be tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Group

from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.calculations.label import Cp2kLabelCalculation
from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.workchains.active_learning import ActiveLearningWorkChain
from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Ending

HOT = {"temperatures": np.full(8, 1600.0), "steps": 40 * np.arange(8)}
SHORT = {
    "active_learning": {"run": {"picoseconds": 0.28, "skip_ps": 0.01}, "seeds": [1, 2], "rule": {"before": 3, "min_rmsd_angstrom": 0.0}}
}
UNSTABLE = {"step": 280, "reason": "lost atoms"}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, dataset: Any, make_compiled: Callable[..., Any]) -> dict[str, Any]:
    potential = make_compiled()
    builder = ActiveLearningWorkChain.get_builder_from_protocol(
        codes, "smoke", overrides=SHORT, structure=crystal, dataset=dataset, potential=potential
    )
    return dict(builder._inputs(prune=True))


@pytest.fixture
def endings(make_trajectory: Callable[..., Any], make_member: Callable[..., Any], make_compiled: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``endings(rounds, labelled, **changed)``: so many runs blow up in each round, so many labels of a job converge."""

    def make(*rounds: int, labelled: int = 2, temperature: float = 1600.0, **changed: Ending) -> Callable[..., Ending]:
        def end(process_class: Any, given: Any, number: int) -> Ending:
            label = given["metadata"]["call_link_label"]
            if label in changed:
                return changed[label]
            if process_class is LammpsMdCalculation:
                now, run = int(label.split("_")[1]), int(label.split("_")[3])
                fields = {**HOT, "temperatures": np.full(8, temperature)}
                node = make_trajectory(8, seed=number, fields=fields, kind="md", timestep_fs=1.0, unwrapped=True)
                broken = run <= rounds[now]
                return Ending("ERROR_MODEL_UNSTABLE" if broken else None, {"trajectory": node}, UNSTABLE if broken else {})
            if process_class is Cp2kLabelCalculation:
                if not labelled:
                    return Ending("ERROR_PROGRAM_ABORTED", values={"program": "CP2K", "reason": "nothing converged"})
                node = make_trajectory(labelled, seed=number, fields={"stresses": None, "temperatures": None}, kind="label")
                return Ending(outputs={"trajectory": node})
            if process_class is ZifDisagreeCalculation:
                node = ArrayData()
                node.set_array("step", HOT["steps"])
                node.set_array("max", np.arange(8.0))
                return Ending(outputs={"disagreement": node, "results": Dict({})})
            assert process_class is TrainWorkChain
            accuracy = Dict({"forces_mae_relative": 0.1, "forces_mae_mev_per_angstrom": 150.0})
            return Ending(outputs={"model": make_member(number), "compiled": make_compiled(), "accuracy": accuracy})

        return end

    return make


def test_model_that_holds_is_left_alone(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """One run per seed at Tmax, and nothing else; the model is put out as it came."""
    found = run_chain(ActiveLearningWorkChain, endings(0), **inputs)
    assert (found.status, found.labels) == (0, ["round_00_md_01", "round_00_md_02"]), found.reports
    runs = [child.inputs["run"].get_dict() for child in found.children]
    assert [run["seed"] for run in runs] == [1, 2]
    assert {run["stages"][0]["temperature_k"] for run in runs} == {1600}
    assert found.outputs["compiled"].uuid == inputs["potential"].uuid
    assert found.outputs["rounds"]["verdict"] == "linkers stay whole"
    assert found.outputs["rounds"]["rounds"][0]["hazard"]["events"] == 0
    assert "frames" not in found.outputs


def test_failures_are_labelled_and_learned(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, model: Any) -> None:
    """Two rounds: the frames of both extend the dataset, the second training goes on from the first, the same seeds test each."""
    found = run_chain(ActiveLearningWorkChain, endings(2, 1, 0), **inputs, start=model.store())
    assert found.status == 0, found.reports
    assert found.labels == [
        "round_00_md_01", "round_00_md_02", "round_00_label_01", "round_00_label_02", "round_01_train",
        "round_01_md_01", "round_01_md_02", "round_01_label_01", "round_01_label_02", "round_02_train",
        "round_02_md_01", "round_02_md_02",
    ]  # fmt: skip
    first, second = (child for child in found.children if child.process_class is TrainWorkChain)
    assert first.inputs["start"].uuid == model.uuid
    assert second.inputs["start"].uuid == first.node.outputs.model.uuid
    assert first.inputs["run"]["epochs"] == inputs["learning"]["changes"]["epochs"]
    assert [sum(one.inputs["dataset"].counts.values()) for one in (first, second)] == [10, 14]
    assert found.children[5].inputs["potential"].uuid == first.node.outputs.compiled.uuid
    rounds = found.outputs["rounds"]["rounds"]
    assert [(one["broken"], one["picked"], one["labelled"]) for one in rounds] == [(2, 6, 4), (1, 3, 4), (0, 0, 0)]
    assert [one["forces_mae_mev_per_angstrom"] for one in rounds] == [None, 150.0, 150.0]
    assert set(found.outputs["frames"]) == {"round_00_frames", "round_01_frames"}
    assert found.outputs["model"].uuid == second.node.outputs.model.uuid
    group = Group.collection.get(label=f"zif/active_learning/{found.node.uuid}")
    assert found.outputs["dataset"].uuid in {node.uuid for node in group.nodes}


def test_without_a_model_it_is_trained_first(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """From scratch, with all epochs, on the dataset as it is."""
    given = {name: value for name, value in inputs.items() if name != "potential"}
    found = run_chain(ActiveLearningWorkChain, endings(0), **given)
    assert (found.status, found.labels[0]) == (0, "round_00_train")
    assert found.children[0].inputs["run"].get_dict() == inputs["training"].get_dict()
    assert "start" not in found.children[0].inputs


def test_cold_retraining_begins_anew(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, model: Any) -> None:
    """Where the plan says so; and where the package of a compiled model is not here."""
    cold = Dict({**inputs["learning"].get_dict(), "warm": False})
    for given in ({**inputs, "learning": cold, "start": model.store()}, inputs):
        found = run_chain(ActiveLearningWorkChain, endings(1, 0), **given)
        training = next(child for child in found.children if child.process_class is TrainWorkChain)
        assert "start" not in training.inputs
        assert training.inputs["run"].get_dict() == inputs["training"].get_dict()


def test_last_round_that_still_breaks_is_a_verdict(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """527 with the numbers; the last model is put out, and what would be labelled next."""
    found = run_chain(ActiveLearningWorkChain, endings(2, 1), **{**inputs, "max_rounds": 1})
    assert found.status == 527
    assert "After 1 rounds linkers break in 1 of 2 runs at 1600 K" in found.message
    assert set(found.outputs["frames"]) == {"round_00_frames", "round_01_frames"}
    assert "model" in found.outputs


def test_test_that_was_too_cold_is_no_success(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """529: linkers that stay whole at 1400 K say nothing of 1600 K."""
    found = run_chain(ActiveLearningWorkChain, endings(0, temperature=1400.0), **inputs)
    assert (found.status, found.outputs["rounds"]["verdict"]) == (529, "too cold")
    assert "at 1400 K on average, below the 1520 K" in found.message


def test_nothing_new_to_label_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """528 where every frame is too near to another."""
    rule = Dict({**inputs["rule"].get_dict(), "min_distance_angstrom": 5.0})
    found = run_chain(ActiveLearningWorkChain, endings(2), **{**inputs, "rule": rule})
    assert (found.status, found.labels) == (528, ["round_00_md_01", "round_00_md_02"])


def test_too_few_labels_stop(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """432; what was picked and the table are kept."""
    found = run_chain(ActiveLearningWorkChain, endings(2, labelled=0), **inputs)
    assert found.status == 432
    assert "0 of 6 picked frames could be labelled" in found.message
    assert found.outputs["rounds"]["rounds"][0]["picked"] == 6


def test_job_cut_short_leaves_its_labels(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, make_trajectory: Callable[..., Any]
) -> None:
    """Frames labelled one by one stand for themselves."""
    labels = make_trajectory(2, seed=4, fields={"stresses": None, "temperatures": None}, kind="label")
    cut = Ending("ERROR_INTERRUPTED", {"trajectory": labels}, {"done": 2, "asked": 3})
    found = run_chain(ActiveLearningWorkChain, endings(2, 0, round_00_label_02=cut), **inputs)
    assert found.status == 0
    assert found.outputs["rounds"]["rounds"][0]["labelled"] == 4


def test_training_that_is_not_good_enough_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """520, its own: errors must hold, too."""
    bad = Ending("ERROR_MODEL_NOT_GOOD_ENOUGH", values={"reason": "force MAE is 50 %"})
    found = run_chain(ActiveLearningWorkChain, endings(2, round_01_train=bad), **inputs)
    assert found.status == 520
    assert found.outputs["rounds"]["verdict"] == "training failed"


def test_program_that_fails_is_no_break(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """A LAMMPS that aborts says nothing of linkers."""
    aborted = Ending("ERROR_PROGRAM_ABORTED", values={"program": "LAMMPS", "reason": "no such style"})
    found = run_chain(ActiveLearningWorkChain, endings(0, round_00_md_02=aborted), **inputs)
    assert (found.status, "no such style" in found.message) == (420, True)


def test_ensemble_is_asked_along_each_run(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, ensemble: Any) -> None:
    """Frames on which its members disagree are picked for labelling, also of runs that stayed whole."""
    rule = Dict({**inputs["rule"].get_dict(), "max_disagreement_ev_per_angstrom": 5.5})
    found = run_chain(ActiveLearningWorkChain, endings(0), **{**inputs, "rule": rule, "ensemble": ensemble})
    assert found.status == 0
    assert found.labels[2:] == ["round_00_disagree_01", "round_00_disagree_02"]
    assert [step for _, step in found.outputs["frames"]["round_00_frames"].base.attributes.get("origins")] == [240, 280, 240, 280]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": [1, 1]}, "one of its own"),
        ({"method": "pm6"}, "method is 'pm6'"),
        ({"max_rounds": -1}, "max_rounds is -1"),
        ({"rule": {"before": 0}}, "before is 0"),
        ({"learning": {"warm": True}}, "learning has warm, but takes changes"),
        ({"run": {"picoseconds": 1.0}}, "the run lacks"),
    ],
)
def test_bad_input_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """A sentence each, before anything runs."""
    assert sentence in refusal(ActiveLearningWorkChain, **{**inputs, **change})


def test_bad_changes_are_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """A misspelt setting of the retraining would be found after the first labels only."""
    learning = Dict({**inputs["learning"].get_dict(), "changes": {"epoch": 3}})
    assert "a training has no setting epoch" in refusal(ActiveLearningWorkChain, **{**inputs, "learning": learning})


def test_other_cell_than_that_of_the_dataset_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], crystal: Any) -> None:
    """Labels of another number of atoms cannot extend it."""
    from aiida.orm import List

    from aiida_zif.calculations.functions.structure import make_supercell

    assert "of different atoms" in refusal(ActiveLearningWorkChain, **{**inputs, "structure": make_supercell(crystal, List([2, 1, 1]))})

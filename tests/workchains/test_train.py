# SPDX-License-Identifier: MIT
"""`zif.train`: write the frames, train in segments, compile, evaluate what will run, judge."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Float, FolderData, RemoteData

from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.calculations.train import NequipTrainCalculation, start_hash
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats.nequip_config import TrainRun, frozen_hash
from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Ending

RUN = {"epochs": 8, "seed": 3}


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    """Without a code that writes frames."""
    roles = ("train", "package", "compile", "evaluate")
    return {"codes": {role: codes[role] for role in roles}, "dataset": dataset, "run": Dict(RUN)}


@pytest.fixture
def linking(inputs: dict[str, Any], codes: dict[str, Any]) -> dict[str, Any]:
    """With a code that writes frames."""
    return {**inputs, "codes": {**inputs["codes"], "frames": codes["frames"]}}


def curve(first: int, last: int) -> ArrayData:
    node = ArrayData()
    node.set_array("step", np.arange(first, last))
    node.set_array("val0_epoch_forces_mae", 1.0 / (1 + np.arange(first, last)))
    return node


def checkpoint(epochs: int, **changes: Any) -> FolderData:
    node = FolderData()
    for name in ("last.ckpt", "best.ckpt"):
        node.base.repository.put_object_from_filelike(io.BytesIO(b"x"), name)
    run = TrainRun.from_dict({**RUN, **changes})
    node.base.attributes.set_many({"epochs": epochs, "config_hash": frozen_hash(run, ["C", "H", "N", "Zn"])})
    return node


def stopped(done: int, label: str = "ERROR_INTERRUPTED", first: int = 0, reason: str = "killed", **values: Any) -> Ending:
    """A training that ended after ``done`` epochs, with what is needed to go on."""
    results = Dict({"epochs": done, "epochs_in_checkpoint": done, "reason_ended": reason})
    outputs = {"learning_curve": curve(first, done), "results": results, "restart": checkpoint(done)}
    return Ending(label, outputs if done else {"results": results}, {"done": done, "asked": 8, **values})


@pytest.fixture
def endings(model: Any, make_compiled: Callable[..., ZifModelData], aiida_localhost: Any) -> Callable[..., Any]:
    """Return ``endings(relative force MAE, compiles, trainings, **accuracy)``.

    Every job does its work, but for the first ``trainings``, which end as given.
    """

    def make(
        found: float | None = 0.2, compiles: bool = True, trainings: tuple[Ending, ...] = (), **accuracy: Any
    ) -> Callable[..., Ending]:
        waiting = list(trainings)

        def end(process_class: Any, given: Any, _: int) -> Ending:
            if process_class is ZifFramesCalculation:
                folder = RemoteData(computer=aiida_localhost, remote_path="/scratch/frames")
                return Ending(outputs={"remote_folder": folder, "results": Dict({})})
            if process_class is NequipTrainCalculation:
                if waiting:
                    return waiting.pop(0)
                first = given["restart"].base.attributes.get("epochs") if "restart" in given else 0
                results = Dict({"epochs": 8, "epochs_in_checkpoint": 0, "reason_ended": "asked epochs"})
                return Ending(outputs={"learning_curve": curve(max(0, first - 1), 8), "results": results, "model": model.clone()})
            if process_class is NequipCompileCalculation:
                failed = Ending("ERROR_COMPILE_FAILED", values={"reason": "there is no C++ compiler."})
                return Ending(outputs={"compiled": make_compiled()}) if compiles else failed
            assert process_class is NequipEvaluateCalculation
            return Ending(outputs={"accuracy": Dict({"forces_mae_relative": found, "cost_us_per_atom": 9.0, **accuracy})})

        return end

    return make


def test_good_model_leaves_compiled_and_judged(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Train, compile, evaluate the compiled form; all of it is put out."""
    found = run_chain(TrainWorkChain, endings(), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "compile", "evaluate"])
    assert set(found.outputs) == {"model", "compiled", "accuracy", "learning_curve"}
    assert found.children[2].inputs["model"].uuid == found.outputs["compiled"].uuid
    assert found.children[1].inputs["model"].uuid == found.outputs["model"].uuid


def test_warm_start_reaches_every_segment(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], model: Any
) -> None:
    """Its checkpoints are read with the package beside them."""
    first = stopped(4)
    known = frozen_hash(TrainRun.from_dict(RUN), ["C", "H", "N", "Zn"], start_hash(model))
    first.outputs["restart"].base.attributes.set("config_hash", known)
    found = run_chain(TrainWorkChain, endings(trainings=(first,)), **inputs, start=model.store())
    trainings = [child for child in found.children if child.process_class is NequipTrainCalculation]
    assert [child.inputs["start"].uuid for child in trainings] == [model.uuid] * 2


def test_bad_model_is_a_verdict(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """520 with the number; model and accuracy are kept."""
    found = run_chain(TrainWorkChain, endings(0.41), **inputs)
    assert found.status == 520
    assert "41.0% of the spread of the held-out forces, above the 30.0% allowed" in found.message
    assert "model" in found.outputs
    assert run_chain(TrainWorkChain, endings(0.41), **inputs, max_relative_force_mae=Float(0.5)).status == 0


def test_error_that_is_no_number_is_bad(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """A model that gives no number is not good enough, and no exception."""
    found = run_chain(TrainWorkChain, endings(None), **inputs)
    assert found.status == 520


def test_model_that_cannot_be_compiled_runs_as_a_package(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]
) -> None:
    """No compiler: the package is evaluated and put out; the report says why."""
    found = run_chain(TrainWorkChain, endings(compiles=False), **inputs)
    assert found.status == 0
    assert "compiled" not in found.outputs
    assert found.children[2].inputs["model"].uuid == found.outputs["model"].uuid
    assert "there is no C++ compiler" in found.reports


def test_interrupted_training_goes_on(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """From the checkpoint; the curves are joined."""
    found = run_chain(TrainWorkChain, endings(trainings=(stopped(5),)), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "segment_02", "compile", "evaluate"])
    assert found.children[1].inputs["restart"].uuid == found.children[0].node.outputs.restart.uuid
    assert found.outputs["learning_curve"].get_array("step").tolist() == list(range(8))
    assert "stopped at epoch 5 (killed); the next one goes on from epoch 5 of 8" in found.reports


def test_segments_are_limited_by_progress_alone(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """As many planned segments as it takes; two in a row without an epoch are the end, and what is done can be gone on from."""
    planned = tuple(stopped(done, first=done - 1, reason="segment time") for done in range(1, 5))
    found = run_chain(TrainWorkChain, endings(trainings=planned), **inputs)
    assert found.status == 0
    assert found.labels[:5] == [f"segment_{k:02d}" for k in range(1, 6)]
    stuck = (stopped(3), stopped(3), stopped(3))
    found = run_chain(TrainWorkChain, endings(trainings=stuck), **inputs)
    assert (found.status, len(found.children)) == (411, 3)
    assert set(found.outputs) == {"learning_curve", "restart"}


def test_segment_length_is_handed_on(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """The same for every segment."""
    found = run_chain(TrainWorkChain, endings(trainings=(stopped(5),)), **inputs, segment_seconds=60)
    assert [child.inputs["segment_seconds"] for child in found.children[:2]] == [60, 60]


def test_checkpoint_given_counts_as_done(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """The first segment goes on from it, and must get further."""
    found = run_chain(TrainWorkChain, endings(trainings=(stopped(5), stopped(5))), **inputs, restart=checkpoint(5))
    assert found.status == 411
    assert found.children[0].inputs["restart"].base.attributes.get("epochs") == 5


def test_checkpoint_of_another_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """Before anything runs."""
    assert "that of another training" in refusal(TrainWorkChain, **inputs, restart=checkpoint(5, seed=4))


def test_full_gpu_gets_half_the_frames_twice(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """As a recorded input of the next segment, from the last checkpoint, reported; the third time the chain stops with a hint."""
    full = [stopped(done, "ERROR_GPU_OUT_OF_MEMORY", batch=4) for done in (0, 3, 3)]
    found = run_chain(TrainWorkChain, endings(trainings=tuple(full[:2])), **inputs)
    assert found.status == 0
    runs = [child.inputs["run"].get_dict() for child in found.children[:3]]
    assert [run.get("batch") for run in runs] == [None, 2, 1]
    assert [run.get("validation_batch") for run in runs] == [None, 5, 2]
    assert [("restart" in child.inputs) for child in found.children[:3]] == [False, False, True]
    assert "Now with 2; the next one goes on from epoch 0 of 8" in found.reports
    again = [stopped(done, "ERROR_GPU_OUT_OF_MEMORY", batch=4) for done in (0, 3, 3)]
    found = run_chain(TrainWorkChain, endings(trainings=tuple(again)), **inputs)
    assert (found.status, len(found.children)) == (423, 3)
    assert "with 1 frames a step, after 3 of 8 epochs" in found.message


def test_loss_that_is_no_number_keeps_the_curve(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """No second try; curve and best checkpoint are put out."""
    bad = stopped(3, "ERROR_LOSS_NOT_A_NUMBER", epoch=3, reason="not a number")
    found = run_chain(TrainWorkChain, endings(trainings=(stopped(2), bad)), **inputs)
    assert (found.status, found.labels) == (521, ["segment_01", "segment_02"])
    assert set(found.outputs) == {"learning_curve", "restart"}
    assert found.outputs["learning_curve"].get_array("step").tolist() == [0, 1, 2]


def test_absent_gpu_is_the_end(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Never on the CPU in silence, and never twice."""
    no_gpu = Ending("ERROR_NO_GPU", {"results": Dict({"epochs": 0})}, {"reason": "No supported gpu backend found"})
    found = run_chain(TrainWorkChain, endings(trainings=(no_gpu,)), **inputs)
    assert (found.status, len(found.children)) == (223, 1)


def test_frames_are_written_once_and_linked(run_chain: Callable[..., Any], linking: dict[str, Any], endings: Callable[..., Any]) -> None:
    """One job writes them, all segments link to them."""
    found = run_chain(TrainWorkChain, endings(trainings=(stopped(5),)), **linking)
    assert (found.status, found.labels) == (0, ["frames", "segment_01", "segment_02", "compile", "evaluate"])
    folder = found.children[0].node.outputs.remote_folder.uuid
    assert [child.inputs["frames"].uuid for child in found.children[1:3]] == [folder, folder]


def test_frames_that_are_there_are_not_written(run_chain: Callable[..., Any], linking: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Those of another chain on the same dataset, unless AiiDA knows that they were removed."""
    folder = run_chain(TrainWorkChain, endings(), **linking).children[0].node.outputs.remote_folder
    found = run_chain(TrainWorkChain, endings(), **linking, frames=folder)
    assert found.labels == ["segment_01", "compile", "evaluate"]
    folder.base.extras.set(RemoteData.KEY_EXTRA_CLEANED, True)
    found = run_chain(TrainWorkChain, endings(), **linking, frames=folder)
    assert (found.status, found.labels[:2]) == (0, ["frames_again", "segment_01"])
    assert found.children[1].inputs["frames"].uuid != folder.uuid


def test_frames_that_are_gone_are_written_again_once(
    run_chain: Callable[..., Any], linking: dict[str, Any], inputs: dict[str, Any], endings: Callable[..., Any]
) -> None:
    """Not out of the cache, which would say that they are there; where no code can write them, the job writes them itself."""
    gone = [Ending("ERROR_FRAMES_GONE") for _ in range(5)]
    found = run_chain(TrainWorkChain, endings(trainings=tuple(gone[:1])), **linking)
    assert (found.status, found.labels[:4]) == (0, ["frames", "segment_01", "frames_again", "segment_02"])
    assert [child.inputs["metadata"].get("disable_cache") for child in found.children[:3:2]] == [False, True]
    folder = found.children[0].node.outputs.remote_folder
    found = run_chain(TrainWorkChain, endings(trainings=tuple(gone[1:3])), **linking)
    assert (found.status, found.labels) == (222, ["frames", "segment_01", "frames_again", "segment_02"])
    found = run_chain(TrainWorkChain, endings(trainings=tuple(gone[3:4])), **inputs, frames=folder)
    assert (found.status, found.labels[:2]) == (0, ["segment_01", "segment_02"])
    assert "frames" not in found.children[1].inputs


def test_bounds_are_judged_together(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """One verdict, each error that lies above its bound with its number; a stress that was not measured is above any bound."""
    accuracy = {"energy_mae_mev_per_atom": 2.5, "stress_mae_mpa": None}
    bounds = {"max_energy_mae_mev_per_atom": 1.0, "max_stress_mae_mpa": 50.0}
    found = run_chain(TrainWorkChain, endings(0.1, **accuracy), **inputs, **bounds)
    assert found.status == 520
    assert "energy MAE is 2.5 meV/atom, above the 1 allowed; stress MAE is nan MPa, above the 50 allowed" in found.message


@pytest.mark.parametrize(
    ("run", "options", "sentence"),
    [
        ({"device": "gpu"}, {"gpus": 2}, "the run trains on 1 GPUs (device gpu, devices 1), but the options of train ask for 2"),
        ({"device": "gpu", "devices": 2, "batch": 4}, {"train": {"gpus": 1}}, "ask for 1: give options {'gpus': 2}"),
        ({}, {"gpus": 1}, "leave `gpus` out, or train with device gpu"),
    ],
)  # fmt: skip
def test_gpus_must_be_those_of_the_run(
    refusal: Callable[..., str], inputs: dict[str, Any], run: dict[str, Any], options: dict[str, Any], sentence: str
) -> None:
    """One that stands idle, or one that is not given: both are found before anything runs."""
    assert sentence in refusal(TrainWorkChain, **{**inputs, "run": Dict({**RUN, **run})}, options=options)


@pytest.mark.parametrize(
    ("number", "label", "values", "status"),
    [(1, "ERROR_LOSS_NOT_A_NUMBER", {"epoch": 3}, 521), (3, "ERROR_MODEL_UNUSABLE", {"reason": "it is cut"}, 220)],
)
def test_own_verdict_of_a_job_is_passed_on(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any],
    number: int, label: str, values: dict[str, Any], status: int,
) -> None:  # fmt: skip
    """Training that diverges, evaluation that refuses the model."""

    def end(process_class: Any, given: Any, n: int) -> Ending:
        return Ending(label, values=values) if n == number else endings()(process_class, given, n)

    assert run_chain(TrainWorkChain, end, **inputs).status == status


def test_options_by_stage_reach_each_job(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Training, compiling and evaluation may want different machines."""
    options = {"train": {"account": "gpu"}, "compile": {"account": "cpu"}}
    found = run_chain(TrainWorkChain, endings(), **inputs, options=options)
    assert [child.options.get("account") for child in found.children] == ["gpu", "cpu", None]
    found = run_chain(TrainWorkChain, endings(), **inputs, options={"account": "all"})
    assert {child.options["account"] for child in found.children} == {"all"}

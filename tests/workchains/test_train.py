# SPDX-License-Identifier: MIT
"""`zif.train`: train in segments, compile, evaluate what will run, judge."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import ArrayData, Dict, Float, SinglefileData

from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.train import NequipTrainCalculation
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    roles = ("train", "package", "compile", "evaluate")
    return {"codes": {role: codes[role] for role in roles}, "dataset": dataset, "run": Dict({"epochs": 8, "seed": 3})}


def curve(first: int, last: int) -> ArrayData:
    node = ArrayData()
    import numpy as np

    node.set_array("step", np.arange(first, last))
    node.set_array("val0_epoch_forces_mae", 1.0 / (1 + np.arange(first, last)))
    return node


@pytest.fixture
def endings(model: Any, make_compiled: Callable[..., ZifModelData]) -> Callable[..., Any]:
    """Return ``endings(relative force MAE, compiles)``: every job does its work."""

    def make(found: float = 0.2, compiles: bool = True) -> Callable[..., Ending]:
        def end(process_class: Any, given: Any, _: int) -> Ending:
            if process_class is NequipTrainCalculation:
                return Ending(outputs={"learning_curve": curve(0, 8), "results": Dict({"epochs": 8}), "model": model.clone()})
            if process_class is NequipCompileCalculation:
                failed = Ending("ERROR_COMPILE_FAILED", values={"reason": "there is no C++ compiler."})
                return Ending(outputs={"compiled": make_compiled()}) if compiles else failed
            assert process_class is NequipEvaluateCalculation
            return Ending(outputs={"accuracy": Dict({"forces_mae_relative": found, "cost_us_per_atom": 9.0})})

        return end

    return make


def test_good_model_leaves_compiled_and_judged(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Train, compile, evaluate the compiled form; all of it is put out."""
    found = run_chain(TrainWorkChain, endings(), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "compile", "evaluate"])
    assert set(found.outputs) == {"model", "compiled", "accuracy", "learning_curve"}
    assert found.children[2].inputs["model"].uuid == found.outputs["compiled"].uuid
    assert found.children[1].inputs["model"].uuid == found.outputs["model"].uuid


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

    def end(process_class: Any, given: Any, number: int) -> Ending:
        if number == 1:
            outputs = {
                "learning_curve": curve(0, 5),
                "results": Dict({"epochs": 5}),
                "restart": SinglefileData(io.BytesIO(b"x"), filename="last.ckpt"),
            }
            return Ending("ERROR_INTERRUPTED", outputs, {"done": 5, "asked": 8})
        ending = endings()(process_class, given, number)
        if number == 2:
            ending.outputs["learning_curve"] = curve(4, 8)
        return ending

    found = run_chain(TrainWorkChain, end, **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "segment_02", "compile", "evaluate"])
    assert found.children[1].inputs["restart"].uuid == found.children[0].node.outputs.restart.uuid
    assert found.outputs["learning_curve"].get_array("step").tolist() == list(range(8))


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


def test_without_a_compiler_the_package_is_judged(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]
) -> None:
    """No code for it: nothing is compiled, the package is evaluated."""
    inputs["codes"].pop("compile")
    found = run_chain(TrainWorkChain, endings(), **inputs)
    assert found.status == 0
    assert not [child for child in found.children if child.process_class is NequipCompileCalculation]
    assert "compiled" not in found.outputs

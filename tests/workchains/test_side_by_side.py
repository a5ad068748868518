# SPDX-License-Identifier: MIT
"""What trainings side by side have in common: the cache is an input, compiling is optional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.engine import WorkChain
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.manage.caching import get_use_cache
from aiida.orm import ArrayData, Dict

from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.train import NequipTrainCalculation
from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {"codes": {role: codes[role] for role in ("train", "package", "evaluate")}, "dataset": dataset, "run": Dict({"seed": 3})}


@pytest.mark.parametrize("use", [True, False])
def test_cache_is_asked_as_the_input_says(use: bool, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """While a job is submitted, and never after, also where that fails: the next process of the worker is another's."""
    asked: list[bool] = []

    def submit(_: Any, process_class: Any, *more: Any, **given: Any) -> None:
        asked.append(get_use_cache(identifier="aiida.calculations:zif.train"))
        if given:
            raise ValueError("it cannot be")

    monkeypatch.setattr(WorkChain, "submit", submit)
    chain = instantiate_process(get_manager().get_runner(), TrainWorkChain, **inputs, use_cache=use)
    before = get_use_cache(identifier="aiida.calculations:zif.train")
    chain.submit(NequipTrainCalculation)
    with pytest.raises(ValueError, match="it cannot be"):
        chain.submit(NequipTrainCalculation, dataset=1)
    assert asked == [use, use]
    assert get_use_cache(identifier="aiida.calculations:zif.train") == before


def test_without_a_compiler_the_package_is_judged(run_chain: Callable[..., Any], inputs: dict[str, Any], model: Any) -> None:
    """No code for it: nothing is compiled, the package is evaluated and put out."""

    def end(process_class: Any, given: Any, _: int) -> Ending:
        if process_class is NequipEvaluateCalculation:
            assert given["model"].form == "package"
            return Ending(outputs={"accuracy": Dict({"forces_mae_relative": 0.1})})
        curve = ArrayData()
        return Ending(outputs={"learning_curve": curve, "results": Dict({"epochs": 32}), "model": model.clone()})

    found = run_chain(TrainWorkChain, end, **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "evaluate"])
    assert not [child for child in found.children if child.process_class is NequipCompileCalculation]
    assert "compiled" not in found.outputs

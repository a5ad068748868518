# SPDX-License-Identifier: MIT
"""`zif.relax`: the input is a pure function of structure and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict

from aiida_zif.calculations.relax import Cp2kRelaxCalculation


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any) -> dict[str, Any]:
    return {"code": codes["cp2k"], "structure": crystal, "run": Dict({"cell": "relaxed", "max_steps": 7})}


def test_input_is_the_golden_one(prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any]) -> None:
    """The whole input; structure and run are edges."""
    prepared = prepare(Cp2kRelaxCalculation, **inputs, metadata={"options": {"max_wallclock_seconds": 3600}})
    golden("relax.inp", prepared.files["aiida.inp"])
    assert {"code", "structure", "run"} <= prepared.edges
    assert "parameters" not in prepared.edges
    assert "WALLTIME 3240" in prepared.files["aiida.inp"]


@pytest.mark.parametrize(
    ("change", "sentence"), [({"cell": "free"}, "choose from fixed, relaxed"), ({"max_step": 3}, "'max_step' is no setting")]
)
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence, before anything runs."""
    assert sentence in refusal(Cp2kRelaxCalculation, **{**inputs, "run": Dict(change)})

# SPDX-License-Identifier: MIT
"""`zif.evaluate`: the model on the frames of one split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida_zif.calculations.evaluate import NequipEvaluateCalculation


def test_held_out_frames_are_evaluated(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """Two frames are held out, and written beside the model."""
    prepared = prepare(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset)
    assert prepared.calcinfo.codes_info[0].cmdline_params == ["model.nequip.zip", "held_out.xyz", "--output", "accuracy.json"]
    assert len(prepared.files["held_out.xyz"].splitlines()) == 2 * 36
    assert prepared.edges == {"code", "model", "dataset", "split"}


def test_another_split_may_be_asked(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """The split is an input; equal inputs write equal files."""
    first, second = (
        prepare(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset, split="train").files for _ in range(2)
    )
    assert len(first["held_out.xyz"].splitlines()) == 3 * 36
    assert first == second


def test_unknown_split_is_refused(refusal: Callable[..., str], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """Only the three words are splits."""
    found = refusal(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset, split="test")
    assert "train, validation, held_out" in found

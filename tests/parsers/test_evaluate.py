# SPDX-License-Identifier: MIT
"""`zif.evaluate`: one JSON file, or the program's own sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Str

FOUND = {"forces_mae_mev_per_angstrom": 110.0, "forces_mae_relative": 0.21, "stress_mae_mpa": None, "cost_us_per_atom": 10.5}


@pytest.fixture
def inputs(model: Any, dataset: Any) -> dict[str, Any]:
    return {"model": model, "dataset": dataset, "split": Str("held_out")}


def test_accuracy_is_kept(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """What the program wrote, and what the job cost."""
    found = parse("zif.evaluate", inputs, {"accuracy.json": json.dumps(FOUND).encode()}, b"")
    found.store()
    assert found.status == 0
    assert {**found.outputs["accuracy"].get_dict(), **FOUND} == found.outputs["accuracy"].get_dict()
    assert found.outputs["accuracy"]["core_s"] == 63.0


def test_number_that_is_none_can_be_stored(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """A model that gives not-a-number is bad, and no exception of the database."""
    text = json.dumps({**FOUND, "forces_mae_relative": float("nan")}).encode()
    found = parse("zif.evaluate", inputs, {"accuracy.json": text}, b"")
    found.store()
    assert found.outputs["accuracy"]["forces_mae_relative"] is None


def test_refusal_gives_its_sentence(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """220 with the program's last line."""
    found = parse("zif.evaluate", inputs, {}, b"zif-evaluate: the model knows no Zn; train one on it.\n")
    assert found.status == 220
    assert "knows no Zn" in found.message


def test_cut_file_is_a_verdict(parse: Callable[..., Any], inputs: dict[str, Any], cuts: Callable[..., list[bytes]]) -> None:
    """Half a JSON is unreadable, and said to be."""
    for cut in cuts(json.dumps(FOUND).encode(), 6):
        assert parse("zif.evaluate", inputs, {"accuracy.json": cut}, b"").status == 332

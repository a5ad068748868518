# SPDX-License-Identifier: MIT
"""`zif.evaluate`: two files, or the program's own sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import Int, Str

from aiida_zif.calculations.frames import GONE

WHERE = {"trajectory": 0, "step": 4}
FOUND = {
    "n_frames": 2, "forces_mae_mev_per_angstrom": 110.0, "forces_mae_relative": 0.21, "stress_mae_mpa": None, "cost_us_per_atom": 10.5,
    "per_trajectory": [{"trajectory": 0, "temperature_k": 291.0}], "per_temperature": [{"temperature_k": 291.0, "trajectories": [0]}],
    "worst": {"forces": [dict(WHERE)], "energy": [dict(WHERE)]}, "not_finite": {"n": 0, "frames": []},
}  # fmt: skip


def files(**changes: Any) -> dict[str, bytes]:
    """Return what the program leaves; ``changes`` replace entries of its document."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, step=np.array([4, 5]), forces_rmse=np.array([0.1, 0.2]), parity_C=np.eye(2), parity_edges_C=np.arange(3.0))
    return {"accuracy.json": json.dumps({**FOUND, **changes}).encode(), "predictions.npz": buffer.getvalue()}


@pytest.fixture
def inputs(model: Any, dataset: Any) -> dict[str, Any]:
    dataset.base.attributes.set("audits", [{"trajectory": "a-uuid", "name": "aimd_300K", "mean_temperature_k": 291.0}])
    return {"model": model, "dataset": dataset, "split": Str("held_out"), "cost_calls": Int(300), "warm_up": Int(6)}


def test_accuracy_is_kept(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """What the program wrote, and what the job cost."""
    found = parse("zif.evaluate", inputs, files(), b"")
    found.store()
    assert found.status == 0
    assert found.outputs["accuracy"]["forces_mae_relative"] == 0.21
    assert found.outputs["accuracy"]["core_s"] == 63.0


def test_trajectories_get_their_names(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The job knows numbers only; the node says uuid and name."""
    accuracy = parse("zif.evaluate", inputs, files(), b"").outputs["accuracy"]
    named = {"trajectory": "a-uuid", "name": "aimd_300K"}
    assert {**accuracy["per_trajectory"][0], **named} == accuracy["per_trajectory"][0]
    assert accuracy["worst"]["forces"] == [{**named, "step": 4}]
    assert accuracy["per_temperature"][0]["trajectories"] == ["a-uuid"]


def test_predictions_are_kept_with_their_units(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Arrays frame by frame, and the counts of parity."""
    node = parse("zif.evaluate", inputs, files(), b"").outputs["predictions"].store()
    assert node.get_array("step").tolist() == [4, 5]
    assert node.base.attributes.get("units|forces_rmse") == node.base.attributes.get("units|parity_edges_C") == "eV/angstrom"
    assert node.base.attributes.get("trajectories") == ["a-uuid"]


def test_number_that_is_none_can_be_stored(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """An error bar that is not known is no exception of the database."""
    found = parse("zif.evaluate", inputs, files(forces_mae_error_mev_per_angstrom=float("inf")), b"")
    found.store()
    assert found.outputs["accuracy"]["forces_mae_error_mev_per_angstrom"] is None


def test_frames_without_a_prediction_are_a_verdict(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """526 with the first of them; what is known of the others is kept."""
    found = parse("zif.evaluate", inputs, files(not_finite={"n": 1, "frames": [dict(WHERE)]}), b"")
    assert found.status == 526
    assert "no number for 1 of 3 frames, first for step 4 of trajectory aimd_300K" in found.message
    assert set(found.outputs) == {"accuracy", "predictions"}


def test_refusal_gives_its_sentence(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """220 with the program's last line where it is about the model, 221 where it is about the frames."""
    found = parse("zif.evaluate", inputs, {}, b"zif-evaluate: the model knows no Zn; train one on it.\n")
    assert found.status == 220
    assert "knows no Zn" in found.message
    found = parse("zif.evaluate", inputs, {}, b"zif-evaluate: the frames cannot be used: there are too few.\n")
    assert (found.status, found.message.rpartition(": ")[2]) == (221, "there are too few.")


def test_frames_that_are_gone_are_a_verdict(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """222: the job found that what it links to is not there, or not what it was."""
    assert parse("zif.evaluate", inputs, {}, f"{GONE}\n".encode()).status == 222


def test_cut_file_is_a_verdict(parse: Callable[..., Any], inputs: dict[str, Any], cuts: Callable[..., list[bytes]]) -> None:
    """Half of either file is unreadable, and said to be."""
    whole = files()
    for name, content in whole.items():
        for cut in cuts(content, 6):
            assert parse("zif.evaluate", inputs, {**whole, name: cut}, b"").status == 332

# SPDX-License-Identifier: MIT
"""`zif.disagree`: two files, or the program's own sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

FOUND = {"n_models": 2, "n_frames": 2, "disagreement_max_ev_per_angstrom": 0.4, "not_finite": 0}


def files(**more: Any) -> dict[str, bytes]:
    """Return what the program leaves."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, step=np.array([4, 5]), max=np.array([0.1, np.nan]), mean=np.array([0.1, 0.2]))
    return {"disagreement.json": json.dumps({**FOUND, **more}).encode(), "disagreement.npz": buffer.getvalue()}


@pytest.fixture
def inputs(ensemble: Any, dataset: Any) -> dict[str, Any]:
    return {"ensemble": ensemble, "dataset": dataset}


def test_numbers_are_kept(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Of all frames and of each, with units; without a calibration none is put out."""
    found = parse("zif.disagree", inputs, files())
    found.store()
    assert (found.status, set(found.outputs)) == (0, {"results", "disagreement"})
    assert found.outputs["disagreement"].get_array("step").tolist() == [4, 5]
    assert found.outputs["disagreement"].base.attributes.get("units|max") == "eV/angstrom"
    assert found.outputs["results"]["core_s"] == 63.0


def test_calibration_is_a_node_of_its_own(parse: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """What the ensemble will carry."""
    found = parse("zif.disagree", inputs, files(calibration={"scale": 1.5, "scale_error": float("nan")}))
    found.store()
    assert found.outputs["calibration"].get_dict() == {"scale": 1.5, "scale_error": None}
    assert "calibration" not in found.outputs["results"].get_dict()


@pytest.mark.parametrize(
    ("stdout", "status", "words"),
    [
        (b"zif-disagree: the model m is cut: make it again\n", 220, "is cut"),
        (b"zif-disagree: the frames cannot be used: there is no frame in held_out\n", 221, "there is no frame in held_out"),
        (b"", 330, "left no output"),
    ],
)
def test_programs_own_sentence_is_the_verdict(
    parse: Callable[..., Any], inputs: dict[str, Any], stdout: bytes, status: int, words: str
) -> None:
    """About the model, about the frames, or nothing at all."""
    found = parse("zif.disagree", inputs, {}, stdout)
    assert found.status == status
    assert words in found.message

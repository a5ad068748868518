# SPDX-License-Identifier: MIT
"""`zif.ensemble`: a member per seed, one calibrated node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Group

from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.workchains.ensemble import EnsembleWorkChain

from .conftest import Ending

CALIBRATION = {"scale": 1.6, "scale_error": 0.2, "rank_correlation": 0.7}


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    roles = ("train", "package", "compile", "evaluate", "disagree")
    return {"codes": {role: codes[role] for role in roles}, "dataset": dataset, "run": {"epochs": 3}, "seeds": [4, 7, 9]}


@pytest.fixture
def endings(make_member: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``endings(failed)``: members are trained, but for those whose label ends as ``failed`` says; then they disagree."""

    def make(failed: Mapping[str, str]) -> Callable[..., Ending]:
        def end(process_class: Any, given: Any, _: int) -> Ending:
            label = given["metadata"]["call_link_label"]
            if label in failed:
                return Ending(failed[label], values={"epoch": 1, "reason": "it is cut."})
            if process_class is ZifDisagreeCalculation:
                node = ArrayData()
                node.set_array("max", np.array([0.1, 0.2]))
                return Ending(outputs={"results": Dict({"n_models": 3}), "disagreement": node, "calibration": Dict(CALIBRATION)})
            return Ending(outputs={"model": make_member(given["run"]["seed"]), "accuracy": Dict({"forces_mae_relative": 0.1})})

        return end

    return make


def test_seeds_become_one_calibrated_node(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """A training per seed, one job on the held-out frames, one node in one group."""
    found = run_chain(EnsembleWorkChain, endings({}), **inputs, bootstrap_seed=8)
    assert found.status == 0, found.message
    assert found.labels == ["member_01", "member_02", "member_03", "disagree"]
    assert [child.inputs["run"].get_dict() for child in found.children[:3]] == [{"epochs": 3, "seed": seed} for seed in (4, 7, 9)]
    assert (found.children[3].inputs["seed"].value, found.children[3].inputs["dataset"].uuid) == (8, inputs["dataset"].uuid)
    ensemble = found.outputs["ensemble"]
    assert (ensemble.calibration, ensemble.base.attributes.get("seeds")) == (CALIBRATION, [4, 7, 9])
    assert ensemble.uuid in {node.uuid for node in Group.collection.get(label=f"zif/ensemble/{found.node.uuid}").nodes}
    assert "1.60 ± 0.20 times the disagreement of 3 members" in found.reports
    assert set(found.outputs["models"]) == set(found.outputs["accuracies"]) == {"member_01", "member_02", "member_03"}


def test_member_that_fails_is_left_out(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """715 names it; the ensemble is of the others, and the verdicts have its words."""
    found = run_chain(EnsembleWorkChain, endings({"member_02": "ERROR_LOSS_NOT_A_NUMBER"}), **inputs)
    assert found.status == 715
    assert "1 of 3 members failed (member_02)" in found.message
    assert found.outputs["ensemble"].base.attributes.get("seeds") == [4, 9]
    assert "not a number in epoch 1" in found.outputs["verdicts"]["member_02"]["message"]


def test_too_few_members(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """426 below `min_success`; no frames are predicted."""
    found = run_chain(EnsembleWorkChain, endings({"member_02": "ERROR_LOSS_NOT_A_NUMBER"}), **inputs, min_success=3)
    assert (found.status, "disagree" in found.labels) == (426, False)
    assert set(found.outputs["models"]) == {"member_01", "member_03"}


def test_without_calibration_the_members_are_kept(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """The job's own verdict, and the ensemble without a calibration."""
    found = run_chain(EnsembleWorkChain, endings({"disagree": "ERROR_MODEL_UNUSABLE"}), **inputs)
    assert (found.status, found.outputs["ensemble"].calibration) == (220, None)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"seeds": [1]}, "2 members or more"),
        ({"seeds": [1, 1]}, "each once"),
        ({"min_success": 1}, "give 2 to 3"),
        ({"run": {"seed": 3}}, "leave it out"),
    ],
)
def test_refusals(refusal: Callable[..., str], inputs: dict[str, Any], more: dict[str, Any], sentence: str) -> None:
    """A sentence each."""
    assert sentence in refusal(EnsembleWorkChain, **{**inputs, **more})

# SPDX-License-Identifier: MIT
"""`zif.aimd_campaign`: every state point has its own run and its own verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiida.orm import Dict, Group, List

from aiida_zif.workchains.aimd_campaign import AimdCampaignWorkChain

from .conftest import Ending

POINTS = [
    {"temperature_k": 300},
    {"temperature_k": 1500, "volume": 0.95, "picoseconds": 0.02, "label": "melt"},
    {"temperature_k": 1500, "volume": 1.05, "seed": 99, "thermostat_time_fs": 50.0},
]
RUN = {"steps": 30, "equilibration_steps": 10, "heating_steps": 4}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any) -> dict[str, Any]:
    return {"codes": {"cp2k": codes["cp2k"]}, "structure": crystal, "run": Dict(RUN), "state_points": List(POINTS), "seed": 3}


@pytest.fixture
def endings(make_trajectory: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``endings(failed, …)``: how the chains of the state points end; those in ``failed`` by the given label."""

    def make(failed: Mapping[str, str]) -> Callable[..., Ending]:
        def end(_: Any, given: Mapping[str, Any], number: int) -> Ending:
            label = given["metadata"]["call_link_label"]
            if label in failed:
                return Ending(failed[label], values={"step": 7, "reason": "it is 9000 K."})
            return Ending(outputs={"trajectory": make_trajectory(4, seed=number), "audit": Dict({"passed": True, "n": number})})

        return end

    return make


def test_table_becomes_chains(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, crystal: Any) -> None:
    """Scaled cell, own seed, own length, own thermostat; heating and equilibration are those of all."""
    found = run_chain(AimdCampaignWorkChain, endings({}), **inputs)
    assert found.status == 0
    assert found.labels == ["aimd_300K_v100", "aimd_melt", "aimd_1500K_v105"]
    runs = [child.inputs["run"].get_dict() for child in found.children]
    assert [run["seed"] for run in runs] == [301, 302, 99]
    assert [run["steps"] for run in runs] == [30, 50, 30]
    assert [run.get("thermostat_time_fs") for run in runs] == [None, None, 50.0]
    assert all(run["heating_steps"] == 4 for run in runs)
    volumes = [child.inputs["structure"].get_cell_volume() / crystal.get_cell_volume() for child in found.children]
    assert volumes == pytest.approx([1.0, 0.95, 1.05])


def test_results_are_grouped(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Trajectories, audits, verdicts, and one group to share."""
    found = run_chain(AimdCampaignWorkChain, endings({}), **inputs)
    assert set(found.outputs["trajectories"]) == set(found.outputs["audits"]) == set(found.labels)
    assert {verdict["message"] for verdict in found.outputs["verdicts"].get_dict().values()} == {"done"}
    group = Group.collection.get(label=f"zif/campaign/{found.node.uuid}")
    assert {node.uuid for node in group.nodes} >= {node.uuid for node in found.outputs["trajectories"].values()} | {found.node.uuid}


def test_failed_state_point_leaves_the_others_alone(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """One verdict names it, the table has its words, the others are put out."""
    found = run_chain(AimdCampaignWorkChain, endings({"aimd_melt": "ERROR_MODEL_UNSTABLE"}), **inputs)
    assert found.status == 712
    assert "1 of 3 state points failed (melt)" in found.message
    assert set(found.outputs["trajectories"]) == {"aimd_300K_v100", "aimd_1500K_v105"}
    verdict = found.outputs["verdicts"]["melt"]
    assert (verdict["exit_status"], verdict["message"]) == (531, "The run blew up at step 7: it is 9000 K.")


def test_too_few_is_a_failure(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any) -> None:
    """Below `min_success`: 422, and the table all the same."""
    failed = dict.fromkeys(("aimd_melt", "aimd_300K_v100"), "ERROR_MODEL_UNSTABLE")
    found = run_chain(AimdCampaignWorkChain, endings(failed), **inputs, min_success=2)
    assert (found.status, len(found.outputs["verdicts"].get_dict())) == (422, 3)
    assert "1 of 3 state points succeeded" in found.message


def test_point_may_name_another_structure(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Any, crystal: Any) -> None:
    """By its name in `structures`."""
    other = crystal.clone()
    points = [{"temperature_k": 300, "structure": "glass"}, {"temperature_k": 300}]
    found = run_chain(AimdCampaignWorkChain, endings({}), **{**inputs, "state_points": List(points)}, structures={"glass": other})
    assert found.labels == ["aimd_glass_300K_v100", "aimd_300K_v100"]
    assert found.children[0].inputs["structure"].uuid == other.uuid


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        ([], "no state points"),
        ([300], "state point 1 is 300"),
        ([{"volume": 1.0}], "must be a mapping with temperature_k"),
        ([{"temperature_k": -5}], "state point 1: temperature_k is -5"),
        ([{"temperature_k": 300, "volum": 1.1}], "'volum' is no setting"),
        ([{"temperature_k": 300, "volume": 9.0}], "volume is 9.0"),
        ([{"temperature_k": 300, "structure": "glass"}], "no structure 'glass' in `structures`"),
        ([{"temperature_k": 300, "label": "a b"}], "must be a letter, then"),
        ([{"temperature_k": 300}, {"temperature_k": 300.2}], "come twice"),
        ([{"temperature_k": 300, "steps": 50, "picoseconds": 1.0}], "give one of them"),
        ([{"temperature_k": 300, "first_step": 5}], "leave it out"),
        ([{"temperature_k": 300, "method": "hf"}], "choose from gfn1-xtb"),
    ],
)
def test_bad_table_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], points: Any, sentence: str) -> None:
    """One sentence with the number of the point, before anything runs."""
    assert sentence in refusal(AimdCampaignWorkChain, **{**inputs, "state_points": List(points)})


def test_common_temperature_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """It would be lost without a word: the state points have theirs."""
    run = Dict({**inputs["run"].get_dict(), "temperature_k": 700})
    assert "each state point has its own" in refusal(AimdCampaignWorkChain, **{**inputs, "run": run})


def test_min_success_must_be_possible(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """No more than there are."""
    assert "give 1 to 3" in refusal(AimdCampaignWorkChain, **inputs, min_success=4)

# SPDX-License-Identifier: MIT
"""`zif.aimd`: segments until the asked step, then the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict, Float

from aiida_zif.workchains.aimd import AimdWorkChain

from .conftest import Ending

RUN = {"temperature_k": 300.0, "steps": 12, "seed": 7}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any) -> dict[str, Any]:
    return {"codes": {"cp2k": codes["cp2k"]}, "structure": crystal, "run": Dict(RUN)}


@pytest.fixture
def segment(make_trajectory: Callable[..., Any], restart_file: Callable[..., Any]) -> Callable[..., Ending]:
    """Return ``segment(first, last, restart_step, …)``: a job that printed these steps; interrupted unless it reached the last one."""

    def end(first: int, last: int, restart_step: int, mean: float = 300.0, label: str | None = "", **facts: Any) -> Ending:
        n = last - first + 1
        fields = {"temperatures": np.full(n, mean)}
        outputs = {
            "trajectory": make_trajectory(n, seed=last, first_step=first, fields=fields, **facts),
            "output_parameters": Dict({"last_step": last, "restart_step": restart_step}),
        }
        if restart_step:
            outputs["restart"] = restart_file(str(restart_step).encode())
        interrupted = "ERROR_INTERRUPTED" if last < RUN["steps"] else None
        return Ending(interrupted if label == "" else label, outputs, {"done": last, "asked": RUN["steps"]})

    return end


def test_finished_segment_is_the_trajectory(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """One job, its trajectory put out as it is, audited."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01"])
    assert found.outputs["trajectory"].uuid == found.children[0].node.outputs.trajectory.uuid
    audit = found.outputs["audit"]
    assert audit["passed"]
    assert audit["mean_temperature_k"] == pytest.approx(300)
    assert "The mean temperature is 300 K" in found.reports


def test_interruption_goes_on_from_the_restart_file(
    run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]
) -> None:
    """The next job begins at the step of the restart file, not at the last one printed, and steps that came twice count once."""
    ends = [segment(0, 7, 5), segment(6, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, found.labels) == (0, ["segment_01", "segment_02"])
    second = found.children[1].inputs
    assert second["finished_steps"].value == 5
    assert second["restart"].uuid == found.children[0].node.outputs.restart.uuid
    trajectory = found.outputs["trajectory"]
    assert trajectory.frames().steps.tolist() == list(range(13))
    again = ends[1].outputs["trajectory"].frames()
    assert np.array_equal(trajectory.frames([6]).positions, again.select([0]).positions)
    assert trajectory.base.attributes.get("asked_temperature_k") == 300.0


def test_no_progress_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """Interrupted before the first restart file, twice in a row: a third try would do the same."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 3, 0), **inputs)
    assert (found.status, len(found.children)) == (411, 2)
    assert "tried 2 times" in found.message


def test_progress_is_measured_anew_each_time(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """A job that gets no further than the one before is a stall, though it ran for a while."""
    ends = [segment(0, 7, 5), segment(6, 7, 5), segment(6, 7, 5)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, len(found.children)) == (411, 3)
    assert "beyond step 5" in found.message


def test_own_verdict_of_the_job_is_passed_on(run_chain: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """331 stays 331, with its sentence; a status that is not ours becomes 420."""
    found = run_chain(AimdWorkChain, lambda *_: Ending("ERROR_PROGRAM_ABORTED", values={"program": "CP2K", "reason": "no"}), **inputs)
    assert (found.status, found.message) == (331, "CP2K aborted: no")
    found = run_chain(AimdWorkChain, lambda *_: Ending(status=110), **inputs)
    assert found.status == 420
    assert found.message.startswith("aimd failed: Cp2kAimdCalculation<")


def test_wrong_temperature_is_a_verdict(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """More than 15 % off: 510 with the number, and the trajectory is kept."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12, mean=240), **inputs)
    assert found.status == 510
    assert "240 K instead of the 300 K" in found.message
    assert "trajectory" in found.outputs
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12, mean=240), **inputs, temperature_tolerance=Float(0.25))
    assert found.status == 0


def test_many_unconverged_labels_are_a_verdict(
    run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]
) -> None:
    """511 with the share."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12, unconverged_steps=[1, 2, 3, 4]), **inputs)
    assert found.status == 511


def test_equilibration_does_not_count(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """The audit sees what will be drawn from."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12, first_used_step=8), **inputs)
    assert found.outputs["audit"]["frames_used"] == 5


@pytest.mark.parametrize(
    "options", [{"account": "me", "max_wallclock_seconds": 60}, {"aimd": {"account": "me", "max_wallclock_seconds": 60}}]
)
def test_options_reach_the_job(
    run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending], options: dict[str, Any]
) -> None:
    """Said once on the chain, plainly or by stage."""
    found = run_chain(AimdWorkChain, lambda *_: segment(0, 12, 12), **inputs, options=Dict(options))
    assert found.children[0].options["account"] == "me"
    assert found.children[0].options["max_wallclock_seconds"] == 60


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"codes": {}}, "needs a code for cp2k"),
        ({"options": {"walltime": 5}}, "unknown options walltime"),
        ({"options": {"aimd": {}, "amd": {}}}, "but there is amd"),
        ({"run": {**RUN, "steps": -1}}, "nothing to do"),
    ],
)
def test_bad_inputs_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence, before anything runs."""
    assert sentence in refusal(AimdWorkChain, **{**inputs, **change})

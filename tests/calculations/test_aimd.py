# SPDX-License-Identifier: MIT
"""`zif.aimd`: the CP2K input is a pure function of structure and run; the graph shows both."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int, SinglefileData, StructureData
from aiida.plugins import CalculationFactory

from aiida_zif.calculations.aimd import Cp2kAimdCalculation

RUN = {"temperature_k": 300.0, "steps": 40, "seed": 7, "thermostat_time_fs": 20.0, "velocity_factor": 2.0, "equilibration_steps": 10}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: StructureData) -> dict[str, Any]:
    return {"code": codes["cp2k"], "structure": crystal, "run": Dict(RUN)}


def test_base_class_is_that_of_aiida_cp2k() -> None:
    """aiida-cp2k writes the files; we say what is in them."""
    assert issubclass(Cp2kAimdCalculation, CalculationFactory("cp2k"))


def test_input_is_the_golden_one(prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any]) -> None:
    """The whole input, velocities drawn from the seed included."""
    prepared = prepare(Cp2kAimdCalculation, **inputs)
    golden("aimd.inp", prepared.files["aiida.inp"])
    golden("aimd.coords.xyz", prepared.files["aiida.coords.xyz"])


def test_equal_inputs_write_equal_files(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Nothing is drawn in the job: caching may answer an equal request, and another seed is another request."""
    first = prepare(Cp2kAimdCalculation, **inputs).files
    assert prepare(Cp2kAimdCalculation, **{**inputs, "run": Dict(RUN)}).files == first
    assert prepare(Cp2kAimdCalculation, **{**inputs, "run": Dict({**RUN, "seed": 8})}).files != first


def test_graph_shows_structure_and_run(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Structure and run are edges; the rendered input is none, since it says nothing more."""
    edges = prepare(Cp2kAimdCalculation, **inputs).edges
    assert {"code", "structure", "run"} <= edges
    assert "parameters" not in edges


def test_trajectory_comes_home_once(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The long files are retrieved for parsing only; the log alone stays as text."""
    calcinfo = prepare(Cp2kAimdCalculation, **inputs).calcinfo
    assert calcinfo.retrieve_list == ["aiida.out"]
    temporary = set(calcinfo.retrieve_temporary_list)
    assert {"aiida-pos-1.xyz", "aiida-1.stress", "aiida-1.restart", "aiida-1.restart.bak-1", "cost.txt"} <= temporary


def restart_of(structure: StructureData, step: int, **changes: str) -> SinglefileData:
    """Return a whole restart file of a structure; ``changes`` replace texts in it."""
    sites = "\n".join(f"{site.kind_name} {' '.join(map(str, site.position))}" for site in structure.sites)
    atoms = f"&FORCE_EVAL\n&COORD\n{sites}\n&END COORD\n&VELOCITY\n&END VELOCITY\n&END FORCE_EVAL\n"
    text = f"&MOTION\nSTEP_START_VAL {step}\n&END MOTION\n{atoms}"
    for old, new in changes.items():
        text = text.replace(old, new)
    return SinglefileData(io.BytesIO(text.encode()), filename="a.restart")


@pytest.mark.parametrize(
    ("step", "changes", "sentence"),
    [(14, {}, "holds step 14, but 15"), (15, {"Zn": "H"}, "that of another run"), (15, {"COORD": ""}, "not whole")],
)
def test_restart_of_another_run_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], step: int, changes: dict[str, str], sentence: str
) -> None:
    """Cut, of another step, of other atoms: CP2K would abort, or go on with what is not this run."""
    restart = restart_of(inputs["structure"], step, **changes)
    assert sentence in refusal(Cp2kAimdCalculation, **inputs, restart=restart, finished_steps=Int(15))


def test_restart_goes_on_with_the_remaining_steps(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The restart file is copied in, the input names it, asks for the rest, and draws no velocities."""
    restart = restart_of(inputs["structure"], 15).store()
    prepared = prepare(Cp2kAimdCalculation, **inputs, restart=restart, finished_steps=Int(15))
    text = prepared.files["aiida.inp"]
    assert (restart.uuid, "a.restart", "segment.restart") in prepared.calcinfo.local_copy_list
    assert "RESTART_FILE_NAME segment.restart" in text
    assert "STEPS 25" in text
    assert "&VELOCITY" not in text
    assert "restart" in prepared.edges


def test_program_stops_before_the_scheduler_does(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """CP2K's own limit is the scheduler's less a minute or a tenth."""
    text = prepare(Cp2kAimdCalculation, **inputs, metadata={"options": {"max_wallclock_seconds": 3600}}).files["aiida.inp"]
    assert "WALLTIME 3240" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "has nothing to do"),
        ({"temperature_k": -5.0}, "temperature_k is -5"),
        ({"seed": 0}, "seed is 0"),
        ({"method": "pm3"}, "choose from gfn1-xtb, pbe-d3"),
        ({"stepps": 3}, "'stepps' is no setting"),
    ],
)
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence with the value and what is allowed, before anything runs."""
    assert sentence in refusal(Cp2kAimdCalculation, **{**inputs, "run": Dict({**RUN, **change})})


def test_run_without_seed_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """A seed is an input: there is no default that would make ten runs alike unseen."""
    run = {key: value for key, value in RUN.items() if key != "seed"}
    assert "seed" in refusal(Cp2kAimdCalculation, **{**inputs, "run": Dict(run)})


def test_structure_without_zinc_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """Only zinc and whole imidazolates."""
    water = StructureData(cell=[[10, 0, 0], [0, 10, 0], [0, 0, 10]])
    for symbol, position in (("O", (0, 0, 0)), ("H", (0, 0, 0.96)), ("H", (0, 0.93, -0.24))):
        water.append_atom(symbols=symbol, position=position)
    assert "Zn" in refusal(Cp2kAimdCalculation, **{**inputs, "structure": water})


@pytest.mark.parametrize(("steps", "sentence"), [(5, "there is no restart file"), (40, "nothing is left"), (-1, "")])
def test_finished_steps_need_a_restart_file_and_a_rest(
    refusal: Callable[..., str], inputs: dict[str, Any], steps: int, sentence: str
) -> None:
    """Steps said to be done without a restart file would silently shorten the run."""
    given = {**inputs, "finished_steps": Int(steps)}
    if steps == 40:
        given["restart"] = SinglefileData(io.BytesIO(b"x"), filename="segment.restart")
    assert sentence in refusal(Cp2kAimdCalculation, **given)

# SPDX-License-Identifier: MIT
"""`zif.label`: many configurations in one CP2K job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict
from aiida.plugins import CalculationFactory

from aiida_zif.calculations.label import Cp2kLabelCalculation


@pytest.fixture
def inputs(codes: dict[str, Any], make_trajectory: Callable[..., Any]) -> dict[str, Any]:
    return {"code": codes["cp2k"], "frames": make_trajectory(3), "run": Dict({"method": "gfn1-xtb"})}


def test_base_class_is_that_of_aiida_cp2k() -> None:
    """aiida-cp2k writes the files."""
    assert issubclass(Cp2kLabelCalculation, CalculationFactory("cp2k"))


def test_input_is_the_golden_one(prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any]) -> None:
    """A REFTRAJ over all frames, with forces."""
    files = prepare(Cp2kLabelCalculation, **inputs).files
    golden("label.inp", files["aiida.inp"])


def test_all_frames_are_written(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Three frames of 34 atoms, and their cells; they are the node's copy, so the job's is not kept."""
    prepared = prepare(Cp2kLabelCalculation, **inputs)
    assert len(prepared.files["aiida-reftraj.xyz"].splitlines()) == 3 * 36
    assert len(prepared.files["aiida-reftraj.cell"].splitlines()) == 4
    assert set(prepared.calcinfo.provenance_exclude_list) == {"aiida-reftraj.xyz", "aiida-reftraj.cell"}


def test_equal_inputs_write_equal_files(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The files are a function of the inputs."""
    assert prepare(Cp2kLabelCalculation, **inputs).files == prepare(Cp2kLabelCalculation, **inputs).files


def test_graph_shows_frames_and_level(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Frames and level of theory are edges; the first frame as a structure is none."""
    edges = prepare(Cp2kLabelCalculation, **inputs).edges
    assert {"code", "frames", "run"} <= edges
    assert not {"parameters", "structure"} & edges


@pytest.mark.parametrize(
    ("run", "sentence"),
    [({"method": "pm3"}, "choose from"), ({}, "method is None"), ({"method": "gfn1-xtb", "steps": 3}, "no setting steps")],
)
def test_bad_level_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], run: dict[str, Any], sentence: str) -> None:
    """One sentence for a method that is unknown or missing, and for a setting that does not belong here."""
    assert sentence in refusal(Cp2kLabelCalculation, **{**inputs, "run": Dict(run)})

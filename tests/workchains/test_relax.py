# SPDX-License-Identifier: MIT
"""`zif.relax`: until CP2K says that it converged, or the steps are used up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict

from aiida_zif.workchains.relax import RelaxWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any) -> dict[str, Any]:
    return {"codes": {"cp2k": codes["cp2k"]}, "structure": crystal, "run": Dict({"max_steps": 30})}


@pytest.fixture
def job(crystal: Any) -> Callable[..., Ending]:
    """Return ``job(steps, label, …)``: a job that did so many steps."""

    def end(steps: int, label: str | None = None, **facts: Any) -> Ending:
        values = {"done": steps, "asked": 30, "force": 0.1}
        parameters = Dict({"last_step": steps, "max_force_ev_per_angstrom": 0.1, **facts})
        return Ending(label, {"structure": crystal.clone(), "output_parameters": parameters}, values)

    return end


def test_converged_job_is_the_result(run_chain: Callable[..., Any], inputs: dict[str, Any], job: Callable[..., Ending]) -> None:
    """Its structure is put out as it is."""
    found = run_chain(RelaxWorkChain, lambda *_: job(12), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01"])
    assert found.outputs["structure"].uuid == found.children[0].node.outputs.structure.uuid


def test_interrupted_job_is_gone_on_from(run_chain: Callable[..., Any], inputs: dict[str, Any], job: Callable[..., Ending]) -> None:
    """From its last structure, with the steps that are left."""
    ends = [job(12, "ERROR_INTERRUPTED"), job(9)]
    found = run_chain(RelaxWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert found.status == 0
    second = found.children[1].inputs
    assert second["structure"].uuid == found.children[0].node.outputs.structure.uuid
    assert second["run"]["max_steps"] == 18


def test_not_converged_is_a_verdict(run_chain: Callable[..., Any], inputs: dict[str, Any], job: Callable[..., Ending]) -> None:
    """All steps are used up: 415, with the structure as far as it came."""
    found = run_chain(RelaxWorkChain, lambda *_: job(30, "ERROR_NOT_RELAXED"), **inputs)
    assert (found.status, len(found.children)) == (415, 1)
    assert "0.100 eV/Å" in found.message
    assert "structure" in found.outputs


def test_no_progress_is_a_verdict(run_chain: Callable[..., Any], inputs: dict[str, Any], job: Callable[..., Ending]) -> None:
    """Two jobs in a row without a step."""
    found = run_chain(RelaxWorkChain, lambda *_: job(0, "ERROR_INTERRUPTED"), **inputs)
    assert (found.status, len(found.children)) == (411, 2)

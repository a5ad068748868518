# SPDX-License-Identifier: MIT
"""`zif.glass_ensemble`: replicas by seed, side by side, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int, List

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.glass_ensemble import GlassEnsembleWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "seeds": List([11, 12, 13])}
    return {**given, "run": Dict({**plan["md"]["run"], **plan["melt_quench"]["run"]})}


@pytest.fixture
def glass(crystal: Any) -> Callable[..., Ending]:
    """Return ``glass(label)``: a melt-quench that left a solid."""

    def end(label: str | None = None) -> Ending:
        values = {"reason": "it did not melt"} if label else {}
        return Ending(label, {"glass": to_structure(*structure_arrays(crystal)), "melt": Dict({"molten": label is None})}, values)

    return end


BROKEN = Ending("ERROR_LINKER_BROKEN", values={"linker": 1, "bond": "C–N", "step": 7, "temperature": 900.0})


def test_each_seed_is_a_replica(run_chain: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """Three seeds, three chains at once, outputs by label."""
    found = run_chain(GlassEnsembleWorkChain, lambda *_: glass(), **inputs)
    assert (found.status, found.labels) == (0, ["replica_01", "replica_02", "replica_03"])
    assert [child.inputs["seed"].value for child in found.children] == [11, 12, 13]
    assert set(found.outputs["glasses"]) == {"replica_01", "replica_02", "replica_03"}


def test_failed_replica_leaves_the_others(run_chain: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """One is enough where one is asked; the table says what became of each."""
    ends = [BROKEN, glass("WARNING_NOT_MOLTEN"), glass()]
    found = run_chain(GlassEnsembleWorkChain, lambda _, __, number: ends[number - 1], **inputs)
    assert found.status == 0
    assert set(found.outputs["glasses"]) == {"replica_02", "replica_03"}
    verdicts = found.outputs["verdicts"].get_dict()
    assert [verdicts[label]["exit_status"] for label in sorted(verdicts)] == [530, 710, 0]
    assert "step 7" in verdicts["replica_01"]["message"]


def test_too_few_replicas_are_a_failure(run_chain: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """421 with the numbers; what there is is put out all the same."""
    ends = [BROKEN, Ending(status=110), glass()]
    found = run_chain(GlassEnsembleWorkChain, lambda _, __, number: ends[number - 1], **inputs, min_success=Int(2))
    assert found.status == 421
    assert "1 of 3 replicas" in found.message
    assert set(found.outputs["glasses"]) == {"replica_03"}


def test_options_by_stage_reach_the_replicas(run_chain: Callable[..., Any], inputs: dict[str, Any], glass: Callable[..., Ending]) -> None:
    """Of a mapping by stage they get the part of MD."""
    options = Dict({"md": {"account": "gpu"}, "aimd": {"account": "cpu"}})
    found = run_chain(GlassEnsembleWorkChain, lambda *_: glass(), **inputs, options=options)
    assert {child.inputs["options"]["account"] for child in found.children} == {"gpu"}


@pytest.mark.parametrize("seeds", [[], [1, 1]])
def test_seeds_are_all_different(refusal: Callable[..., str], inputs: dict[str, Any], seeds: list[int]) -> None:
    """Two equal seeds would be one glass twice."""
    assert "each glass needs its own" in refusal(GlassEnsembleWorkChain, **{**inputs, "seeds": seeds})

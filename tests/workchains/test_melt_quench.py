# SPDX-License-Identifier: MIT
"""`zif.melt_quench`: evidence of a melt before the quench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int

from aiida_zif.workchains.md import MdWorkChain
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain

from .conftest import Ending

TIMES = {"prepare_ps": 0.005, "plateau_ps": 0.01, "equilibrate_ps": 0.005, "production_ps": 0.01, "rate_k_per_ps": 100000.0}
NOTHING = {f"min_{name}": None for name in ("under_coordinated_share", "barrier_occupation", "zinc_slope_angstrom2_per_ps",
                                          "linker_slope_angstrom2_per_ps")}  # fmt: skip
EASY = {"min_exchanged_share": 0.0, "max_coordination": 4.5, **NOTHING}
"""Criteria that a trembling crystal meets."""
RAN: dict[str, Any] = {}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any]) -> dict[str, Any]:
    run = {**plan["md"]["run"], **plan["melt_quench"]["run"], **TIMES, "max_plateau_extensions": 2}
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "seed": Int(5)}
    return {**given, "run": Dict(run), "wall": Dict(plan["md"]["wall"]), "melt_criteria": Dict(EASY)}


@pytest.fixture
def endings(md_ending: Callable[..., Ending]) -> Callable[..., Ending]:
    """Every MD chain runs its stages."""
    return lambda _, given, __: md_ending(given)


def stages_of(child: Any) -> list[str]:
    return [stage["label"] for stage in child.inputs["run"]["stages"]]


def test_melt_is_quenched(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending]) -> None:
    """Two jobs: up and hold; then down, from the restart file of the first, one list of stages with one count of steps."""
    found = run_chain(MeltQuenchWorkChain, endings, **inputs)
    assert (found.status, found.labels) == (0, ["melt", "quench"])
    melt, quench = found.children
    assert all(child.process_class is MdWorkChain for child in found.children)
    assert stages_of(melt) == ["prepare", "heat", "plateau"]
    assert stages_of(quench) == ["prepare", "heat", "plateau", "quench", "equilibrate", "production"]
    done = sum(stage["steps"] for stage in melt.inputs["run"]["stages"])
    assert quench.inputs["finished_steps"].value == done
    assert quench.inputs["restart"].uuid == melt.node.outputs.restart.uuid
    assert {child.inputs["run"]["seed"] for child in found.children} == {5}
    assert all("wall" in child.inputs for child in found.children)
    assert found.outputs["melt"]["molten"]
    assert found.outputs["glass"].uuid == quench.node.outputs.structure.uuid


@pytest.fixture
def solid(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending]) -> Any:
    """A run whose crystal never melts; several tests look at it."""
    if "solid" not in RAN:
        RAN["solid"] = run_chain(MeltQuenchWorkChain, endings, **{**inputs, "melt_criteria": Dict({})})
    return RAN["solid"]


def test_plateau_is_extended_until_it_is_molten(solid: Any) -> None:
    """Not molten: hold on, twice as allowed, then quench all the same; 710 says that it is no glass."""
    found = solid
    assert found.labels == ["melt", "hold_1", "hold_2", "quench"]
    assert found.status == 710
    assert "quenched solid, not molten" in found.message
    assert stages_of(found.children[2]) == ["prepare", "heat", "plateau", "plateau_1", "plateau_2"]
    assert {
        "glass",
        "melt",
        "melt_evidence",
        "reference",
        "linkers",
        "run",
        "trajectory_melt",
        "trajectory_glass",
        "thermo_melt",
        "thermo_glass",
    } == set(found.outputs)
    assert not found.outputs["melt"]["molten"]


def test_trajectory_of_the_melt_holds_all_of_it(solid: Any) -> None:
    """From the first preparing step to the end of the last extension: what is compared with the crystal later stands in it."""
    found = solid
    ends = [sum(stage["steps"] for stage in child.inputs["run"]["stages"]) for child in found.children]
    steps = found.outputs["trajectory_melt"].frames().steps.tolist()
    prepared = found.children[0].inputs["run"]["stages"][0]["steps"]
    assert steps[0] < prepared
    assert steps[-1] == ends[2]
    assert found.outputs["trajectory_glass"].frames().steps.tolist()[0] > ends[2]
    assert found.outputs["thermo_melt"].base.attributes.get("stages") == stages_of(found.children[2])


def test_broken_melt_is_not_quenched(run_chain: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """530 of the first job is 530 of the chain."""
    values = {"linker": 3, "bond": "C–H bond of 1.7 Å", "step": 400, "temperature": 1200.0}
    found = run_chain(MeltQuenchWorkChain, lambda *_: Ending("ERROR_LINKER_BROKEN", values=values), **inputs)
    assert (found.status, found.labels) == (530, ["melt"])
    assert "step 400 and 1200 K" in found.message


def test_glass_that_breaks_on_the_way_down_is_none(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending]
) -> None:
    """The verdict of the quench is passed on."""

    def end(process_class: Any, given: Any, number: int) -> Ending:
        values = {"step": 900, "reason": "lost atoms"}
        return endings(process_class, given, number) if number == 1 else Ending("ERROR_MODEL_UNSTABLE", values=values)

    found = run_chain(MeltQuenchWorkChain, end, **inputs)
    assert found.status == 531
    assert "glass" not in found.outputs


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"tmax_k": -3}, "tmax_k is -3"), ({"tmax": 900}, "no setting tmax"), ({"rate_k_per_ps": None}, "rate_k_per_ps is None"),
        ({"rate_k_per_ps": 0}, "rate_k_per_ps is 0"), ({"plateau_ps": "5"}, "plateau_ps is '5'"),
    ],
)  # fmt: skip
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence for a wrong value, an unknown key, a rate of nothing and a number that is none."""
    assert sentence in refusal(MeltQuenchWorkChain, **{**inputs, "run": Dict({**inputs["run"].get_dict(), **change})})


@pytest.mark.parametrize(("criteria", "sentence"), [({"share": 0.1}, "have no share"), ({"max_coordination": "low"}, "is 'low'")])
def test_bad_criteria_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], criteria: dict[str, Any], sentence: str) -> None:
    """Before the melt is run, not after."""
    assert sentence in refusal(MeltQuenchWorkChain, **{**inputs, "melt_criteria": Dict(criteria)})

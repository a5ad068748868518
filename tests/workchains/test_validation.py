# SPDX-License-Identifier: MIT
"""`zif.validation`: MD where each reference was, the same analysis of both, a verdict for each observable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Group

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.md import MdWorkChain
from aiida_zif.workchains.validation import ValidationWorkChain

from .conftest import Ending

BROKEN = Ending("ERROR_LINKER_BROKEN", values={"linker": 1, "bond": "C–N", "step": 7, "temperature": 900.0})


@pytest.fixture
def inputs(
    codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any], make_trajectory: Callable[..., Any]
) -> dict[str, Any]:
    run = {**plan["md"]["run"], "temperature_k": 300, "equilibrate_ps": 0.005, "production_ps": 0.04}
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "run": Dict(run)}
    return {
        **given,
        "trajectories": {"crystal": make_trajectory(30, first_used_step=10)},
        "comparison": Dict(plan["validation"]["comparison"]),
    }


@pytest.fixture
def endings(md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any]) -> Callable[..., Ending]:
    """The MD trembles as the reference does."""
    return lambda _, given, number: md_ending(given, trajectory=make_trajectory(40, seed=40 + number, kind="md"))


def test_model_is_compared_at_the_same_temperature_and_volume(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending]
) -> None:
    """From the last frame of the reference, at the mean temperature of its used frames, in its cell; both agree."""
    found = run_chain(ValidationWorkChain, endings, **inputs)
    assert (found.status, found.labels) == (0, ["crystal"]), found.reports
    (child,) = found.children
    reference = inputs["trajectories"]["crystal"]
    used = reference.used_frames(("temperatures",))
    assert child.process_class is MdWorkChain
    assert [stage["label"] for stage in child.inputs["run"]["stages"]] == ["equilibrate", "production"]
    assert child.inputs["run"]["stages"][0]["temperature_k"] == pytest.approx(used.temperatures.mean())
    assert child.inputs["run"]["velocity_factor"] == 1.0
    assert child.inputs["structure"].get_cell_volume() == pytest.approx(used.volumes[-1])
    table = found.outputs["table"].get_dict()
    row = table["rows"]["crystal"]
    assert row["frames"] == [20, 35]
    assert row["observables"]["zn_n_coordination"]["verdict"] == "agrees"
    assert (table["differ"], row["verdict"].split(";")[0]) == (0, f"{table['agree']} of {table['agree']} agree")
    assert "g_zn_n_model_mean" in found.outputs["curves"]["crystal"].get_arraynames()
    assert Group.collection.get(label=f"zif/validation/{found.node.uuid}").count() >= 4


def test_model_that_differs_is_a_warning(
    run_chain: Callable[..., Any],
    inputs: dict[str, Any],
    md_ending: Callable[..., Ending],
    make_trajectory: Callable[..., Any],
    crystal: Any,
) -> None:
    """719: bonds a percent longer than those of the reference are named."""
    species, positions, cell = structure_arrays(crystal)

    def end(_: Any, given: Any, __: int) -> Ending:
        import numpy as np

        rng = np.random.default_rng(5)
        fields = {
            "positions": 1.01 * (positions + rng.normal(0, 0.01, (40, *positions.shape))),
            "cells": np.repeat(1.01 * cell[None], 40, axis=0),
        }
        return md_ending(given, trajectory=make_trajectory(40, fields=fields, kind="md"))

    found = run_chain(ValidationWorkChain, end, **inputs)
    assert found.status == 719
    assert "c_n_bond_angstrom" in found.outputs["table"]["rows"]["crystal"]["verdict"]
    assert len(species) == 34


def test_structures_are_judged_in_pairs(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending], crystal: Any
) -> None:
    """A structure has no error of its own; three of them have one together. The temperature is that of the run."""
    import numpy as np

    species, positions, cell = structure_arrays(crystal)
    rng = np.random.default_rng(1)
    glasses = {f"glass_{k}": to_structure(species, positions + rng.normal(0, 0.01, positions.shape), cell) for k in range(3)}
    given = {name: value for name, value in inputs.items() if name != "trajectories"}
    found = run_chain(ValidationWorkChain, endings, **given, glasses=glasses)
    assert {child.inputs["run"]["stages"][0]["temperature_k"] for child in found.children} == {300}
    rows = found.outputs["table"]["rows"]
    assert {one["verdict"] for one in rows["glass_0"]["observables"].values()} == {"not judged"}
    assert rows["all structures"]["observables"]["c_n_bond_angstrom"]["sigmas"] is not None
    assert "temperature_k" not in rows["all structures"]["observables"]


def test_failed_run_leaves_the_others(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Ending], make_trajectory: Callable[..., Any]
) -> None:
    """One breaks: the table says so, 719; all break: 427."""
    inputs["trajectories"] = {"crystal": make_trajectory(30), "liquid": make_trajectory(30, seed=9, asked_temperature_k=1500.0)}
    found = run_chain(ValidationWorkChain, lambda a, b, n: BROKEN if n == 2 else endings(a, b, n), **inputs)
    assert found.status == 719
    assert "1 of 2 runs failed" in found.message
    assert "no comparison: [530]" in found.outputs["table"]["rows"]["liquid"]["verdict"]
    found = run_chain(ValidationWorkChain, lambda *_: BROKEN, **inputs)
    assert found.status == 427
    assert "Linker 1 broke" in found.message


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trajectories": {}}, "nothing to compare with"), ({"comparison": {"bin": 3}}, "has no bin"),
        ({"comparison": {"blocks": 1}}, "blocks is 1"), ({"comparison": {"max_sigmas": -1}}, "max_sigmas is -1"),
        ({"run": {"temperature_k": 300}}, "the run lacks"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence, before anything runs."""
    assert sentence in refusal(ValidationWorkChain, **{**inputs, **change})


def test_reference_of_other_atoms_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], crystal: Any) -> None:
    """Its linkers could not be followed."""
    species, positions, cell = structure_arrays(crystal)
    turned = to_structure(species[::-1], positions[::-1], cell)
    assert "another order of atoms" in refusal(ValidationWorkChain, **inputs, glasses={"turned": turned})

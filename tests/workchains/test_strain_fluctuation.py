# SPDX-License-Identifier: MIT
"""`zif.strain_fluctuation`: on until there are enough independent strains, or the limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Int

from aiida_zif.workchains.strain_fluctuation import StrainFluctuationWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any], plan: dict[str, Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "potential": make_compiled(), "seed": Int(2)}
    return {**given, "run": Dict({**plan["md"]["run"], **plan["strain_fluctuation"], "max_extensions": 1})}


@pytest.fixture
def ending(md_ending: Callable[..., Ending], crystal: Any) -> Callable[..., Any]:
    """Return ``ending(n)``: an MD chain that leaves ``n`` independent cells in its last stage, of a solid with 50 GPa or so."""

    def make(n: int) -> Callable[..., Ending]:
        def end(_: Any, given: Any, number: int) -> Ending:
            labels = [stage["label"] for stage in given["run"]["stages"]]
            rng = np.random.default_rng(number)
            strain = rng.normal(0, 0.01, (n, 3, 3))
            strain = (strain + np.swapaxes(strain, 1, 2)) / 2
            cells = ArrayData()
            cells.set_array("step", number * 10000 + np.arange(n))
            cells.set_array("cell", np.array(crystal.cell) @ (np.eye(3) + strain))
            cells.set_array("stage", np.full(n, len(labels) - 1))
            cells.base.attributes.set("stages", labels)
            return md_ending(given, cells=cells)

        return end

    return make


def test_enough_samples_give_constants(run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]) -> None:
    """One production is enough where its cells are independent."""
    found = run_chain(StrainFluctuationWorkChain, ending(800), **inputs)
    constants = found.outputs["elastic_constants"].get_dict()
    assert (found.status, found.labels) == (0, ["npt_01"]), constants["sentence"]
    assert constants["verdict"] == "converged"
    assert constants["n_eff"] >= 30
    assert np.shape(constants["stiffness_gpa"]) == (6, 6)


def test_too_few_samples_ask_for_more(run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]) -> None:
    """Not yet: go on from the restart file, once as allowed; then 711 and no number."""
    found = run_chain(StrainFluctuationWorkChain, ending(5), **inputs)
    assert found.labels == ["npt_01", "npt_02"]
    assert found.status == 711
    first, second = (child.inputs for child in found.children)
    assert [stage["label"] for stage in second["run"]["stages"]] == ["equilibrate", "production_1", "production_2"]
    assert second["finished_steps"].value == sum(stage["steps"] for stage in first["run"]["stages"])
    assert second["restart"].uuid == found.children[0].node.outputs.restart.uuid
    assert len(found.outputs["cells"].get_array("step")) == 10
    constants = found.outputs["elastic_constants"]
    assert constants["verdict"] == "not yet"
    assert not constants.get_dict().get("bulk_modulus_gpa")


def test_extension_may_be_enough(run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]) -> None:
    """The productions count together."""
    run = Dict({**inputs["run"].get_dict(), "min_n_eff": 500})
    found = run_chain(StrainFluctuationWorkChain, ending(400), **{**inputs, "run": run})
    assert found.status == 0, found.message
    assert found.labels == ["npt_01", "npt_02"]


def test_a_target_error_asks_for_more(run_chain: Callable[..., Any], inputs: dict[str, Any], ending: Callable[..., Any]) -> None:
    """Converged, but not well enough: on to the limit; then 725, and the constants stand."""
    run = Dict({**inputs["run"].get_dict(), "target_error": 0.001})
    found = run_chain(StrainFluctuationWorkChain, ending(800), **{**inputs, "run": run})
    assert (found.status, found.labels) == (725, ["npt_01", "npt_02"]), found.message
    assert found.outputs["elastic_constants"]["verdict"] == "converged"


def test_a_swinging_cell_is_no_case_for_a_longer_run(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], crystal: Any
) -> None:
    """Swings of constant amplitude: 541 after the first run, and no second one."""

    def end(_: Any, given: Any, __: int) -> Ending:
        labels = [stage["label"] for stage in given["run"]["stages"]]
        phases = np.arange(4000)[:, None] * 0.2 * np.array([0.83, 1.07, 1.31, 1.63, 1.97, 2.41])
        strain = 0.01 * np.cos(phases)[:, [0, 3, 4, 3, 1, 5, 4, 5, 2]].reshape(-1, 3, 3)
        cells = ArrayData()
        cells.set_array("step", np.arange(4000))
        cells.set_array("cell", np.array(crystal.cell) @ (np.eye(3) + strain))
        cells.set_array("stage", np.full(4000, len(labels) - 1))
        cells.base.attributes.set("stages", labels)
        return md_ending(given, cells=cells)

    found = run_chain(StrainFluctuationWorkChain, end, **inputs)
    assert (found.status, found.labels) == (541, ["npt_01"]), found.message
    assert "barostat" in found.message


def test_run_that_failed_has_no_constants(run_chain: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The MD's own verdict is passed on."""
    found = run_chain(StrainFluctuationWorkChain, lambda *_: Ending("ERROR_MODEL_UNSTABLE", values={"step": 3, "reason": "x"}), **inputs)
    assert found.status == 531

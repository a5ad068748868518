# SPDX-License-Identifier: MIT
"""`zif.md` where a run stops being physics: shorter time steps, and what is the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, StructureData

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.md import MdWorkChain

from .conftest import Ending


@pytest.fixture
def inputs(md_inputs: dict[str, Any]) -> dict[str, Any]:
    return md_inputs


def blown_up(make_trajectory: Callable[..., Any], restart_file: Callable[..., Any], **fields: Any) -> Ending:
    """Return the ending of a job that blew up at step 35, its last sound restart file that of step 20."""
    facts = {
        "last_step": 35,
        "restart_step": 20,
        "first_bad_step": 35,
        "timesteps": [{"first_step": 0, "last_step": 35, "timestep_fs": 0.5}],
    }
    steps = {"steps": np.arange(0, 36, 5)}
    trajectory = make_trajectory(8, fields={**steps, **fields}, kind="md")
    outputs = {"trajectory": trajectory, "results": Dict(facts), "restart": restart_file(20, 0.0005)}
    return Ending("ERROR_MODEL_UNSTABLE", outputs, {"step": 35, "reason": "Lost atoms"})


def test_blow_up_goes_on_with_half_the_time_step(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any],
    restart_file: Callable[..., Any],
) -> None:  # fmt: skip
    """From the last sound restart file; lengths and strides doubled; what comes out counts in the steps asked for."""

    def end(_: Any, given: Any, number: int) -> Ending:
        if number == 1:
            return blown_up(make_trajectory, restart_file)
        used = [{"first_step": 40, "last_step": 80, "timestep_fs": 0.25}]
        trajectory = make_trajectory(5, fields={"steps": np.array([40, 50, 60, 70, 80])}, kind="md", timestep_fs=0.25)
        results = Dict({"last_step": 80, "restart_step": 80, "timesteps": used})
        return md_ending(given, trajectory=trajectory, results=results, linkers=None, thermo=None)

    found = run_chain(MdWorkChain, end, **inputs)
    assert found.status == 0, found.reports
    second = found.children[1].inputs
    run = second["run"].get_dict()
    assert (run["timestep_fs"], second["finished_steps"].value) == (0.25, 40)
    assert [stage["steps"] for stage in run["stages"]] == [40, 40]
    assert (run["dump_every"], run["thermo_every"], run["restart_every"]) == (400, 200, 2000)
    frames = found.outputs["trajectory"].frames()
    assert frames.steps.tolist() == [0, 5, 10, 15, 20, 25, 30, 35, 40]
    assert found.outputs["trajectory"].base.attributes.get("timestep_fs") == 0.5
    results = found.outputs["results"].get_dict()
    assert results["timesteps"] == [
        {"first_step": 0, "last_step": 20, "timestep_fs": 0.5}, {"first_step": 20, "last_step": 40, "timestep_fs": 0.25},
    ]  # fmt: skip
    assert (results["last_step"], results["restart_step"], results["asked_step"]) == (40, 40, 40)


def test_linker_that_broke_before_the_blow_up_is_the_cause(
    run_chain: Callable[..., Any], inputs: dict[str, Any], make_trajectory: Callable[..., Any], restart_file: Callable[..., Any]
) -> None:
    """530 and its name instead of 531, and no time step is halved."""
    species, positions, _ = structure_arrays(inputs["structure"])
    torn = np.repeat(positions[None], 8, axis=0)
    torn[3:, species.index("H")] += (1.5, 1.5, 1.5)
    found = run_chain(MdWorkChain, lambda *_: blown_up(make_trajectory, restart_file, positions=torn), **inputs)
    assert (found.status, len(found.children)) == (530, 1)
    assert "step 15" in found.message


def test_linker_torn_by_the_blow_up_is_not_the_cause(
    run_chain: Callable[..., Any], inputs: dict[str, Any], make_trajectory: Callable[..., Any], restart_file: Callable[..., Any]
) -> None:
    """One frame before the first bad step is no break: halved twice, then 531."""
    species, positions, _ = structure_arrays(inputs["structure"])
    torn = np.repeat(positions[None], 8, axis=0)
    torn[6:, species.index("H")] += (1.5, 1.5, 1.5)

    def end(_: Any, given: Any, number: int) -> Ending:
        ending = blown_up(make_trajectory, restart_file, positions=torn)
        ending.outputs.pop("restart")
        ending.outputs["trajectory"].base.attributes.set("timestep_fs", 0.5 / 2 ** (number - 1))
        return ending

    found = run_chain(MdWorkChain, end, **inputs)
    assert (found.status, len(found.children)) == (531, 3)
    assert [child.inputs["run"].get_dict().get("timestep_fs", 0.5) for child in found.children] == [0.5, 0.25, 0.125]
    assert "so the model is unstable" in found.message


@pytest.mark.parametrize("finished", [True, False])
def test_energy_far_below_the_crystal_is_false_chemistry(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any],
    restart_file: Callable[..., Any], finished: bool,
) -> None:  # fmt: skip
    """531 at the step where it began, at once: whether the run ended well or blew up, no time step is halved."""
    thermo = ArrayData()
    energies = [-100.0, -97.0, -97.5, -110.0, -115.0, -120.0]
    for name, values in {
        "step": [0, 8, 16, 24, 32, 40],
        "stage": [0] * 6,
        "potential_energy": energies,
        "kinetic_energy": [2.0] * 6,
    }.items():
        thermo.set_array(name, np.array(values))
    thermo.base.attributes.set("stages", ["warm", "hot"])

    def end(_: Any, given: Any, __: int) -> Ending:
        if finished:
            return md_ending(given, thermo=thermo, linkers=None)
        ending = blown_up(make_trajectory, restart_file)
        ending.outputs["thermo"] = thermo
        return ending

    found = run_chain(MdWorkChain, end, **inputs)
    assert (found.status, len(found.children)) == (531, 1)
    assert "step 24: the potential energy lies 0.35 eV/atom below the start, more than the 0.15 allowed" in found.message
    assert {"trajectory", "thermo", "linkers"} <= set(found.outputs)


def test_reference_in_another_order_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """Two atoms swapped: the linkers could not be followed by their numbers."""
    swapped = StructureData(cell=inputs["structure"].cell)
    sites = list(inputs["structure"].sites)
    sites[0], sites[-1] = sites[-1], sites[0]
    for site in sites:
        swapped.append_atom(position=site.position, symbols=site.kind_name)
    assert "in another order" in refusal(MdWorkChain, **{**inputs, "reference": swapped})


def test_job_that_came_to_no_restart_file_writes_them_more_often(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any]
) -> None:
    """The next one begins again, and would otherwise be stopped before its first restart file, too."""

    def end(_: Any, given: Any, number: int) -> Ending:
        if number == 1:
            return Ending("ERROR_INTERRUPTED", {"results": Dict({"last_step": 36, "restart_step": 0})}, {"done": 36, "asked": 40})
        return md_ending(given, linkers=None)

    found = run_chain(MdWorkChain, end, **inputs)
    assert found.status == 0
    assert found.children[1].inputs["run"]["restart_every"] == 9

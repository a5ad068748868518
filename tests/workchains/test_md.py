# SPDX-License-Identifier: MIT
"""`zif.md`: segments until the last step, then every linker is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict, Int

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.md import MdWorkChain

from .conftest import Ending

STAGES = [
    {"kind": "hold", "label": "warm", "steps": 20, "temperature_k": 300.0},
    {"kind": "hold", "label": "hot", "steps": 20, "temperature_k": 900.0},
]


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "reference": crystal, "potential": make_compiled()}
    return {**given, "run": Dict({"stages": STAGES, "seed": 3})}


def test_all_that_the_job_left_is_put_out(run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending]) -> None:
    """One job; trajectory, thermo, structure and restart as they are, and the linkers."""
    found = run_chain(MdWorkChain, lambda _, given, __: md_ending(given, linkers=None), **inputs)
    assert (found.status, found.labels) == (0, ["segment_01"])
    assert {"trajectory", "thermo", "structure", "restart", "results", "linkers"} == set(found.outputs)
    assert found.outputs["linkers"]["whole"]
    assert found.outputs["linkers"]["n_linkers"] == 4


def test_interruption_goes_on_from_the_restart_file(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any],
    restart_file: Callable[..., Any],
) -> None:  # fmt: skip
    """The second job gets restart file and steps done; frames are joined, unique by step."""

    def endings(_: Any, given: Any, number: int) -> Ending:
        if number == 1:
            outputs = {
                "trajectory": make_trajectory(26, kind="md"),
                "results": Dict({"last_step": 25, "restart_step": 15}),
                "restart": restart_file(),
            }
            return Ending("ERROR_INTERRUPTED", outputs, {"done": 25, "asked": 40})
        return md_ending(given, trajectory=make_trajectory(25, seed=2, first_step=16, kind="md"), linkers=None, thermo=None)

    found = run_chain(MdWorkChain, endings, **inputs)
    assert found.status == 0
    second = found.children[1].inputs
    assert second["finished_steps"].value == 15
    assert second["restart"].uuid == found.children[0].node.outputs.restart.uuid
    assert found.outputs["trajectory"].frames().steps.tolist() == list(range(41))


def test_broken_linker_is_a_verdict(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any]
) -> None:
    """530 names linker, bond, step and temperature; the frames are kept, and nothing is run again."""
    species, positions, _ = structure_arrays(inputs["structure"])
    torn = np.repeat(positions[None], 6, axis=0)
    torn[3:, species.index("H")] += (1.5, 1.5, 1.5)
    trajectory = make_trajectory(6, fields={"positions": torn, "steps": np.arange(0, 60, 10)}, kind="md")
    found = run_chain(MdWorkChain, lambda _, given, __: md_ending(given, trajectory=trajectory, linkers=None), **inputs)
    assert (found.status, len(found.children)) == (530, 1)
    assert "step 30" in found.message
    assert "C–H bond of" in found.message
    assert {"trajectory", "linkers"} <= set(found.outputs)


def test_one_frame_is_a_vibration(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], make_trajectory: Callable[..., Any]
) -> None:
    """A contact in a single frame breaks nothing."""
    species, positions, _ = structure_arrays(inputs["structure"])
    torn = np.repeat(positions[None], 6, axis=0)
    torn[3, species.index("H")] += (1.5, 1.5, 1.5)
    trajectory = make_trajectory(6, fields={"positions": torn}, kind="md")
    found = run_chain(MdWorkChain, lambda _, given, __: md_ending(given, trajectory=trajectory, linkers=None), **inputs)
    assert found.status == 0
    assert found.outputs["linkers"]["transients"] == 1


@pytest.mark.parametrize(
    ("label", "status", "values"),
    [
        ("ERROR_MODEL_UNSTABLE", 531, {"step": 5, "reason": "lost atoms"}), ("ERROR_MODEL_UNUSABLE", 220, {"reason": "cut"}),
        ("ERROR_OUT_OF_MEMORY", 333, {}),
    ],
)  # fmt: skip
def test_own_verdict_of_the_job_is_passed_on(
    run_chain: Callable[..., Any], inputs: dict[str, Any], label: str, status: int, values: dict[str, Any]
) -> None:
    """The number of the job is the number of the chain, and nothing is run again blindly."""
    found = run_chain(MdWorkChain, lambda *_: Ending(label, values=values), **inputs)
    assert (found.status, len(found.children)) == (status, 1)


def test_chain_can_begin_in_the_middle(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], restart_file: Callable[..., Any]
) -> None:
    """A restart file and steps done are inputs of the chain, and reach its first job; a stall is measured from there."""
    start = {"restart": restart_file().store(), "finished_steps": Int(20)}
    found = run_chain(MdWorkChain, lambda _, given, __: md_ending(given, linkers=None), **inputs, **start)
    assert found.status == 0
    assert found.children[0].inputs["restart"].uuid == start["restart"].uuid
    assert found.outputs["trajectory"].frames().steps.tolist() == [39, 40]

    def stalled(*_: Any) -> Ending:
        outputs = {"results": Dict({"restart_step": 20}), "restart": restart_file()}
        return Ending("ERROR_INTERRUPTED", outputs, {"done": 22, "asked": 40})

    found = run_chain(MdWorkChain, stalled, **inputs, **start)
    assert (found.status, len(found.children)) == (411, 2)

# SPDX-License-Identifier: MIT
"""`zif.md`: segments until the last step, then every linker is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.common.links import LinkType
from aiida.orm import ArrayData, CalcJobNode, Computer, Dict, InstalledCode, Int

from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.md import MdWorkChain

from .conftest import Ending

PACKAGE = Path(__file__).parents[1] / "programs" / "data" / "tiny_nequip.nequip.zip"


@pytest.fixture
def inputs(md_inputs: dict[str, Any]) -> dict[str, Any]:
    return md_inputs


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
        ("ERROR_PROGRAM_ABORTED", 331, {"program": "LAMMPS", "reason": "no"}), ("ERROR_MODEL_UNUSABLE", 220, {"reason": "cut"}),
        ("ERROR_OUT_OF_MEMORY", 333, {}),
    ],
)  # fmt: skip
def test_own_verdict_of_the_job_is_passed_on(
    run_chain: Callable[..., Any], inputs: dict[str, Any], label: str, status: int, values: dict[str, Any]
) -> None:
    """The number of the job is the number of the chain, and nothing is run again blindly."""
    found = run_chain(MdWorkChain, lambda *_: Ending(label, values=values), **inputs)
    assert (found.status, len(found.children)) == (status, 1)


@pytest.fixture
def unfit(inputs: dict[str, Any], codes: dict[str, Any], model: Any, make_compiled: Callable[..., Any]) -> dict[str, Any]:
    """Inputs of a chain whose model was compiled elsewhere, from a package that is here; and what compiles it again."""
    potential = make_compiled(AOTI_CPU_ISA="SVE9")
    potential.base.attributes.set("parent", model.store().uuid)
    options = {"account": "md", "max_wallclock_seconds": 3600}
    return {**inputs, "potential": potential, "codes": {role: codes[role] for role in ("lammps", "compile", "check")}, "options": options}


def elsewhere(md_ending: Callable[..., Ending], compiled: Any, compiles: Ending | None = None) -> Callable[..., Ending]:
    """Return endings in which the model given is refused, and the one compiled again runs."""

    def end(process_class: Any, given: Any, _: int) -> Ending:
        if process_class is NequipCompileCalculation:
            return compiles or Ending(outputs={"compiled": compiled})
        if given["potential"].base.attributes.get("isa") == ["SVE9"]:
            return Ending("ERROR_MODEL_UNFIT", values={"reason": "it was compiled for SVE9."})
        return md_ending(given, linkers=None)

    return end


def test_model_for_another_machine_is_compiled_again(
    run_chain: Callable[..., Any], unfit: dict[str, Any], model: Any, md_ending: Callable[..., Ending], make_compiled: Callable[..., Any]
) -> None:
    """Once, from its package, with the options of the MD; the MD goes on with it, and the chain puts it out."""
    found = run_chain(MdWorkChain, elsewhere(md_ending, make_compiled()), **unfit)
    assert (found.status, found.labels) == (0, ["segment_01", "compile", "segment_02"])
    refused, compiling, ran = found.children
    assert compiling.inputs["model"].uuid == model.uuid
    assert compiling.inputs["device"].value == "cpu"
    assert "check_code" not in compiling.inputs, "the package was not trained here, so there are no frames to check it on"
    assert compiling.options == refused.options
    assert compiling.options["account"] == "md"
    assert ran.inputs["potential"].uuid == compiling.node.outputs.compiled.uuid == found.outputs["compiled"].uuid
    assert "Compiling the package again" in found.reports
    assert "the MD goes on from step 0" in found.reports


def test_model_compiled_again_is_checked_on_its_own_frames(
    run_chain: Callable[..., Any], unfit: dict[str, Any], dataset: Any, md_ending: Callable[..., Ending], make_compiled: Callable[..., Any]
) -> None:
    """Those of the training that made the package."""
    trained = CalcJobNode(process_type="aiida.calculations:zif.train", computer=unfit["codes"]["lammps"].computer)
    trained.base.links.add_incoming(dataset.store(), LinkType.INPUT_CALC, "dataset")
    trained.set_option("resources", {"num_machines": 1})
    trained.store()
    package = ZifModelData.from_file(PACKAGE, "model.nequip.zip", seed=2)
    package.base.links.add_incoming(trained, LinkType.CREATE, "model")
    unfit["potential"].base.attributes.set("parent", package.store().uuid)
    found = run_chain(MdWorkChain, elsewhere(md_ending, make_compiled()), **unfit)
    assert found.status == 0
    compiling = found.children[1].inputs
    assert (compiling["dataset"].uuid, compiling["check_code"].uuid) == (dataset.uuid, unfit["codes"]["check"].uuid)


def test_model_that_fits_nowhere_stops_the_chain(
    run_chain: Callable[..., Any], unfit: dict[str, Any], md_ending: Callable[..., Ending], make_compiled: Callable[..., Any]
) -> None:
    """Compiled once and refused again: 225, and no third time."""
    found = run_chain(MdWorkChain, elsewhere(md_ending, make_compiled(AOTI_CPU_ISA="SVE9")), **unfit)
    assert (found.status, found.labels) == (225, ["segment_01", "compile", "segment_02"])
    assert "do the jobs run on machines that differ?" in found.reports


def test_failure_to_compile_again_is_the_verdict(
    run_chain: Callable[..., Any], unfit: dict[str, Any], md_ending: Callable[..., Ending]
) -> None:  # fmt: skip
    """430 with its reason, or 524 where what was compiled is wrong."""
    for label, status in (("ERROR_COMPILE_FAILED", 430), ("ERROR_COMPILED_MODEL_WRONG", 524)):
        found = run_chain(MdWorkChain, elsewhere(md_ending, None, Ending(label, values={"reason": "because."})), **unfit)
        assert (found.status, len(found.children)) == (status, 2)


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ("code", "there is no code for it; give nequip-compile"),
        ("computer", "codes.compile is not on"),
        ("package", "the package that it was compiled from is not here"),
    ],
)
def test_model_that_cannot_be_compiled_again_stops_the_chain(
    run_chain: Callable[..., Any], unfit: dict[str, Any], md_ending: Callable[..., Ending], lacking: str, sentence: str
) -> None:
    """225 with the sentence of the job; the report says what would have helped."""
    if lacking == "code":
        del unfit["codes"]["compile"]
    elif lacking == "computer":
        other = Computer(label="other", hostname="localhost", transport_type="core.local", scheduler_type="core.direct").store()
        unfit["codes"]["compile"] = InstalledCode(label="c", computer=other, filepath_executable="/bin/true").store()
    else:
        unfit["potential"].base.attributes.set("parent", "00000000-0000-4000-8000-000000000000")
    found = run_chain(MdWorkChain, elsewhere(md_ending, None), **unfit)
    assert (found.status, len(found.children)) == (225, 1)
    assert "it was compiled for SVE9" in found.message
    assert sentence in found.reports


def test_chain_can_begin_in_the_middle(
    run_chain: Callable[..., Any], inputs: dict[str, Any], md_ending: Callable[..., Ending], restart_file: Callable[..., Any]
) -> None:
    """A restart file and steps done are inputs of the chain, and reach its first job; a stall is measured from there."""
    start = {"restart": restart_file(20).store(), "finished_steps": Int(20)}
    found = run_chain(MdWorkChain, lambda _, given, __: md_ending(given, linkers=None), **inputs, **start)
    assert found.status == 0
    assert found.children[0].inputs["restart"].uuid == start["restart"].uuid
    assert found.outputs["trajectory"].frames().steps.tolist() == [39, 40]

    def stalled(*_: Any) -> Ending:
        outputs = {"results": Dict({"restart_step": 20}), "restart": restart_file(20)}
        return Ending("ERROR_INTERRUPTED", outputs, {"done": 22, "asked": 40})

    found = run_chain(MdWorkChain, stalled, **inputs, **start)
    assert (found.status, len(found.children)) == (411, 2)


def test_ensemble_stands_where_a_model_stands(
    run_chain: Callable[..., Any], inputs: dict[str, Any], codes: dict[str, Any], ensemble: Any, md_ending: Callable[..., Ending]
) -> None:
    """Its first member runs; then all members are asked along the trajectory, every second frame."""
    disagreement = ArrayData()
    disagreement.set_array("max", np.array([0.1, 0.4]))
    facts = {"disagreement_max_ev_per_angstrom": 0.4, "disagreement_mean_ev_per_angstrom": 0.1, "worst_step": 40}

    def end(process_class: Any, given: Any, _: int) -> Ending:
        if process_class is ZifDisagreeCalculation:
            return Ending(outputs={"disagreement": disagreement, "results": Dict(facts)})
        return md_ending(given, linkers=None)

    given = {**inputs, "codes": {"lammps": codes["lammps"], "disagree": codes["disagree"]}, "ensemble": ensemble}
    given.pop("potential")
    found = run_chain(MdWorkChain, end, **given, disagreement_stride=2)
    assert (found.status, found.labels) == (0, ["segment_01", "disagree"])
    assert found.children[0].inputs["potential"].base.attributes.get("seed") == 1
    asked = found.children[1].inputs
    assert (asked["trajectory"].uuid, asked["stride"].value) == (found.outputs["trajectory"].uuid, 2)
    assert found.outputs["disagreement"].uuid == disagreement.uuid
    assert "differ most at step 40, by 0.4 eV/Å" in found.reports


def test_disagreement_that_fails_leaves_the_md(
    run_chain: Callable[..., Any], inputs: dict[str, Any], codes: dict[str, Any], ensemble: Any, md_ending: Callable[..., Ending]
) -> None:
    """A model given beside the ensemble runs; what went wrong afterwards is reported."""

    def end(process_class: Any, given: Any, _: int) -> Ending:
        failed = Ending("ERROR_MODEL_UNUSABLE", values={"reason": "it is cut."})
        return failed if process_class is ZifDisagreeCalculation else md_ending(given, linkers=None)

    given = {**inputs, "codes": {"lammps": codes["lammps"], "disagree": codes["disagree"]}, "ensemble": ensemble}
    found = run_chain(MdWorkChain, end, **given)
    assert (found.status, "disagreement" in found.outputs) == (0, False)
    assert found.children[0].inputs["potential"].uuid == inputs["potential"].uuid
    assert "it is cut" in found.reports


def test_without_model_or_code_it_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], ensemble: Any) -> None:
    """Two sentences."""
    assert "codes.disagree" in refusal(MdWorkChain, **inputs, ensemble=ensemble)
    inputs.pop("potential")
    assert "there is no model" in refusal(MdWorkChain, **inputs)

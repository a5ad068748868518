# SPDX-License-Identifier: MIT
"""`zif.pipeline`: every stage once, and what it does where one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiida.orm import Dict, Group, Int

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.workchains.melt_quench import MeltQuenchWorkChain
from aiida_zif.workchains.pipeline import PipelineWorkChain
from aiida_zif.workchains.protocol import merge

from .conftest import Ending

RUN = {"stages": [{"kind": "hold", "label": label, "steps": 4, "temperature_k": 300.0} for label in ("prepare", "production")]}
BROKEN = Ending("ERROR_LINKER_BROKEN", values={"linker": 1, "bond": "C–N", "step": 7, "temperature": 900.0})
NOT_GOOD = Ending("ERROR_MODEL_NOT_GOOD_ENOUGH", values={"reason": "force MAE is 50 %"})
ANALYSIS = {
    "density_g_per_cm3": {"mean": 1.3}, "zn_n_coordination": {"mean": 4.0}, "n_zn_n_angle_deg": {"mean": 109.0}, "rings_per_cell": {},
}  # fmt: skip
SHORT = {
    "aimd": {"state_points": [{"temperature_k": 300, "volume": 1.0}, {"temperature_k": 900, "volume": 1.05}], "min_state_points": 1},
    "md": {"repeats": [1, 1, 1]},
    "melt_quench": {"replicas": 1},
    "active_learning": {"in_pipeline": False},
}


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any) -> dict[str, Any]:
    builder = PipelineWorkChain.get_builder_from_protocol(codes, "smoke", overrides=SHORT, structure=crystal, seed=Int(3))
    return dict(builder._inputs(prune=True))


@pytest.fixture
def endings(
    make_trajectory: Callable[..., Any], dataset: Any, model: Any, make_compiled: Callable[..., Any], crystal: Any
) -> Callable[..., Callable[..., Ending]]:
    """Return ``endings(name=ending)``: every child does its work but those named, by the label of the call."""

    def solid(molten: bool) -> Ending:
        outputs = {
            "glass": to_structure(*structure_arrays(crystal)), "run": Dict(RUN), "linkers": Dict({"whole": True}),
            "melt": Dict({"molten": molten, "exchanged_share": 0.0, "coordination_at_tmax": {"mean": 4.0}, "sentence": "a sentence"}),
            "trajectory_glass": make_trajectory(9, seed=8), "trajectory_melt": make_trajectory(9, seed=9),
        }  # fmt: skip
        return Ending(None if molten else "WARNING_NOT_MOLTEN", outputs, {} if molten else {"reason": "a sentence"})

    def campaign(*good: str) -> Ending:
        verdicts = {label: {"exit_status": 0 if label in good else 510, "message": "", "uuid": ""} for label in ("300K_v100", "900K_v105")}
        outputs = {f"trajectories.aimd_{label}": make_trajectory(6, seed=number) for number, label in enumerate(good)}
        label = None if len(good) == 2 else "WARNING_STATE_POINTS_FAILED" if good else "ERROR_TOO_FEW_STATE_POINTS"
        values = {"failed": 1, "asked": 2, "which": "900K_v105"} if good else {"done": 0, "asked": 2}
        return Ending(label, {**outputs, "verdicts": Dict(verdicts)}, values if label else {})

    def make(molten: bool = True, state_points: tuple[str, ...] | None = None, **changed: Ending) -> Callable[..., Ending]:
        kinds: dict[str, Callable[[int], Ending]] = {
            "AimdCampaignWorkChain": lambda _: campaign("300K_v100", "900K_v105"),
            "Cp2kLabelCalculation": lambda number: Ending(outputs={"trajectory": make_trajectory(2, seed=77, kind="label")}),
            "DatasetWorkChain": lambda _: Ending(outputs={"dataset": dataset}),
            "TrainWorkChain": lambda number: Ending(
                outputs={"model": model.clone(), "compiled": make_compiled(), "accuracy": Dict({"forces_mae_relative": 0.1 + number})}
            ),
            "ActiveLearningWorkChain": lambda _: Ending(
                outputs={
                    "model": model.clone(),
                    "compiled": make_compiled(r_max="4.5"),
                    "accuracy": Dict({"forces_mae_relative": 0.2}),
                    "rounds": Dict({"rounds": [{}, {}]}),
                }
            ),
            "GlassEnsembleWorkChain": lambda _: Ending(
                outputs={
                    "certificates.replica_01": Dict(
                        {"kind": "glass" if molten else "quenched solid, not molten", "elasticity": None, "bulk_modulus_gpa": None}
                    )
                },
                calls={"replica_01": (MeltQuenchWorkChain, solid(molten))},
            ),
            "EquationOfStateWorkChain": lambda _: Ending(
                outputs={"equation_of_state": Dict({"bulk_modulus_gpa": [3.0, 0.2], "density_0_g_per_cm3": [1.3, 0.01]})}
            ),
            "StrainFluctuationWorkChain": lambda _: Ending(
                "WARNING_ELASTICITY_NOT_CONVERGED",
                {"elastic_constants": Dict({"verdict": "not yet", "n_eff": 3.0, "sentence": "not yet (N_eff = 3)"})},
                {"reason": "not yet (N_eff = 3)"},
            ),
            "AnalysisWorkChain": lambda _: Ending(outputs={"summary": Dict(ANALYSIS)}),
        }

        def end(process_class: Any, given: Mapping[str, Any], number: int) -> Ending:
            label = given["metadata"]["call_link_label"]
            if label == "aimd" and state_points is not None:
                return campaign(*state_points)
            return changed[label] if label in changed else kinds[process_class.__name__](number)

        return end

    return make


RAN: dict[str, Any] = {}
"""Pipelines that have run, since several tests look at one."""


@pytest.fixture
def walked(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], make_trajectory: Callable[..., Any]) -> Any:
    """A pipeline in which all went well, with harvested geometries and options by stage."""
    if "walked" not in RAN:
        options = {stage: {"account": stage} for stage in ("aimd", "train", "compile", "md")}
        RAN["walked"] = run_chain(PipelineWorkChain, endings(), **inputs, options=options, harvested=make_trajectory(2, kind="harvested"))
    return RAN["walked"]


@pytest.fixture
def troubled(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> Any:
    """A pipeline with a cold state point, a bad NequIP, a solid that did not melt and an equation of state that failed."""
    if "troubled" not in RAN:
        bad = {"train_nequip": NOT_GOOD, "eos_replica_01": BROKEN}
        RAN["troubled"] = run_chain(PipelineWorkChain, endings(molten=False, state_points=("300K_v100",), **bad), **inputs)
    return RAN["troubled"]


def child(ran: Any, label: str) -> Any:
    """Return the child with this label."""
    return next(one for one in ran.children if one.label == label)


def test_all_stages_are_walked(walked: Any) -> None:
    """From state points to a certificate; what is not converged yet is a verdict, not a failure."""
    assert walked.status == 0, walked.reports
    assert walked.labels == [
        "aimd", "label_01", "label_02", "dataset", "train_nequip", "train_allegro", "glasses",
        "eos_replica_01", "strain_fluctuation_replica_01", "analysis_crystal",
    ]  # fmt: skip
    assert set(walked.outputs["models"]) == set(walked.outputs["accuracies"]) == {"nequip", "allegro"}
    certificate = walked.outputs["certificates"]["replica_01"]
    assert certificate["kind"] == "glass"
    assert (certificate["bulk_modulus_gpa"], certificate["bulk_modulus_gpa_error"]) == (3.0, 0.2)
    assert certificate["elasticity"]["verdict"] == "not yet"
    verdicts = walked.outputs["verdicts"].get_dict()
    not_yet = verdicts["strain_fluctuation_replica_01"]
    assert (not_yet["exit_status"], not_yet["uuid"]) == (711, child(walked, "strain_fluctuation_replica_01").node.uuid)
    assert "not yet (N_eff = 3)" in not_yet["message"]
    assert verdicts["md_model"]["message"] == "MD runs on nequip"


def test_what_belongs_together_is_one_group(walked: Any) -> None:
    """The unit of sharing: the pipeline, its glasses and their certificates."""
    group = Group.collection.get(label=f"zif/pipeline/{walked.node.uuid}")
    glass, certificate = walked.outputs["glasses"]["replica_01"], walked.outputs["certificates"]["replica_01"]
    assert {node.uuid for node in group.nodes} == {walked.node.uuid, glass.uuid, certificate.uuid}


def test_seeds_count_from_the_one_given(walked: Any) -> None:
    """Every seed of every stage follows from one input."""
    assert child(walked, "aimd").inputs["seed"] == 3
    assert child(walked, "train_nequip").inputs["run"]["seed"] == 3
    assert child(walked, "dataset").inputs["parameters"]["seed"] == 3
    assert child(walked, "glasses").inputs["seeds"].get_list() == [3001]


def test_harvested_geometries_are_labelled(walked: Any) -> None:
    """One job beside AIMD; its frames are drawn from, but make no state point."""
    assert set(child(walked, "dataset").inputs["trajectories"]) == {"aimd_300K_v100", "aimd_900K_v105", "label_01", "label_02"}


def test_options_by_stage_reach_each_stage(walked: Any) -> None:
    """Said once on the pipeline; training gets those of compiling, too."""
    given = {one.label: one.inputs["options"].get_dict() for one in walked.children if "options" in one.inputs}
    assert given["aimd"] == {"account": "aimd"}
    assert given["train_nequip"] == {stage: {"account": stage} for stage in ("train", "compile")}
    assert given["glasses"] == given["eos_replica_01"] == {"account": "md"}
    assert "dataset" not in given
    assert child(walked, "label_01").options["account"] == "aimd"


@pytest.fixture
def testing(inputs: dict[str, Any]) -> dict[str, Any]:
    """As the protocol wants it: the model is tested before the melt."""
    return {**inputs, "parameters": Dict(merge(inputs["parameters"].get_dict(), {"active_learning": {"in_pipeline": True}}))}


def test_model_is_tested_before_the_melt(run_chain: Callable[..., Any], testing: dict[str, Any], endings: Callable[..., Any]) -> None:
    """In the cell of the labels, with seeds of its own; MD runs on what came out of it, and both models are put out."""
    found = run_chain(PipelineWorkChain, endings(), **testing, options={"aimd": {"account": "a"}, "md": {"account": "m"}})
    assert found.status == 0, found.reports
    assert found.labels[3:6] == ["train_allegro", "active_learning", "glasses"]
    one, training = child(found, "active_learning"), child(found, "train_nequip").node.outputs
    assert (one.inputs["potential"].uuid, one.inputs["start"].uuid) == (training.compiled.uuid, training.model.uuid)
    assert one.inputs["seeds"].get_list()[:2] == [3501, 3502]
    assert one.inputs["training"]["seed"] == 3
    assert one.inputs["options"].get_dict() == {"aimd": {"account": "a"}, "md": {"account": "m"}}
    assert child(found, "glasses").inputs["potential"].uuid == one.node.outputs.compiled.uuid
    assert "retrained in 1 rounds" in found.outputs["verdicts"]["md_model"]["message"]
    assert set(found.outputs["models"]) == {"nequip", "allegro", "nequip_retrained"}


def test_test_that_failed_leaves_the_model(run_chain: Callable[..., Any], testing: dict[str, Any], endings: Callable[..., Any]) -> None:
    """What it put out before is used; without anything, MD runs on the model as it was trained. The verdict stands."""
    failed = Ending("ERROR_LINKERS_STILL_BREAK", values={"broken": 1, "asked": 6, "temperature": 1600.0, "rounds": 3})
    found = run_chain(PipelineWorkChain, endings(active_learning=failed), **testing)
    assert found.status == 0, found.reports
    assert found.outputs["verdicts"]["active_learning"]["exit_status"] == 527
    assert child(found, "glasses").inputs["potential"].uuid == child(found, "train_nequip").node.outputs.compiled.uuid


def test_what_did_not_melt_is_no_glass(troubled: Any) -> None:
    """710 of a replica: certified as what it is."""
    assert troubled.status == 0, troubled.reports
    assert troubled.outputs["certificates"]["replica_01"]["kind"] == "quenched solid, not molten"
    assert troubled.outputs["verdicts"]["replica_01"]["exit_status"] == 710


def test_failed_state_point_is_left_out(troubled: Any) -> None:
    """As long as enough remain."""
    assert set(child(troubled, "dataset").inputs["trajectories"]) == {"aimd_300K_v100"}
    assert troubled.outputs["verdicts"]["aimd_900K_v105"]["exit_status"] == 510


def test_other_model_steps_in(troubled: Any) -> None:
    """A model that is not good enough is not run: the next one is."""
    assert troubled.outputs["verdicts"]["md_model"]["message"] == "MD runs on allegro"
    potential = child(troubled, "glasses").inputs["potential"]
    assert potential.uuid == child(troubled, "train_allegro").node.outputs.compiled.uuid


def test_glass_without_mechanics_is_certified(troubled: Any) -> None:
    """A P(V) that failed leaves a gap in the certificate, none in the pipeline."""
    assert troubled.outputs["certificates"]["replica_01"]["bulk_modulus_gpa"] is None
    assert troubled.outputs["verdicts"]["eos_replica_01"]["exit_status"] == 530


def test_no_model_at_all_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """420 with the reason of the first; what was trained is put out all the same."""
    found = run_chain(PipelineWorkChain, endings(train_nequip=NOT_GOOD, train_allegro=NOT_GOOD), **inputs)
    assert found.status == 420
    assert "train failed: TrainWorkChain<" in found.message
    assert "force MAE is 50 %" in found.message


def test_too_few_state_points_stop(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """420 with the reason of the campaign."""
    found = run_chain(PipelineWorkChain, endings(state_points=()), **inputs)
    assert found.status == 420
    assert "0 of 2 state points succeeded" in found.message


def test_no_solid_at_all_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """420 with the reason of the ensemble."""
    failed = Ending("ERROR_TOO_FEW_REPLICAS", calls={"replica_01": (MeltQuenchWorkChain, BROKEN)}, values={"done": 0, "asked": 1})
    found = run_chain(PipelineWorkChain, endings(glasses=failed), **inputs)
    assert (found.status, "0 of 1 replicas" in found.message) == (420, True)


def test_recorded_trajectories_take_the_place_of_aimd(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], make_trajectory: Callable[..., Any]
) -> None:
    """No CP2K needed."""
    given = {**inputs, "codes": {role: code for role, code in inputs["codes"].items() if role != "cp2k"}}
    found = run_chain(PipelineWorkChain, endings(), **given, trajectories={"recorded": make_trajectory(6)})
    assert found.status == 0
    assert found.labels[0] == "dataset"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"drop": "eos"}, "lack the stages eos"),
        ({"aimd": {"min_state_points": 3}}, "min_success is 3, but there are 2 state points"),
        ({"md": {"model": "mace"}}, "md.model is 'mace', but the models trained are nequip, allegro"),
    ],
)
def test_bad_parameters_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """A stage without numbers, more state points than there are, a model that is not trained."""
    plan = merge(inputs["parameters"].get_dict(), {key: value for key, value in change.items() if key != "drop"})
    plan.pop(change.get("drop", ""), None)
    assert sentence in refusal(PipelineWorkChain, **{**inputs, "parameters": Dict(plan)})


@pytest.mark.parametrize(
    ("options", "sentence"), [({"walltime": 3}, "unknown options walltime"), ({"md": {}, "mdd": {}}, "there is mdd"), ({"md": 3}, "md")]
)
def test_bad_options_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], options: dict[str, Any], sentence: str) -> None:
    """A misspelt stage or option would be a job without it, hours later."""
    assert sentence in refusal(PipelineWorkChain, **inputs, options=options)


@pytest.mark.parametrize("role", ["cp2k", "lammps"])
def test_missing_code_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], role: str) -> None:
    """By its role, and what to do instead where there is something."""
    codes = {name: code for name, code in inputs["codes"].items() if name != role}
    sentence = refusal(PipelineWorkChain, **{**inputs, "codes": codes})
    assert role in sentence
    assert ("give recorded `trajectories` instead" in sentence) == (role == "cp2k")

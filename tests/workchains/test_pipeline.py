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

from .conftest import Ending

RUN = {"stages": [{"kind": "hold", "label": label, "steps": 4, "temperature_k": 300.0} for label in ("prepare", "production")]}
BROKEN = Ending("ERROR_LINKER_BROKEN", values={"linker": 1, "bond": "C–N", "step": 7, "temperature": 900.0})
ANALYSIS = {
    "density_g_per_cm3": {"mean": 1.3}, "zn_n_coordination": {"mean": 4.0}, "n_zn_n_angle_deg": {"mean": 109.0}, "rings_per_cell": {},
}  # fmt: skip
SHORT = {
    "aimd": {"state_points": [{"temperature_k": 300, "volume": 1.0}, {"temperature_k": 900, "volume": 1.05}], "min_state_points": 1},
    "md": {"repeats": [1, 1, 1]},
    "melt_quench": {"replicas": 1},
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

    def make(molten: bool = True, **changed: Ending) -> Callable[..., Ending]:
        kinds: dict[str, Callable[[int], Ending]] = {
            "AimdWorkChain": lambda number: Ending(outputs={"trajectory": make_trajectory(6, seed=number)}),
            "Cp2kLabelCalculation": lambda number: Ending(outputs={"trajectory": make_trajectory(2, seed=77, kind="label")}),
            "DatasetWorkChain": lambda _: Ending(outputs={"dataset": dataset}),
            "TrainWorkChain": lambda number: Ending(
                outputs={"model": model.clone(), "compiled": make_compiled(), "accuracy": Dict({"forces_mae_relative": 0.1 + number})}
            ),
            "GlassEnsembleWorkChain": lambda _: Ending(calls={"glass_01": (MeltQuenchWorkChain, solid(molten))}),
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
            return changed[label] if label in changed else kinds[process_class.__name__](number)

        return end

    return make


def test_all_stages_are_walked(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """From state points to a certificate; what is not converged yet is a verdict, not a failure."""
    found = run_chain(PipelineWorkChain, endings(), **inputs)
    assert found.status == 0, found.reports
    assert found.labels == [
        "aimd_300K_v100", "aimd_900K_v105", "dataset", "train_nequip", "train_allegro", "glasses",
        "eos_glass_01", "strain_fluctuation_glass_01", "analysis_glass_01", "analysis_crystal",
    ]  # fmt: skip
    assert set(found.outputs["models"]) == set(found.outputs["accuracies"]) == {"nequip", "allegro"}
    certificate = found.outputs["certificates"]["glass_01"]
    assert certificate["kind"] == "glass"
    assert (certificate["bulk_modulus_gpa"], certificate["bulk_modulus_gpa_error"]) == (3.0, 0.2)
    assert certificate["elasticity"]["verdict"] == "not yet"
    verdicts = found.outputs["verdicts"].get_dict()
    assert verdicts["strain_fluctuation_glass_01"] == {
        "exit_status": 711, "message": "No elastic constants yet: not yet (N_eff = 3)", "uuid": found.children[7].node.uuid,
    }  # fmt: skip
    assert verdicts["md_model"]["message"] == "MD runs on nequip"


def test_what_belongs_together_is_one_group(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """The unit of sharing: the pipeline, its glasses and their certificates."""
    found = run_chain(PipelineWorkChain, endings(), **inputs)
    group = Group.collection.get(label=f"zif/pipeline/{found.node.uuid}")
    glass, certificate = found.outputs["glasses"]["glass_01"], found.outputs["certificates"]["glass_01"]
    assert {node.uuid for node in group.nodes} == {found.node.uuid, glass.uuid, certificate.uuid}


def test_seeds_count_from_the_one_given(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Every seed of every stage follows from one input."""
    found = {child.label: child.inputs for child in run_chain(PipelineWorkChain, endings(), **inputs).children}
    assert [found[name]["run"]["seed"] for name in ("aimd_300K_v100", "aimd_900K_v105", "train_nequip")] == [301, 302, 3]
    assert found["dataset"]["parameters"]["seed"] == 3
    assert found["glasses"]["seeds"].get_list() == [3001]


def test_what_did_not_melt_is_no_glass(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """710 of a replica: certified as what it is."""
    found = run_chain(PipelineWorkChain, endings(molten=False), **inputs)
    assert found.status == 0
    assert found.outputs["certificates"]["glass_01"]["kind"] == "quenched solid, not molten"
    assert found.outputs["verdicts"]["glass_01"]["exit_status"] == 710


@pytest.mark.parametrize(
    ("bad", "runs_on"), [({"train_nequip"}, "allegro"), ({"train_allegro"}, "nequip"), ({"train_nequip", "train_allegro"}, None)]
)
def test_other_model_steps_in(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], bad: set[str], runs_on: str | None
) -> None:
    """A model that is not good enough is not run; the other one is, where there is one; else 420."""
    worse = {name: Ending("ERROR_MODEL_NOT_GOOD_ENOUGH", values={"found": 0.5, "allowed": 0.3}) for name in bad}
    found = run_chain(PipelineWorkChain, endings(**worse), **inputs)
    if runs_on is None:
        assert found.status == 420
        assert "train failed: TrainWorkChain<" in found.message
        assert "50.0% of the spread" in found.message
        return
    assert found.status == 0
    assert found.outputs["verdicts"]["md_model"]["message"] == f"MD runs on {runs_on}"
    trained = next(child for child in found.children if child.label == f"train_{runs_on}")
    glasses = next(child for child in found.children if child.label == "glasses")
    assert glasses.inputs["potential"].uuid == trained.node.outputs.compiled.uuid


def test_failed_state_point_is_left_out(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """As long as enough remain."""
    cold = Ending("ERROR_TEMPERATURE_OFF", values={"mean": 500.0, "asked": 900.0})
    found = run_chain(PipelineWorkChain, endings(aimd_900K_v105=cold), **inputs)
    assert found.status == 0
    dataset = next(child for child in found.children if child.label == "dataset")
    assert set(dataset.inputs["trajectories"]) == {"aimd_300K_v100"}
    assert found.outputs["verdicts"]["aimd_900K_v105"]["exit_status"] == 510


def test_too_few_state_points_stop(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """420 with the reason of the first that failed."""
    cold = Ending("ERROR_TEMPERATURE_OFF", values={"mean": 500.0, "asked": 900.0})
    found = run_chain(PipelineWorkChain, endings(aimd_900K_v105=cold, aimd_300K_v100=cold), **inputs)
    assert found.status == 420
    assert "500 K instead of the 900 K" in found.message


def test_no_solid_at_all_stops(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """420 with the reason of the ensemble."""
    failed = Ending("ERROR_TOO_FEW_REPLICAS", calls={"glass_01": (MeltQuenchWorkChain, BROKEN)}, values={"done": 0, "asked": 1})
    found = run_chain(PipelineWorkChain, endings(glasses=failed), **inputs)
    assert found.status == 420
    assert "0 of 1 replicas" in found.message


def test_glass_without_mechanics_is_certified(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """A P(V) that failed leaves a gap in the certificate, no gap in the pipeline."""
    found = run_chain(PipelineWorkChain, endings(eos_glass_01=BROKEN), **inputs)
    assert found.status == 0
    assert found.outputs["certificates"]["glass_01"]["bulk_modulus_gpa"] is None
    assert found.outputs["verdicts"]["eos_glass_01"]["exit_status"] == 530


def test_harvested_geometries_are_labelled(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], make_trajectory: Callable[..., Any]
) -> None:
    """One job beside AIMD; its frames are drawn from, but make no state point."""
    found = run_chain(PipelineWorkChain, endings(), **inputs, harvested=make_trajectory(2, kind="harvested"))
    assert found.status == 0
    assert "label" in found.labels
    dataset = next(child for child in found.children if child.label == "dataset")
    assert set(dataset.inputs["trajectories"]) == {"aimd_300K_v100", "aimd_900K_v105", "label"}


def test_recorded_trajectories_take_the_place_of_aimd(
    run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any], make_trajectory: Callable[..., Any]
) -> None:
    """No CP2K needed."""
    given = {**inputs, "codes": {role: code for role, code in inputs["codes"].items() if role != "cp2k"}}
    found = run_chain(PipelineWorkChain, endings(), **given, trajectories={"recorded": make_trajectory(6)})
    assert found.status == 0
    assert found.labels[0] == "dataset"


def test_options_by_stage_reach_each_stage(run_chain: Callable[..., Any], inputs: dict[str, Any], endings: Callable[..., Any]) -> None:
    """Said once on the pipeline; training gets those of compiling and evaluating, too."""
    options = {stage: {"account": stage} for stage in ("aimd", "train", "compile", "md")}
    found = run_chain(PipelineWorkChain, endings(), **inputs, options=Dict(options))
    given = {child.label: child.inputs["options"].get_dict() if "options" in child.inputs else None for child in found.children}
    assert given["aimd_300K_v100"] == {"account": "aimd"}
    assert given["train_nequip"] == {stage: {"account": stage} for stage in ("train", "compile")}
    assert given["glasses"] == given["eos_glass_01"] == {"account": "md"}
    assert given["dataset"] is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"drop": "eos"}, "lack the stages eos"),
        ({"aimd": {"min_state_points": 3}}, "min_state_points is 3, but there are 2 state points"),
        ({"md": {"model": "mace"}}, "md.model is 'mace', but the models trained are nequip, allegro"),
    ],
)
def test_bad_parameters_are_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """A stage without numbers, more state points than there are, a model that is not trained."""
    from aiida_zif.workchains.protocol import merge

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

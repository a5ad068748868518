# SPDX-License-Identifier: MIT
"""`zif.pipeline`: from a crystal to glasses and their elastic constants, every stage once."""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode, if_
from aiida.orm import Dict, Float, Group, Int, List, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import file_inputs
from aiida_zif.calculations.functions.certificate import certify_glass
from aiida_zif.calculations.functions.structure import make_supercell
from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.label import Cp2kLabelCalculation
from aiida_zif.calculations.verdicts import VERDICTS
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.workchains import aimd_campaign, stages
from aiida_zif.workchains.aimd_campaign import AimdCampaignWorkChain
from aiida_zif.workchains.analysis import AnalysisWorkChain
from aiida_zif.workchains.chain import ZifWorkChain, part_of
from aiida_zif.workchains.dataset import DatasetWorkChain
from aiida_zif.workchains.eos import EquationOfStateWorkChain
from aiida_zif.workchains.glass_ensemble import GlassEnsembleWorkChain
from aiida_zif.workchains.level import data_nodes, declare_data, validate_data
from aiida_zif.workchains.strain_fluctuation import StrainFluctuationWorkChain
from aiida_zif.workchains.train import TrainWorkChain, gpus_problem

STAGES = ("aimd", "dataset", "train", "md", "melt_quench", "eos", "strain_fluctuation", "analysis")
GROUP = "zif/pipeline"


def validate_parameters(node: Any, _: Any) -> str | None:
    """Say which stage has no parameters."""
    plan = node.get_dict()
    if missing := [stage for stage in STAGES if stage not in plan]:
        return f"the parameters lack the stages {', '.join(missing)}; take them from a protocol"
    stage = plan["aimd"]
    table = {"state_points": List(stage["state_points"]), "run": Dict(stage["run"]), "min_success": Int(stage["min_state_points"])}
    if problem := aimd_campaign.validate_inputs(table, None):
        return f"aimd: {problem}"
    if plan["md"]["model"] not in plan["train"]["runs"]:
        return f"md.model is {plan['md']['model']!r}, but the models trained are {', '.join(plan['train']['runs'])}"
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Either AIMD is run, or its trajectories are given; and the trainings, weeks later, will find their GPUs."""
    if not inputs.get("trajectories") and "cp2k" not in inputs.get("codes", {}):
        return "AIMD needs `codes.cp2k`; where CP2K cannot be had, give recorded `trajectories` instead"
    options = part_of(inputs["options"].get_dict() if "options" in inputs else {}, "train")
    for name, run in inputs["parameters"]["train"]["runs"].items():
        try:
            problem = gpus_problem(TrainRun.from_dict(run), options, inputs["codes"]["train"].computer)
        except (ValueError, TypeError) as error:
            problem = str(error)
        if problem:
            return f"train, {name}: {problem}"
    return validate_data(inputs)


class PipelineWorkChain(ZifWorkChain):
    """aimd → dataset → train → melt_quench → eos, strain_fluctuation, analysis → certificates."""

    CODES = ("train", "package", "compile", "evaluate", "lammps")
    MAY_USE = ("cp2k", "frames", "check", "analysis")

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="The crystal: zinc and whole imidazolates.")
        spec.input("parameters", valid_type=Dict, serializer=to_aiida_type, validator=validate_parameters, help="By stage: a protocol.")
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="All seeds of the stages count from it.")
        spec.input_namespace("trajectories", dynamic=True, required=False, valid_type=ZifTrajectoryData, help="Instead of AIMD.")
        spec.input("harvested", valid_type=ZifTrajectoryData, required=False, help="Geometries to be labelled and learned from besides.")
        declare_data(spec)
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.setup,
            if_(cls.should_run_aimd)(cls.run_aimd, cls.inspect_aimd),
            cls.run_dataset, cls.inspect_dataset,
            cls.run_train, cls.inspect_train,
            cls.run_melt_quench, cls.inspect_melt_quench,
            cls.run_mechanics, cls.inspect_mechanics,
            cls.results,
        )  # fmt: skip
        spec.output("dataset", valid_type=ZifDatasetData, required=False)
        for name, kind in (("models", ZifModelData), ("accuracies", Dict), ("glasses", StructureData), ("certificates", Dict)):
            spec.output_namespace(name, dynamic=True, valid_type=kind)
        spec.output("verdicts", valid_type=Dict, required=False, help="What was decided at each stage, in words.")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """All stages."""
        return {"parameters": Dict(plan), **data_nodes(plan["aimd"]["run"]["method"], **inputs)}

    def setup(self) -> None:
        """Nothing is known yet but the plan."""
        self.ctx.plan = self.inputs.parameters.get_dict()
        self.ctx.verdicts = {}
        self.ctx.trajectories = dict(self.inputs.trajectories) if "trajectories" in self.inputs else {}

    def submit_stage(self, chain: type[ZifWorkChain], stage: str, label: str, **inputs: Any) -> Any:
        """Submit a child stage with its codes and options."""
        metadata = {"call_link_label": label}
        node = self.submit(chain, codes=self.codes_for(chain), metadata=metadata, **self.stage_options(stage), **inputs)
        self.report(f"{label}: {node.process_label}<{node.pk}>")
        return node

    def note(self, label: str, node: Any) -> None:
        """Keep a child's verdict, in words."""
        text = node.exit_message or ("done" if node.is_finished_ok else node.process_state.value)
        self.ctx.verdicts[label] = {"exit_status": node.exit_status, "message": text, "uuid": str(node.uuid)}

    def should_run_aimd(self) -> bool:
        """Recorded trajectories take the place of AIMD."""
        return not self.ctx.trajectories

    def run_aimd(self) -> Any:
        """The state points (volume × temperature); the harvested geometries are labelled beside them."""
        plan = self.ctx.plan["aimd"]
        level = {name: self.inputs[name] for name in ("basis_sets", "pseudopotentials") if name in self.inputs}
        nodes = {
            "campaign": self.submit_stage(
                AimdCampaignWorkChain, "aimd", "aimd", structure=self.inputs.structure, state_points=List(plan["state_points"]),
                run=Dict(plan["run"]), seed=self.inputs.seed, min_success=Int(plan["min_state_points"]),
                temperature_tolerance=Float(plan["temperature_tolerance"]), stalled_minutes=Float(plan["stalled_minutes"]), **level,
            )
        }  # fmt: skip
        if "harvested" in self.inputs:
            code, frames, parts = self.inputs.codes["cp2k"], self.inputs.harvested, plan["label_jobs"]
            for part in range(1, parts + 1):
                metadata = {"options": self.options("aimd"), "call_link_label": f"label_{part:02d}"}
                which = Dict({"method": plan["run"]["method"], "part": part, "parts": parts})
                inputs = {"code": code, "frames": frames, "run": which, "metadata": metadata, **file_inputs(self.inputs)}
                nodes[f"label_{part:02d}"] = self.submit(Cp2kLabelCalculation, **inputs)
        self.ctx.label_jobs = [label for label in nodes if label != "campaign"]
        return nodes

    def inspect_aimd(self) -> ExitCode | None:
        """A state point that failed is left out, as long as enough remain."""
        campaign = self.ctx.campaign
        for label, verdict in (campaign.outputs.verdicts.get_dict() if "verdicts" in campaign.outputs else {}).items():
            self.ctx.verdicts[f"aimd_{label}"] = verdict
        self.ctx.trajectories |= campaign.outputs.trajectories if "trajectories" in campaign.outputs else {}
        for label in self.ctx.label_jobs:
            node = self.ctx[label]
            self.note(label, node)
            # frames labelled one by one stand for themselves: those of a job that was cut short are kept
            if "trajectory" in node.outputs:
                self.ctx.trajectories[label] = node.outputs.trajectory
        stands = campaign.is_finished_ok or campaign.exit_status == VERDICTS["WARNING_STATE_POINTS_FAILED"][0]
        return None if stands else self.child_failed("aimd", campaign)

    def run_dataset(self) -> Any:
        """Draw."""
        parameters = {**self.ctx.plan["dataset"], "seed": self.inputs.seed.value}
        chain = self.submit_stage(DatasetWorkChain, "dataset", "dataset", trajectories=self.ctx.trajectories, parameters=Dict(parameters))
        return {"dataset": chain}

    def inspect_dataset(self) -> ExitCode | None:
        """Without a dataset there is nothing to learn from."""
        self.note("dataset", self.ctx.dataset)
        if not self.ctx.dataset.is_finished_ok:
            return self.child_failed("dataset", self.ctx.dataset)
        self.out("dataset", self.ctx.dataset.outputs.dataset)
        return None

    def run_train(self) -> Any:
        """One training per architecture of the plan, side by side."""
        plan, nodes = self.ctx.plan["train"], {}
        for name, run in plan["runs"].items():
            nodes[f"train_{name}"] = self.submit_stage(
                TrainWorkChain, "train", f"train_{name}", dataset=self.ctx.dataset.outputs.dataset,
                run=Dict({**run, "seed": self.inputs.seed.value}), max_relative_force_mae=Float(plan["max_relative_force_mae"]),
                cost_calls=Int(plan["cost_calls"]),
            )  # fmt: skip
        return nodes

    def inspect_train(self) -> ExitCode | None:
        """The MD runs on the model that the plan names, or, where that failed, on the next one that is good enough."""
        names = list(self.ctx.plan["train"]["runs"])
        good = []
        for name in names:
            node = self.ctx[f"train_{name}"]
            self.note(f"train_{name}", node)
            if "accuracy" in node.outputs:
                self.out(f"accuracies.{name}", node.outputs.accuracy)
                self.out(f"models.{name}", node.outputs.model)
            if node.is_finished_ok:
                good.append(name)
        if not good:
            return self.child_failed("train", self.ctx[f"train_{names[0]}"])
        wanted = self.ctx.plan["md"]["model"]
        self.ctx.model = wanted if wanted in good else good[0]
        outputs = self.ctx[f"train_{self.ctx.model}"].outputs
        self.ctx.potential = outputs.compiled if "compiled" in outputs else outputs.model
        self.ctx.verdicts["md_model"] = {"exit_status": 0, "message": f"MD runs on {self.ctx.model}", "uuid": str(self.ctx.potential.uuid)}
        return None

    def run_melt_quench(self) -> Any:
        """As many glasses as asked, by seed."""
        plan = self.ctx.plan["melt_quench"]
        self.ctx.crystal = make_supercell(self.inputs.structure, List(self.ctx.plan["md"]["repeats"]))
        first = self.inputs.seed.value * 1000
        self.ctx.md_inputs = {"potential": self.ctx.potential, **{name: node.store() for name, node in stages.wall(self.ctx.plan).items()}}
        node = self.submit_stage(
            GlassEnsembleWorkChain, "md", "glasses", structure=self.ctx.crystal, run=Dict({**self.md_plan(), **plan["run"]}),
            seeds=List([first + k for k in range(1, plan["replicas"] + 1)]), melt_criteria=Dict(plan["melt_criteria"]),
            min_success=Int(plan["min_success"]), **self.ctx.md_inputs,
        )  # fmt: skip
        return {"glasses": node}

    def md_plan(self) -> dict[str, Any]:
        """Return what all MD stages have in common: time step, strides, dampings."""
        return dict(self.ctx.plan["md"]["run"])

    def inspect_melt_quench(self) -> ExitCode | None:
        """Each replica keeps its own verdict."""
        node = self.ctx.glasses
        self.note("glasses", node)
        self.ctx.replicas = {}
        for link in sorted(node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all(), key=lambda link: link.link_label):
            self.note(link.link_label, link.node)
            if "glass" in link.node.outputs:
                self.ctx.replicas[link.link_label] = link.node
        return None if self.ctx.replicas else self.child_failed("melt_quench", node)

    def run_mechanics(self) -> Any:
        """P(V), strain fluctuation and structure of every glass; the structure of the crystal beside them."""
        nodes = {}
        plans = {stage: self.ctx.plan[stage] for stage in ("eos", "strain_fluctuation", "analysis")}
        for number, (label, child) in enumerate(self.ctx.replicas.items(), 1):
            shared = {"structure": child.outputs.glass, "reference": self.ctx.crystal, **self.ctx.md_inputs}
            for stage, chain in (("eos", EquationOfStateWorkChain), ("strain_fluctuation", StrainFluctuationWorkChain)):
                run, seed = Dict({**self.md_plan(), **plans[stage]}), Int(self.inputs.seed.value * 1000 + 100 * number)
                nodes[f"{stage}_{label}"] = self.submit_stage(chain, "md", f"{stage}_{label}", run=run, seed=seed, **shared)
            produced = steps_of(child.outputs.run.get_dict(), "production")
            nodes[f"analysis_{label}"] = self.submit_stage(
                AnalysisWorkChain, "analysis", f"analysis_{label}", reference=self.ctx.crystal,
                trajectory=child.outputs.trajectory_glass, run=Dict({**plans["analysis"], **produced}),
            )  # fmt: skip
        first = next(iter(self.ctx.replicas.values()))
        prepared = steps_of(first.outputs.run.get_dict(), "prepare", skip=0.5)
        nodes["analysis_crystal"] = self.submit_stage(
            AnalysisWorkChain, "analysis", "analysis_crystal", reference=self.ctx.crystal,
            trajectory=first.outputs.trajectory_melt, run=Dict({**plans["analysis"], **prepared}),
        )  # fmt: skip
        self.ctx.mechanics = list(nodes)
        return nodes

    def inspect_mechanics(self) -> None:
        """A glass without an equation of state is still a glass."""
        for label in self.ctx.mechanics:
            self.note(label, self.ctx[label])

    def results(self) -> ExitCode | None:
        """Certify each glass, and put what belongs together into one group."""
        # a step that a stopped daemon left half done is done again
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP} of {self.inputs.structure.get_formula()}"
        group.add_nodes([self.node])
        for label, child in self.ctx.replicas.items():
            analysis = self.ctx[f"analysis_{label}"]
            if not analysis.is_finished_ok:
                continue
            found = {}
            for name, stage, port in (
                ("eos", "eos", "equation_of_state"), ("elasticity", "strain_fluctuation", "elastic_constants"),
            ):  # fmt: skip
                outputs = self.ctx[f"{stage}_{label}"].outputs
                if port in outputs:
                    found[name] = outputs[port]
            glass, made = child.outputs.glass, child.outputs
            certificate = certify_glass(
                structure=glass, run=made.run, melt=made.melt, linkers=made.linkers, analysis=analysis.outputs.summary, **found
            )
            self.out(f"glasses.{label}", glass)
            self.out(f"certificates.{label}", certificate)
            group.add_nodes([glass, certificate])
        self.out("verdicts", record_verdicts(Dict(self.ctx.verdicts)))
        return None


def steps_of(run: dict[str, Any], label: str, skip: float = 0.0) -> dict[str, int]:
    """Return ``first_step`` and ``last_step`` of a stage of an MD run, without the first share ``skip`` of it."""
    begin = 0
    for stage in run["stages"]:
        if stage["label"] == label:
            return {"first_step": begin + round(skip * stage["steps"]), "last_step": begin + stage["steps"]}
        begin += stage["steps"]
    raise KeyError(f"the run has no stage {label!r}")

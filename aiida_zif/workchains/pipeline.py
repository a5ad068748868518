# SPDX-License-Identifier: MIT
"""`zif.pipeline`: from a crystal to glasses and their elastic constants, every stage once."""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode, if_
from aiida.orm import Dict, Float, Group, Int, List, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import file_inputs
from aiida_zif.calculations.functions.certificate import add_mechanics
from aiida_zif.calculations.functions.structure import make_supercell
from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.label import Cp2kLabelCalculation
from aiida_zif.calculations.verdicts import VERDICTS
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import stages
from aiida_zif.workchains.active_learning import ActiveLearningWorkChain
from aiida_zif.workchains.aimd_campaign import AimdCampaignWorkChain
from aiida_zif.workchains.analysis import AnalysisWorkChain
from aiida_zif.workchains.chain import ZifWorkChain
from aiida_zif.workchains.dataset import DatasetWorkChain
from aiida_zif.workchains.eos import EquationOfStateWorkChain
from aiida_zif.workchains.glass_ensemble import GlassEnsembleWorkChain
from aiida_zif.workchains.level import data_nodes, declare_data
from aiida_zif.workchains.pipeline_plan import validate_inputs, validate_parameters
from aiida_zif.workchains.strain_fluctuation import StrainFluctuationWorkChain
from aiida_zif.workchains.train import TrainWorkChain

GROUP = "zif/pipeline"


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
            if_(cls.should_run_active_learning)(cls.run_active_learning, cls.inspect_active_learning),
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

    def should_run_active_learning(self) -> bool:
        """Where the plan wants the model tested before the melt, and what fails can be labelled."""
        return bool(self.ctx.plan.get("active_learning", {}).get("in_pipeline")) and "cp2k" in self.inputs.codes

    def run_active_learning(self) -> Any:
        """Test the model in the cell of the labels; a model that holds costs a minute, one that does not is mended."""
        found, name, seed = self.ctx[f"train_{self.ctx.model}"].outputs, self.ctx.model, self.inputs.seed.value
        plan = {**self.ctx.plan, "train": {**self.ctx.plan["train"], "model": name}}
        inputs = ActiveLearningWorkChain.protocol_inputs(plan)
        inputs |= {port: self.inputs[port] for port in ("basis_sets", "pseudopotentials") if port in self.inputs}
        inputs["training"] = Dict({**plan["train"]["runs"][name], "seed": seed})
        inputs["seeds"] = List([seed * 1000 + 500 + k for k in inputs["seeds"].get_list()])
        node = self.submit_stage(
            ActiveLearningWorkChain, "active_learning", "active_learning", structure=self.inputs.structure, potential=self.ctx.potential,
            start=found.model, accuracy=found.accuracy, dataset=self.ctx.dataset.outputs.dataset, **inputs,
        )  # fmt: skip
        return {"active_learning": node}

    def inspect_active_learning(self) -> None:
        """The melt-quench judges for itself: it runs on the model of the last round also where linkers still broke in a test."""
        node = self.ctx.active_learning
        self.note("active_learning", node)
        learned = node.outputs.compiled if "compiled" in node.outputs else node.outputs.model if "model" in node.outputs else None
        if learned is None or learned.uuid == self.ctx.potential.uuid:
            return
        self.ctx.potential = learned
        self.out(f"models.{self.ctx.model}_retrained", node.outputs.model)
        self.out(f"accuracies.{self.ctx.model}_retrained", node.outputs.accuracy)
        text = f"MD runs on {self.ctx.model}, retrained in {len(node.outputs.rounds['rounds']) - 1} rounds of active learning"
        self.ctx.verdicts["md_model"] = {"exit_status": 0, "message": text, "uuid": str(learned.uuid)}

    def run_melt_quench(self) -> Any:
        """As many glasses as asked, by seed."""
        plan = self.ctx.plan["melt_quench"]
        self.ctx.crystal = make_supercell(self.inputs.structure, List(self.ctx.plan["md"]["repeats"]))
        first = self.inputs.seed.value * 1000
        seeds = List([first + k for k in range(1, plan["replicas"] + 1)])
        self.ctx.md_inputs = {"potential": self.ctx.potential, **{name: node.store() for name, node in stages.wall(self.ctx.plan).items()}}
        node = self.submit_stage(
            GlassEnsembleWorkChain, "md", "glasses", structure=self.ctx.crystal, seeds=seeds,
            run=Dict(stages.melt_quench_run(self.ctx.plan, self.ctx.potential)), melt_criteria=Dict(plan["melt_criteria"]),
            min_success=Int(plan["min_success"]), analysis=Dict(self.ctx.plan["analysis"]), **self.ctx.md_inputs,
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
        """P(V) and strain fluctuation of every glass; the structure of the crystal beside them."""
        nodes = {}
        plans = {stage: self.ctx.plan[stage] for stage in ("eos", "strain_fluctuation", "analysis")}
        for number, (label, child) in enumerate(self.ctx.replicas.items(), 1):
            shared = {"structure": child.outputs.glass, "reference": self.ctx.crystal, **self.ctx.md_inputs}
            for stage, chain in (("eos", EquationOfStateWorkChain), ("strain_fluctuation", StrainFluctuationWorkChain)):
                run, seed = Dict({**self.md_plan(), **plans[stage]}), Int(self.inputs.seed.value * 1000 + 100 * number)
                nodes[f"{stage}_{label}"] = self.submit_stage(chain, "md", f"{stage}_{label}", run=run, seed=seed, **shared)
        first = next(iter(self.ctx.replicas.values()))
        prepared = stages.steps_of(first.outputs.run.get_dict(), "prepare", skip=0.5)
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
        certificates = self.ctx.glasses.outputs.certificates if "certificates" in self.ctx.glasses.outputs else {}
        for label, child in self.ctx.replicas.items():
            if label not in certificates:
                continue
            found = {}
            for name, stage, port in (
                ("eos", "eos", "equation_of_state"), ("elasticity", "strain_fluctuation", "elastic_constants"),
            ):  # fmt: skip
                outputs = self.ctx[f"{stage}_{label}"].outputs
                if port in outputs:
                    found[name] = outputs[port]
            certificate = add_mechanics(certificates[label], **found)
            self.out(f"glasses.{label}", child.outputs.glass)
            self.out(f"certificates.{label}", certificate)
            group.add_nodes([child.outputs.glass, certificate])
        self.out("verdicts", record_verdicts(Dict(self.ctx.verdicts)))
        return None

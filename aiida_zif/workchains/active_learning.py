# SPDX-License-Identifier: MIT
"""`zif.active_learning`: run a model where it is to be used, label the frames around its failures, retrain, until linkers stay whole."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, if_, while_
from aiida.orm import Dict, Float, Group, Int, List, Str, StructureData, to_aiida_type

from aiida_zif.calculations.aimd import file_inputs
from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.calculations.functions.harvest import DISAGREEMENT, KNOWN, extend_dataset, gather_rounds, pick_frames
from aiida_zif.calculations.job import validate_structure
from aiida_zif.calculations.label import Cp2kLabelCalculation
from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.calculations.train import validate_run
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.ensemble import ZifEnsembleData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.workchains import active_learning_plan as plans
from aiida_zif.workchains import stages
from aiida_zif.workchains.chain import ZifWorkChain, words_of
from aiida_zif.workchains.level import data_nodes, declare_data
from aiida_zif.workchains.protocol import single_run
from aiida_zif.workchains.train import TrainWorkChain

GROUP = "zif/active_learning"
PORTS = ("structure", "wall")
WORDS = {"holds": "linkers stay whole", "breaks": "linkers still break", "nothing": "nothing new to label"}
ERRORS = ("forces_mae_mev_per_angstrom", "forces_mae_relative", "energy_mae_mev_per_atom", "stress_mae_mpa")
"""What a round keeps of the errors on held-out frames."""


class ActiveLearningWorkChain(ZifWorkChain):
    """Hold the cell of the labels at the highest temperature by several seeds; label the frames around each failure; retrain; again."""

    CODES = ("cp2k", "lammps", *TrainWorkChain.CODES)
    MAY_USE = (*TrainWorkChain.MAY_USE, "disagree")

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("structure", valid_type=StructureData, validator=validate_structure, help="A cell that can be labelled, linkers whole.")
        spec.input("dataset", valid_type=ZifDatasetData, help="What the model was trained on; it is extended.")
        spec.input("potential", valid_type=ZifModelData, required=False, help="The model to test; if not given, it is trained first.")
        spec.input("start", valid_type=ZifModelData, required=False, help="Its package, from which the retraining goes on.")
        spec.input("accuracy", valid_type=Dict, required=False, help="Its errors, for the table of rounds.")
        spec.input("ensemble", valid_type=ZifEnsembleData, required=False, help="Asked along each run how far its members differ.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=plans.validate_run, help="Of the MD: Tmax, length.")
        spec.input("seeds", valid_type=List, serializer=to_aiida_type, help="One run per seed, the same in every round.")
        spec.input("rule", valid_type=Dict, serializer=to_aiida_type, validator=plans.validate_rule, help="Which frames are picked.")
        spec.input("method", valid_type=Str, serializer=to_aiida_type, help="Of the labels: that of the dataset.")
        spec.input("learning", valid_type=Dict, serializer=to_aiida_type, validator=plans.validate_learning, help="How labels are learned.")
        spec.input("training", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, seed.")
        spec.input("max_rounds", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(3), help="Retrainings, at most.")
        spec.input("max_relative_force_mae", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.3), help="Of the spread.")
        spec.input("cost_calls", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(20), help="By which the cost is measured.")
        declare_data(spec)
        spec.inputs.validator = plans.validate_inputs
        spec.outline(
            cls.setup,
            if_(cls.should_train_first)(cls.run_train, cls.inspect_train),
            while_(cls.should_test)(
                cls.run_md, cls.inspect_md,
                if_(cls.should_run_disagree)(cls.run_disagree, cls.inspect_disagree),
                cls.pick,
                if_(cls.should_learn)(cls.run_label, cls.inspect_label, cls.run_train, cls.inspect_train),
            ),
            cls.results,
        )  # fmt: skip
        for name, words in (("model", "The package of the last round."), ("compiled", "Its form for this machine.")):
            spec.output(name, valid_type=ZifModelData, required=False, help=words)
        spec.output("dataset", valid_type=ZifDatasetData, required=False, help="With all labels of all rounds.")
        spec.output("accuracy", valid_type=Dict, required=False, help="Errors of the last model on the held-out frames.")
        spec.output("rounds", valid_type=Dict, required=False, help="Each round: runs, breaks, hazard, frames, labels, errors.")
        spec.output_namespace("frames", dynamic=True, valid_type=ZifTrajectoryData, help="What was picked, by round, without labels.")
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_NOT_GOOD_ENOUGH", "ERROR_TOO_FEW_LABELS",
            "ERROR_LINKERS_STILL_BREAK", "ERROR_NOTHING_TO_LABEL", "ERROR_TEST_TOO_COLD",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The architecture, wall and MD of the protocol, and its section ``active_learning``."""
        stage, train = plan["active_learning"], plan["train"]
        return {
            "run": Dict({**plan["md"]["run"], **stage["run"]}), "seeds": List(stage["seeds"]), "rule": Dict(stage["rule"]),
            "learning": Dict(stage["learning"]), "training": Dict({"seed": 1, **single_run(plan)}), "max_rounds": Int(stage["max_rounds"]),
            "method": Str(plan["aimd"]["run"]["method"]), "max_relative_force_mae": Float(train["max_relative_force_mae"]),
            "cost_calls": Int(train["cost_calls"]), **stages.wall(plan), **data_nodes(plan["aimd"]["run"]["method"], **inputs),
        }  # fmt: skip

    def setup(self) -> None:
        """Round 0 is the model as it comes."""
        self.ctx.round, self.ctx.ended, self.ctx.records, self.ctx.known = 0, None, {}, {}
        self.ctx.dataset, self.ctx.potential = self.inputs.dataset, self.inputs.get("potential")
        self.ctx.model, self.ctx.accuracy = self.inputs.get("start") or plans.package_of(self.ctx.potential), self.inputs.get("accuracy")

    def should_train_first(self) -> bool:
        """There is no model yet."""
        return self.ctx.potential is None

    def should_test(self) -> bool:
        """Until linkers stay whole, or there is nothing more to be tried."""
        return self.ctx.ended is None

    def named(self, what: str) -> str:
        """Return the label of a child of this round."""
        return f"round_{self.ctx.round:02d}_{what}"

    # ----- test

    def run_md(self) -> Any:
        """One run per seed, at Tmax from the crystal on; one that blows up is an answer, so that no time step is halved."""
        plan, nodes, self.ctx.runs = self.inputs.run.get_dict(), {}, {}
        plan["thermo_fs"] = plan["dump_fs"]  # the temperature of a frame is that of its row in the log
        inputs = {name: self.inputs[name] for name in PORTS if name in self.inputs}
        for number, seed in enumerate(self.inputs.seeds.get_list(), 1):
            run = stages.md_run(plan, [stages.hold(plan, "test", plan["temperature_k"], plan["picoseconds"])], seed)
            label = self.named(f"md_{number:02d}")
            nodes[label] = self.submit(
                LammpsMdCalculation, code=self.inputs.codes["lammps"], potential=self.ctx.potential, run=Dict(run), **inputs,
                metadata={"options": self.options("md"), "call_link_label": label},
            )  # fmt: skip
            self.ctx.runs[label] = seed
        return nodes

    def inspect_md(self) -> ExitCode | None:
        """What blew up counts as broken where its frames end; any other failure is none of the model's."""
        self.ctx.blew_up = {}
        for label in self.ctx.runs:
            node = self.ctx[label]
            if node.exit_status == VERDICTS["ERROR_MODEL_UNSTABLE"][0] and "trajectory" in node.outputs:
                self.ctx.blew_up[label] = words_of(node)
            elif not node.is_finished_ok:
                return self.child_failed("md", node)
        return None

    def should_run_disagree(self) -> bool:
        """One model says nothing of how sure it is."""
        return "ensemble" in self.inputs and self.inputs.rule.get_dict().get("max_disagreement_ev_per_angstrom") is not None

    def run_disagree(self) -> Any:
        """All members on the frames of each run; they are those given, also in later rounds."""
        return {
            DISAGREEMENT + label: self.submit(
                ZifDisagreeCalculation, code=self.inputs.codes["disagree"], ensemble=self.inputs.ensemble,
                trajectory=self.ctx[label].outputs.trajectory,
                metadata={"options": self.options("disagree"), "call_link_label": label.replace("_md_", "_disagree_")},
            )
            for label in self.ctx.runs
        }  # fmt: skip

    def inspect_disagree(self) -> None:
        """Without it, frames are picked around breaks only."""
        for label in self.ctx.runs:
            node = self.ctx[DISAGREEMENT + label]
            if "disagreement" not in node.outputs:
                self.report(f"disagree: {node.process_label}<{node.pk}> ended with [{node.exit_status}] {words_of(node)}")

    # ----- pick, label, learn

    def pick(self) -> None:
        """Say how the runs went, and which frames are to be labelled; decide whether to go on."""
        plan = self.inputs.run.get_dict()
        given = {label: self.ctx[label].outputs.trajectory for label in self.ctx.runs}
        if self.should_run_disagree():
            asked = {DISAGREEMENT + label: self.ctx[DISAGREEMENT + label].outputs for label in self.ctx.runs}
            given |= {name: outputs.disagreement for name, outputs in asked.items() if "disagreement" in outputs}
        parameters = Dict({"rule": self.inputs.rule.get_dict(), "skip_ps": plan["skip_ps"], "blew_up": self.ctx.blew_up})
        picked = pick_frames(reference=self.inputs.structure, parameters=parameters, **given, **self.ctx.known)
        found = picked["found"].get_dict()
        self.ctx.picked, self.ctx.labels = picked.get("frames"), {}
        runs = {label: {"seed": seed, **found["runs"][label]} for label, seed in self.ctx.runs.items()}
        accuracy = self.ctx.accuracy.get_dict() if self.ctx.accuracy is not None else {}
        self.ctx.record = {
            "round": self.ctx.round, "model": str(self.ctx.potential.uuid), "runs": list(runs.values()), "broken": found["broken"],
            "hazard": found["hazard"], "picked": found["picked"], "labelled": 0, "train_frames": self.ctx.dataset.counts["train"],
            **{name: accuracy.get(name) for name in ERRORS},
        }  # fmt: skip
        self.ctx.records[self.named("found")] = self.ctx.record
        survived = min(run["survived_ps"] for run in runs.values())
        self.report(
            f"round {self.ctx.round}: linkers broke in {found['broken']} of {len(runs)} runs at {plan['temperature_k']:.0f} K, first after "
            f"{survived:.2f} ps; {found['picked']} frames picked"
        )
        if not found["broken"]:
            self.ctx.ended = "holds"
        elif self.ctx.round >= self.inputs.max_rounds.value:
            self.ctx.ended = "breaks"
        elif self.ctx.picked is None:
            self.ctx.ended = "nothing"
        if self.ctx.picked is not None:
            self.ctx.known[KNOWN + self.named("frames")] = self.ctx.picked
            self.out(f"frames.{self.named('frames')}", self.ctx.picked)

    def should_learn(self) -> bool:
        """There are frames to learn from, and a round left."""
        return self.ctx.ended is None

    def run_label(self) -> Any:
        """One job, or as many as the protocol says, side by side."""
        parts, nodes = self.inputs.learning.get_dict()["label_jobs"], {}
        for part in range(1, parts + 1):
            label = self.named(f"label_{part:02d}")
            which = Dict({"method": self.inputs.method.value, "part": part, "parts": parts})
            nodes[label] = self.submit(
                Cp2kLabelCalculation, code=self.inputs.codes["cp2k"], frames=self.ctx.picked, run=which, **file_inputs(self.inputs),
                metadata={"options": self.options("aimd"), "call_link_label": label},
            )  # fmt: skip
        self.ctx.label_jobs = list(nodes)
        return nodes

    def inspect_label(self) -> ExitCode | None:
        """What was labelled extends the dataset, also of a job that was cut short; too little of it is no round."""
        learning, jobs = self.inputs.learning.get_dict(), [self.ctx[label] for label in self.ctx.label_jobs]
        labels = {label: self.ctx[label].outputs.trajectory for label in self.ctx.label_jobs if "trajectory" in self.ctx[label].outputs}
        done, asked = sum(node.n_frames for node in labels.values()), self.ctx.picked.n_frames
        self.ctx.record["labelled"] = done
        if failed := [node for node in jobs if not node.is_finished_ok]:
            self.report(f"label: {failed[0].process_label}<{failed[0].pk}> ended with [{failed[0].exit_status}] {words_of(failed[0])}")
        if done < learning["min_labelled_share"] * asked:
            self.put_out("too few labels")
            return self.exit_codes.ERROR_TOO_FEW_LABELS.format(done=done, asked=asked)
        wanted = {name: learning[name] for name in ("max_force_ev_per_angstrom", "validation_every")}
        try:
            self.ctx.dataset = extend_dataset(dataset=self.ctx.dataset, parameters=Dict(wanted), **labels)
        except ValueError as problem:
            self.put_out("too few labels")
            return self.exit_codes.ERROR_CHILD_FAILED.format(stage="dataset", reason=str(problem))
        self.ctx.round += 1
        return None

    def run_train(self) -> Any:
        """Retrain on all frames, from the weights of the round before where the plan says so and they are at hand."""
        learning, run = self.inputs.learning.get_dict(), self.inputs.training.get_dict()
        inputs: dict[str, Any] = {"run": Dict(run)}
        if self.ctx.round and learning["warm"] and self.ctx.model is not None:
            inputs = {"run": Dict({**run, **learning["changes"]}), "start": self.ctx.model}
        label = self.named("train")
        node = self.submit(
            TrainWorkChain, codes=self.codes_for(TrainWorkChain), dataset=self.ctx.dataset, cost_calls=self.inputs.cost_calls,
            max_relative_force_mae=self.inputs.max_relative_force_mae, metadata={"call_link_label": label},
            **self.stage_options("train"), **inputs,
        )  # fmt: skip
        self.report(f"{label}: TrainWorkChain<{node.pk}> on {self.ctx.dataset.counts['train']} frames")
        return {"train": node}

    def inspect_train(self) -> ExitCode | None:
        """A model whose errors do not hold is the end: more frames of the same kind made it worse."""
        node = self.ctx.train
        if not node.is_finished_ok:
            self.put_out("training failed")
            return self.child_failed("train", node)
        outputs = node.outputs
        self.ctx.model, self.ctx.accuracy = outputs.model, outputs.accuracy
        self.ctx.potential = outputs.compiled if "compiled" in outputs else outputs.model
        return None

    # ----- results

    def put_out(self, verdict: str) -> Dict:
        """Put out the table of rounds and what belongs to the last of them."""
        records = {name: Dict(record) for name, record in self.ctx.records.items()}
        rounds = gather_rounds(Dict({"kind": "active_learning", "verdict": verdict, "run": self.inputs.run.get_dict()}), **records)
        self.out("rounds", rounds)
        found = {"dataset": self.ctx.dataset, "accuracy": self.ctx.accuracy, "model": self.ctx.model, "compiled": self.ctx.potential}
        mine = {name: node for name, node in found.items() if node is not None and not (name == "compiled" and node.form != "compiled")}
        for name, node in mine.items():
            self.out(name, node)
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP} of {self.inputs.structure.get_formula()}: {verdict}"
        group.add_nodes([self.node, rounds, *mine.values()])
        return rounds

    def results(self) -> ExitCode | None:
        """Linkers that stay whole in every run that was hot enough are the only success."""
        plan, record = self.inputs.run.get_dict(), self.ctx.record
        coldest = min(run["mean_temperature_k"] for run in record["runs"])
        least = plan["min_temperature_share"] * plan["temperature_k"]
        cold = self.ctx.ended == "holds" and not coldest >= least
        self.put_out("too cold" if cold else WORDS[self.ctx.ended])
        values = {"broken": record["broken"], "asked": len(record["runs"]), "temperature": plan["temperature_k"], "rounds": self.ctx.round}
        if cold:
            return self.exit_codes.ERROR_TEST_TOO_COLD.format(mean=coldest, least=least)
        if self.ctx.ended == "breaks":
            return self.exit_codes.ERROR_LINKERS_STILL_BREAK.format(**values)
        return self.exit_codes.ERROR_NOTHING_TO_LABEL.format(**values) if self.ctx.ended == "nothing" else None

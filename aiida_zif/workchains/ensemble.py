# SPDX-License-Identifier: MIT
"""`zif.ensemble`: one training with several seeds, as one node whose disagreement is measured against real errors."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.orm import ArrayData, Bool, Dict, Float, Group, Int, List, Str, to_aiida_type

from aiida_zif.calculations.disagree import ZifDisagreeCalculation
from aiida_zif.calculations.functions.ensemble import calibrate_ensemble, gather_ensemble
from aiida_zif.calculations.functions.verdicts import record_verdicts
from aiida_zif.calculations.train import validate_run
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.ensemble import ZifEnsembleData
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.protocol import single_run
from aiida_zif.workchains.side_by_side import TrainingsWorkChain
from aiida_zif.workchains.table_rows import seeds_problem
from aiida_zif.workchains.train import TrainWorkChain

GROUP = "zif/ensemble"
FEWEST = 2
"""One model does not disagree with itself."""


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with seeds and numbers."""
    seeds, least = inputs["seeds"].get_list(), inputs["min_success"].value
    if "seed" in inputs["run"].get_dict():
        return "the run has a seed, but those of an ensemble stand in `seeds`; leave it out"
    if problem := seeds_problem(seeds):
        return problem
    if len(seeds) < FEWEST:
        return f"the seeds are {seeds}, but an ensemble needs {FEWEST} members or more"
    if not FEWEST <= least <= len(seeds):
        return f"min_success is {least}, but there are {len(seeds)} seeds: give {FEWEST} to {len(seeds)}"
    if inputs["dataset"].counts["held_out"] < FEWEST:
        return f"the dataset holds out {inputs['dataset'].counts['held_out']} frames, but a calibration needs {FEWEST} or more"
    return None


class EnsembleWorkChain(TrainingsWorkChain):
    """Train once per seed, side by side, gather the packages, and calibrate their disagreement on the held-out frames."""

    CODES = (*TrainWorkChain.CODES, "disagree")
    MAY_USE = TrainWorkChain.MAY_USE

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("dataset", valid_type=ZifDatasetData, help="Frames to learn from, and those held out.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, schedule; no seed.")
        spec.input("seeds", valid_type=List, serializer=to_aiida_type, help="A member per seed.")
        spec.input("device", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("cpu"), help="Where MD will run: cpu or cuda.")
        spec.input("max_relative_force_mae", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.3), help="Of the spread.")
        spec.input("min_success", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(FEWEST), help="Members, at least.")
        spec.input(
            "resamples", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(200), help="For the calibration's error bars."
        )
        spec.input("bootstrap_seed", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), help="Of these draws.")
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.begin, while_(cls.should_run_children)(cls.run_children), cls.gather, cls.run_disagree, cls.inspect_disagree, cls.results
        )
        spec.output("ensemble", valid_type=ZifEnsembleData, required=False, help="All members, with their calibration.")
        spec.output("calibration", valid_type=Dict, required=False, help="Scale, rank correlation, coverage, with error bars.")
        spec.output("disagreement", valid_type=ArrayData, required=False, help="Of each held-out frame.")
        spec.output_namespace("models", dynamic=True, valid_type=ZifModelData, help="The package of each member.")
        spec.output_namespace("accuracies", dynamic=True, valid_type=Dict, help="Errors of each member alone.")
        spec.output("verdicts", valid_type=Dict, required=False, help="What became of each member.")
        declare(
            spec, "ERROR_MODEL_UNUSABLE", "ERROR_INPUT_REFUSED", "ERROR_TOO_FEW_MEMBERS", "WARNING_MEMBERS_FAILED"
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The architecture that the protocol names, with as many seeds as the protocol has."""
        stage, run = plan["ensemble"], single_run(plan)
        run.pop("seed", None)
        return {
            "run": Dict(run), "seeds": List(stage["seeds"]), "max_concurrent": Int(stage["max_concurrent"]),
            "use_cache": Bool(stage["use_cache"]), "compile": Bool(stage["compile"]), "min_success": Int(stage["min_success"]),
            "resamples": Int(stage["bootstrap"]["resamples"]), "bootstrap_seed": Int(stage["bootstrap"]["seed"]),
            "max_relative_force_mae": Float(plan["train"]["max_relative_force_mae"]),
        }  # fmt: skip

    def begin(self) -> Any:
        """A member per seed, all on frames that are written once."""
        self.ctx.members = {f"member_{number:02d}": seed for number, seed in enumerate(self.inputs.seeds.get_list(), 1)}
        self.begin_children(list(self.ctx.members))
        return self.write_frames({"dataset": self.inputs.dataset})

    def child(self, key: str) -> tuple[type[TrainWorkChain], dict[str, Any]]:
        """The training of one member."""
        return TrainWorkChain, {
            "codes": self.codes_for(TrainWorkChain), "dataset": self.inputs.dataset, "device": self.inputs.device,
            "run": Dict({**self.inputs.run.get_dict(), "seed": self.ctx.members[key]}),
            "max_relative_force_mae": self.inputs.max_relative_force_mae, **self.links("dataset"), **self.stage_options("train"),
        }  # fmt: skip

    def gather(self) -> ExitCode | None:
        """Those that were trained well become one node."""
        self.ctx.good = [key for key in self.ctx.members if self.ctx[key].is_finished_ok]
        self.out("verdicts", record_verdicts(Dict({key: self.ctx.verdicts[key] for key in self.ctx.members})))
        for key in self.ctx.good:
            self.out(f"models.{key}", self.ctx[key].outputs.model)
            self.out(f"accuracies.{key}", self.ctx[key].outputs.accuracy)
        if len(self.ctx.good) < self.inputs.min_success.value:
            return self.exit_codes.ERROR_TOO_FEW_MEMBERS.format(done=len(self.ctx.good), asked=len(self.ctx.members))
        self.ctx.ensemble = gather_ensemble(**{key: self.ctx[key].outputs.model for key in self.ctx.good})
        return None

    def run_disagree(self) -> Any:
        """All members on the held-out frames, in one job."""
        metadata = {"options": self.options("disagree"), "call_link_label": "disagree"}
        node = self.submit(
            ZifDisagreeCalculation, code=self.inputs.codes["disagree"], ensemble=self.ctx.ensemble, dataset=self.inputs.dataset,
            resamples=self.inputs.resamples, seed=self.inputs.bootstrap_seed, metadata=metadata,
        )  # fmt: skip
        return {"disagree": node}

    def inspect_disagree(self) -> ExitCode | None:
        """Without a calibration the ensemble is put out all the same."""
        if self.ctx.disagree.is_finished_ok:
            return None
        self.out("ensemble", self.ctx.ensemble)
        return self.child_failed("disagree", self.ctx.disagree)

    def results(self) -> ExitCode | None:
        """The calibrated ensemble, and one group of what belongs together."""
        found = self.ctx.disagree.outputs
        ensemble = calibrate_ensemble(self.ctx.ensemble, found.calibration)
        self.out("ensemble", ensemble)
        self.out("calibration", found.calibration)
        self.out("disagreement", found.disagreement)
        group, _ = Group.collection.get_or_create(f"{GROUP}/{self.uuid}")
        group.description = f"{GROUP}: {len(self.ctx.good)} members"
        group.add_nodes([self.node, ensemble, found.calibration, found.disagreement, self.inputs.dataset])
        scale, error = found.calibration["scale"], found.calibration["scale_error"]
        self.report(f"a force error is {scale:.2f} ± {error:.2f} times the disagreement of {len(self.ctx.good)} members")
        if failed := [key for key in self.ctx.members if key not in self.ctx.good]:
            which = ", ".join(failed)
            return self.exit_codes.WARNING_MEMBERS_FAILED.format(failed=len(failed), asked=len(self.ctx.members), which=which)
        return None

# SPDX-License-Identifier: MIT
"""`zif.train`: from a dataset to a model that is good enough: train, package, compile, evaluate."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode
from aiida.orm import CalcJobNode, Dict, Float, Str, to_aiida_type

from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.functions.trajectory import join_arrays
from aiida_zif.calculations.train import NequipTrainCalculation, validate_run
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.workchains.chain import SegmentedWorkChain


class TrainWorkChain(SegmentedWorkChain):
    """Train in segments, package, compile for the machine that will run MD, evaluate on held-out frames, and judge."""

    CODES = ("train", "package", "compile", "evaluate")
    JOB = NequipTrainCalculation
    STAGE = "train"

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("dataset", valid_type=ZifDatasetData, help="Frames to learn from, and those held out.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, schedule, seed.")
        spec.input("device", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("cpu"), help="Where MD will run: cpu or cuda.")
        spec.input("max_relative_force_mae", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.3), help="Of the spread.")
        spec.output("model", valid_type=ZifModelData, required=False, help="The portable package.")
        spec.output("compiled", valid_type=ZifModelData, required=False, help="Its form for this machine, where it could be compiled.")
        spec.output("accuracy", valid_type=Dict, required=False, help="Errors on the held-out frames, cost per call.")
        spec.output("learning_curve", required=False, help="All segments joined.")
        declare(spec, "ERROR_PROGRAM_ABORTED", "ERROR_LOSS_NOT_A_NUMBER", "ERROR_MODEL_NOT_GOOD_ENOUGH", "ERROR_MODEL_UNUSABLE")

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The first architecture of the protocol."""
        run = next(iter(plan["train"]["runs"].values()))
        return {"run": Dict({**run, "seed": 1}), "max_relative_force_mae": Float(plan["train"]["max_relative_force_mae"])}

    @classmethod
    def after_segments(cls) -> tuple[Any, ...]:
        """The model leaves the stage compiled and judged."""
        return (cls.run_compile, cls.inspect_compile, cls.run_evaluate, cls.inspect_evaluate, cls.results)

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The same run, from the last checkpoint."""
        codes = self.inputs.codes
        inputs = {"code": codes["train"], "package_code": codes["package"], "dataset": self.inputs.dataset, "run": self.inputs.run}
        if previous is not None:
            inputs["restart"] = previous.outputs.restart
        return inputs

    def progress_of(self, node: CalcJobNode) -> int:
        """Epochs done."""
        return int(node.outputs.results.get("epochs", 0)) if "results" in node.outputs else 0

    def run_compile(self) -> Any:
        """Compile on the computer of the compile code, with its queue and device."""
        self.ctx.model = self.ctx.segments[-1].outputs.model
        metadata = {"options": self.options("compile"), "call_link_label": "compile"}
        node = self.submit(
            NequipCompileCalculation, code=self.inputs.codes["compile"], model=self.ctx.model, device=self.inputs.device, metadata=metadata
        )
        return {"compile": node}

    def inspect_compile(self) -> None:
        """A model that could not be compiled still runs as a package, more slowly."""
        node = self.ctx.compile
        self.ctx.runnable = node.outputs.compiled if "compiled" in node.outputs else self.ctx.model
        if not node.is_finished_ok:
            self.report(f"{node.exit_message} Going on with the package.")

    def run_evaluate(self) -> Any:
        """Evaluate the form that MD will run."""
        metadata = {"options": self.options("evaluate"), "call_link_label": "evaluate"}
        code, dataset = self.inputs.codes["evaluate"], self.inputs.dataset
        return {"evaluate": self.submit(NequipEvaluateCalculation, code=code, model=self.ctx.runnable, dataset=dataset, metadata=metadata)}

    def inspect_evaluate(self) -> ExitCode | None:
        """An evaluation that fails is a model that cannot be used."""
        return None if self.ctx.evaluate.is_finished_ok else self.child_failed("evaluate", self.ctx.evaluate)

    def results(self) -> ExitCode | None:
        """Put out the model and judge it by its force error on frames it never saw."""
        curves = {f"segment_{k:02d}": node.outputs.learning_curve for k, node in enumerate(self.ctx.segments, 1)}
        self.out("learning_curve", join_arrays(**curves) if len(curves) > 1 else next(iter(curves.values())))
        self.out("model", self.ctx.model)
        if self.ctx.runnable is not self.ctx.model:
            self.out("compiled", self.ctx.runnable)
        accuracy = self.ctx.evaluate.outputs.accuracy
        self.out("accuracy", accuracy)
        found, allowed = accuracy.get("forces_mae_relative"), self.inputs.max_relative_force_mae.value
        found = float("nan") if found is None else found  # a model that gives no number is not good enough
        self.report(f"force MAE is {found:.1%} of the spread of the held-out forces")
        if not found <= allowed:
            return self.exit_codes.ERROR_MODEL_NOT_GOOD_ENOUGH.format(found=found, allowed=allowed)
        return None

# SPDX-License-Identifier: MIT
"""`zif.train`: from a dataset to a model that is good enough: train, package, compile, evaluate."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, if_, while_
from aiida.orm import ArrayData, CalcJobNode, Dict, Float, FolderData, Int, RemoteData, Str, to_aiida_type

from aiida_zif.calculations import frames as linked_frames
from aiida_zif.calculations.compile import NequipCompileCalculation
from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.calculations.functions.trajectory import join_arrays
from aiida_zif.calculations.train import NequipTrainCalculation, frames_problem, restart_problem, start_problem, validate_run
from aiida_zif.calculations.verdicts import VERDICTS, declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.workchains.chain import part_of
from aiida_zif.workchains.protocol import single_run
from aiida_zif.workchains.resuming import ResumingWorkChain

HALVINGS = 2
"""How often the batch is halved where the memory of the GPU is too small for it."""
BOUNDS: dict[str, tuple[str, str]] = {
    "max_energy_mae_mev_per_atom": ("energy_mae_mev_per_atom", "energy MAE is {found:.3g} meV/atom, above the {allowed:.3g} allowed"),
    "max_stress_mae_mpa": ("stress_mae_mpa", "stress MAE is {found:.3g} MPa, above the {allowed:.3g} allowed"),
    "max_relative_force_mae": (
        "forces_mae_relative", "force MAE is {found:.1%} of the spread of the held-out forces, above the {allowed:.1%} allowed",
    ),
}  # fmt: skip
"""By input: what is bounded, and what is said where it lies above."""


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say what is wrong between the inputs: run, frames, checkpoint, GPUs."""
    run, dataset, codes = TrainRun.from_dict(inputs["run"].get_dict()), inputs["dataset"], inputs["codes"]
    options = inputs["options"].get_dict() if "options" in inputs else {}
    problem = frames_problem(run, dataset) or gpus_problem(run, part_of(options, "train"), codes["train"].computer)
    if not problem and "start" in inputs:
        problem = start_problem(inputs["start"], run, dataset)
    if not problem and "restart" in inputs:
        problem = restart_problem(inputs["restart"], run, dataset, inputs.get("start"))
    if not problem and "frames" in inputs and not inputs["frames"].is_cleaned:
        problem = linked_frames.problem_of(inputs["frames"], dataset, codes["train"].computer)
    return problem


def gpus_problem(run: TrainRun, options: dict[str, Any], computer: Any) -> str | None:
    """Say in one sentence why the scheduler would not give the run its GPUs, or would give GPUs that stand idle."""
    asked, needed = int(options.get("gpus", 0)), run.devices if run.device == "gpu" else 0
    free = "gpus" not in options and computer is not None and computer.scheduler_type == "core.direct"
    if asked == needed or free:
        return None
    remedy = f"give options {{'gpus': {needed}}}" if needed else "leave `gpus` out, or train with device gpu"
    where = f"{needed} GPUs (device {run.device}, devices {run.devices})"
    return f"the run trains on {where}, but the options of train ask for {asked}: {remedy}"


class TrainWorkChain(ResumingWorkChain):
    """Train in segments, package, compile for the machine that will run MD, evaluate on held-out frames, and judge."""

    CODES = ("train", "package", "evaluate")
    MAY_USE = ("compile", "frames", "check")
    JOB = NequipTrainCalculation
    STAGE, UNIT = "train", "epoch"
    HANDLERS = ("frames_gone", "gpu_memory_full", *ResumingWorkChain.HANDLERS)

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("dataset", valid_type=ZifDatasetData, help="Frames to learn from, and those held out.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, schedule, seed.")
        spec.input("device", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("cpu"), help="Where MD will run: cpu or cuda.")
        spec.input("max_relative_force_mae", valid_type=Float, serializer=to_aiida_type, default=lambda: Float(0.3), help="Of the spread.")
        spec.input("max_energy_mae_mev_per_atom", valid_type=Float, required=False, serializer=to_aiida_type, help="Bound on the energies.")
        spec.input("max_stress_mae_mpa", valid_type=Float, required=False, serializer=to_aiida_type, help="Bound on the stresses.")
        spec.input("cost_calls", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(300), help="By which the cost is measured.")
        spec.input("segment_seconds", valid_type=Int, required=False, serializer=to_aiida_type, help="Length of one job, at most.")
        spec.input("restart", valid_type=FolderData, required=False, help="Go on from here, with the same run.")
        spec.input("start", valid_type=ZifModelData, required=False, help="A package whose weights are gone on with, not new ones.")
        spec.input("frames", valid_type=RemoteData, required=False, help="Folder of zif.frames to link to; if not given, it is made.")
        spec.inputs.validator = validate_inputs
        spec.output("model", valid_type=ZifModelData, required=False, help="The portable package.")
        spec.output("compiled", valid_type=ZifModelData, required=False, help="Its form for this machine, where it could be compiled.")
        spec.output("accuracy", valid_type=Dict, required=False, help="Errors on the held-out frames, cost per call.")
        spec.output("predictions", valid_type=ArrayData, required=False, help="The same frame by frame.")
        spec.output("learning_curve", valid_type=ArrayData, required=False, help="All segments joined.")
        spec.output("restart", valid_type=FolderData, required=False, help="From which an unfinished training can be gone on with.")
        declare(
            spec, "ERROR_FRAMES_GONE", "ERROR_NO_GPU", "ERROR_MODEL_UNUSABLE", "ERROR_PROGRAM_ABORTED", "ERROR_GPU_OUT_OF_MEMORY",
            "ERROR_MODEL_NOT_GOOD_ENOUGH", "ERROR_LOSS_NOT_A_NUMBER", "ERROR_PREDICTION_NOT_A_NUMBER", "ERROR_COMPILED_MODEL_WRONG",
        )  # fmt: skip

    @classmethod
    def protocol_inputs(cls, plan: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        """The architecture that the protocol names."""
        run = single_run(plan)
        bound, calls = Float(plan["train"]["max_relative_force_mae"]), Int(plan["train"]["cost_calls"])
        return {"run": Dict({"seed": 1, **run}), "max_relative_force_mae": bound, "cost_calls": calls}

    @classmethod
    def before_segment(cls) -> tuple[Any, ...]:
        """The frames lie on the machine before anything reads them."""
        return (if_(cls.should_write_frames)(cls.run_frames, cls.inspect_frames),)

    @classmethod
    def after_segments(cls) -> tuple[Any, ...]:
        """The model leaves the stage compiled and judged."""
        frames = if_(cls.should_write_frames)(cls.run_frames, cls.inspect_frames)
        evaluate = while_(cls.should_evaluate)(frames, cls.run_evaluate, cls.inspect_evaluate)
        return (cls.run_compile, cls.inspect_compile, evaluate, cls.results)

    def setup(self) -> None:
        """What the checkpoint given has done counts as done."""
        super().setup()
        self.ctx.done = self.inputs.restart.base.attributes.get("epochs") if "restart" in self.inputs else 0
        self.ctx.run, self.ctx.halvings, self.ctx.evaluated = self.inputs.run.get_dict(), 0, False
        self.ctx.frames = self.inputs.get("frames")
        self.ctx.frames_lost = self.ctx.frames is not None and self.ctx.frames.is_cleaned

    def asked(self) -> int:
        """Return the number of epochs asked for."""
        return TrainRun.from_dict(self.ctx.run).epochs

    def facts(self, node: CalcJobNode) -> dict[str, Any]:
        """Return what a training says of itself."""
        found = node.outputs.results.get_dict() if "results" in node.outputs else {}
        return {**found, "last_step": found.get("epochs", 0)}

    def progress_of(self, node: CalcJobNode) -> int:
        """Epochs in the checkpoint: what the curve has beyond it is done again."""
        return int(self.facts(node).get("epochs_in_checkpoint", 0))

    def is_last(self, node: CalcJobNode) -> bool:
        """A training that ended well is over, be it by its epochs or by its patience."""
        return True

    # ----- frames: written once on the machine, linked by every job that reads them

    def should_write_frames(self) -> bool:
        """Where a code can write them, and there are none yet, or those that there were are gone."""
        return "frames" in self.inputs.codes and (self.ctx.frames is None or self.ctx.frames_lost)

    def run_frames(self) -> Any:
        """Write them; never take what the cache says to be there once it was found to be gone."""
        again = self.ctx.frames_lost
        metadata = {
            "options": self.options("frames"), "call_link_label": "frames_again" if again else "frames", "disable_cache": again,
        }  # fmt: skip
        code, dataset = self.inputs.codes["frames"], self.inputs.dataset
        return {"written": self.submit(ZifFramesCalculation, code=code, dataset=dataset, metadata=metadata)}

    def inspect_frames(self) -> ExitCode | None:
        """Without frames there is nothing to learn from."""
        if not self.ctx.written.is_finished_ok:
            return self.child_failed("frames", self.ctx.written)
        self.ctx.frames, self.ctx.frames_lost = self.ctx.written.outputs.remote_folder, False
        return None

    def links(self, role: str) -> dict[str, RemoteData]:
        """Return the ``frames`` input of a job, where its code is on the machine that they lie on."""
        here = self.ctx.frames is not None and self.ctx.frames.computer.uuid == self.inputs.codes[role].computer.uuid
        return {"frames": self.ctx.frames} if here and not self.ctx.frames_lost else {}

    def frames_gone(self, node: CalcJobNode) -> bool | None:
        """The scratch was purged under the links: write the frames again, once."""
        if node.exit_status != VERDICTS["ERROR_FRAMES_GONE"][0] or self.ctx.get("rewritten", False):
            return None
        self.ctx.rewritten = self.ctx.frames_lost = True
        return self.go_on(f"{node.exit_message} They are written again")

    # ----- training

    def segment_inputs(self, previous: CalcJobNode | None) -> dict[str, Any]:
        """The same run, from the last checkpoint."""
        codes, run = self.inputs.codes, self.inputs.run
        inputs = {"code": codes["train"], "package_code": codes["package"], "dataset": self.inputs.dataset, **self.links("train")}
        inputs["run"] = run if self.ctx.run == run.get_dict() else Dict(self.ctx.run)
        if "start" in self.inputs:
            inputs["start"] = self.inputs.start
        if "segment_seconds" in self.inputs:
            inputs["segment_seconds"] = self.inputs.segment_seconds.value
        restart = previous.outputs.restart if previous is not None else self.inputs.get("restart")
        return inputs if restart is None else {**inputs, "restart": restart}

    def gpu_memory_full(self, node: CalcJobNode) -> ExitCode | bool | None:
        """Half the frames per step, as a new input that the graph shows, from the last checkpoint; at most twice."""
        if node.exit_status != VERDICTS["ERROR_GPU_OUT_OF_MEMORY"][0]:
            return None
        self.keep(node)
        run = TrainRun.from_dict(self.ctx.run)
        smaller = {"batch": run.batch // (2 * run.devices) * run.devices, "validation_batch": max(1, run.validation_batch // 2)}
        if self.ctx.halvings >= HALVINGS or not smaller["batch"]:
            return self.stop("ERROR_GPU_OUT_OF_MEMORY", batch=run.batch, done=self.ctx.done, asked=self.asked())
        self.ctx.halvings += 1
        self.ctx.run = {**self.ctx.run, **smaller}
        return self.go_on(f"{node.exit_message} Now with {smaller['batch']}")

    # ----- compile, evaluate, judge

    def run_compile(self) -> Any:
        """Compile with queue and device of the compile code, if there is one, and check in the same job what came out."""
        codes, self.ctx.model = self.inputs.codes, self.ctx.segments[-1].outputs.model
        self.ctx.runnable = self.ctx.model
        if "compile" not in codes:
            return None
        metadata = {"options": self.options("compile"), "call_link_label": "compile"}
        inputs = {"code": codes["compile"], "model": self.ctx.model, "device": self.inputs.device, "metadata": metadata}
        if "check" in codes and codes["check"].computer.uuid == codes["compile"].computer.uuid:
            inputs |= {"check_code": codes["check"], "dataset": self.inputs.dataset}
        return {"compile": self.submit(NequipCompileCalculation, **inputs)}

    def inspect_compile(self) -> ExitCode | None:
        """A model that could not be compiled still runs as a package, more slowly; one that fails its checks is not to be run."""
        node = self.ctx.get("compile")
        if node is None:
            return None
        if node.exit_status == VERDICTS["ERROR_COMPILED_MODEL_WRONG"][0]:
            self.put_out()
            return self.child_failed("compile", node)
        self.ctx.runnable = node.outputs.compiled if "compiled" in node.outputs else self.ctx.model
        if not node.is_finished_ok:
            self.report(f"{node.exit_message} Going on with the package.")
        return None

    def should_evaluate(self) -> bool:
        """Once, or again where the frames were gone."""
        return not self.ctx.evaluated

    def run_evaluate(self) -> Any:
        """Evaluate the form that MD will run."""
        metadata = {"options": self.options("evaluate"), "call_link_label": "evaluate_again" if "evaluate" in self.ctx else "evaluate"}
        inputs = {"code": self.inputs.codes["evaluate"], "dataset": self.inputs.dataset, "cost_calls": self.inputs.cost_calls}
        node = self.submit(NequipEvaluateCalculation, model=self.ctx.runnable, metadata=metadata, **inputs, **self.links("evaluate"))
        return {"evaluate": node}

    def inspect_evaluate(self) -> ExitCode | None:
        """An evaluation that fails is a model that cannot be used."""
        self.ctx.evaluated = not self.frames_gone(self.ctx.evaluate)
        if not self.ctx.evaluated or self.ctx.evaluate.is_finished_ok:
            return None
        self.put_out()
        return self.child_failed("evaluate", self.ctx.evaluate)

    def put_out(self) -> None:
        """Put out the curve of all segments, also of a last one that stopped the chain, and the model, or what to go on from."""
        nodes = [*self.ctx.segments, *([self.ctx.segment] if self.ctx.segment not in self.ctx.segments else [])]
        curves = {f"segment_{k:02d}": node.outputs.learning_curve for k, node in enumerate(nodes, 1) if "learning_curve" in node.outputs}
        if curves:
            self.out("learning_curve", join_arrays(**curves) if len(curves) > 1 else next(iter(curves.values())))
        if "model" in nodes[-1].outputs:
            self.out("model", nodes[-1].outputs.model)
        elif restarts := [node.outputs.restart for node in nodes if "restart" in node.outputs]:
            self.out("restart", restarts[-1])

    def results(self) -> ExitCode | None:
        """Put out the model and judge it by its errors on frames it never saw."""
        self.put_out()
        if self.ctx.runnable is not self.ctx.model:
            self.out("compiled", self.ctx.runnable)
        accuracy = self.ctx.evaluate.outputs.accuracy
        self.out("accuracy", accuracy)
        if "predictions" in self.ctx.evaluate.outputs:
            self.out("predictions", self.ctx.evaluate.outputs.predictions)
        above = []
        for name, (key, words) in BOUNDS.items():
            found = accuracy.get(key)
            found = float("nan") if found is None else found  # a model that gives no number is not good enough
            if name in self.inputs and not found <= self.inputs[name].value:
                above.append(words.format(found=found, allowed=self.inputs[name].value))
        if (share := accuracy.get("forces_mae_relative")) is not None:
            self.report(f"force MAE is {share:.1%} of the spread of the held-out forces")
        return self.exit_codes.ERROR_MODEL_NOT_GOOD_ENOUGH.format(reason="; ".join(above)) if above else None

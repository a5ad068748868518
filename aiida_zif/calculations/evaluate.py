# SPDX-License-Identifier: MIT
"""`zif.evaluate`: errors of a model on frames it never saw, and what a call costs."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import ArrayData, Dict, Int, RemoteData, Str, to_aiida_type

from aiida_zif.calculations import frames as linked_frames
from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import SPLITS, ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import frame_labels
from aiida_zif.formats.dataset_file import file_of
from aiida_zif.science.breakdown import Origins

LABELS, ACCURACY, PREDICTIONS = "labels.txt", "accuracy.json", "predictions.npz"


class NequipEvaluateCalculation(CalcJob):
    """zif-evaluate: the model on the frames of one split.

    ``frames`` says where they lie, not what they are: it is no edge of the graph, so that jobs with and without it are an equal request.
    """

    CACHE_VERSION = 1

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("model", valid_type=ZifModelData, help="Packaged or compiled.")
        spec.input("dataset", valid_type=ZifDatasetData, help="Where the frames are taken from.")
        spec.input(
            "split", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("held_out"), validator=_validate_split,
            help="Which of its frames: train, validation or held_out.",
        )  # fmt: skip
        spec.input(
            "cost_calls", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(300), validator=_validate_calls,
            help="Calls by which the cost is measured.",
        )  # fmt: skip
        spec.input(
            "warm_up", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(6), validator=_validate_warm_up,
            help="Calls before those, not counted.",
        )  # fmt: skip
        spec.input("frames", valid_type=RemoteData, required=False, non_db=True, help="Folder of zif.frames to link to, not to write anew.")
        common = spec.inputs.validator
        spec.inputs.validator = lambda inputs, port: common(inputs, port) or _validate_frames(inputs)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.evaluate"
        options["output_filename"].default = "evaluate.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("accuracy", valid_type=Dict, required=False, help="MAE, RMSE per property, element, trajectory, temperature; cost.")
        spec.output("predictions", valid_type=ArrayData, required=False, help="Frame by frame; force components counted in squares.")
        spec.default_output_node = "accuracy"
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_MODEL_UNUSABLE", "ERROR_INPUT_REFUSED", "ERROR_FRAMES_GONE", "ERROR_OUTPUT_UNREADABLE",
            "ERROR_OUT_OF_MEMORY", "ERROR_PREDICTION_NOT_A_NUMBER",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the frames beside the model, or link them; and where each came from."""
        model, dataset, split = self.inputs.model, self.inputs.dataset, self.inputs.split.value
        with folder.open(LABELS, "w") as handle:
            handle.write(frame_labels.render(origins_of(dataset, split)))
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = command_line(self.inputs)
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(model.uuid, model.filename, model.job_filename)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [ACCURACY, PREDICTIONS]
        record_cost(calcinfo)
        return linked_frames.provide(calcinfo, code.stdout_name, folder, dataset, (split,), self.inputs.get("frames"))


def command_line(inputs: Any) -> list[str]:
    """Return what zif-evaluate is called with."""
    calls, warm_up = str(inputs["cost_calls"].value), str(inputs["warm_up"].value)
    return [
        inputs["model"].job_filename, file_of(inputs["split"].value), "--labels", LABELS, "--output", ACCURACY,
        "--predictions", PREDICTIONS, "--cost-calls", calls, "--warm-up", warm_up,
    ]  # fmt: skip


def origins_of(dataset: ZifDatasetData, split: str) -> Origins:
    """Return where the frames of a split came from: trajectories by their place in the dataset, and what temperature these had."""
    origin = dataset.origin(split)
    return Origins(origin.trajectory, origin.step, dataset.measured_temperatures()[origin.trajectory])


def _validate_split(node: Any, _: Any) -> str | None:
    if node.value not in SPLITS:
        return f"a dataset has {', '.join(SPLITS)}, but no {node.value}"
    return None


def _validate_calls(node: Any, _: Any) -> str | None:
    return None if node.value >= 1 else f"cost_calls is {node.value}, but at least 1 call must be timed"


def _validate_warm_up(node: Any, _: Any) -> str | None:
    return None if node.value >= 0 else f"warm_up is {node.value}, but must be 0 or more"


def _validate_frames(inputs: Any) -> str | None:
    """Say in one sentence why these frames cannot be evaluated: there are none, the model does not know them, or a link leads nowhere."""
    dataset, split, model, code = (inputs.get(name) for name in ("dataset", "split", "model", "code"))
    if dataset is None or model is None:
        return None
    if split is not None and not dataset.counts[split.value]:
        return f"the dataset has no frame in {split.value}, only {', '.join(f'{n} in {name}' for name, n in dataset.counts.items() if n)}"
    if unknown := sorted(set(dataset.elements) - set(model.type_names)):
        return f"the model knows {' '.join(model.type_names)}, but the dataset holds {' '.join(unknown)}: use another model"
    if "frames" in inputs and code is not None:
        return linked_frames.problem_of(inputs["frames"], dataset, code.computer)
    return None

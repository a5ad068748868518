# SPDX-License-Identifier: MIT
"""`zif.disagree`: how far the members of an ensemble differ in their forces, on frames of a dataset or along a trajectory."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import ArrayData, Dict, Int, Str, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import SPLITS, ZifDatasetData
from aiida_zif.data.ensemble import ZifEnsembleData
from aiida_zif.data.trajectory import ZifTrajectoryData

FRAMES, DOCUMENT, ARRAYS = "frames.h5", "disagreement.json", "disagreement.npz"


class ZifDisagreeCalculation(CalcJob):
    """zif-disagree: all members on the same frames; on those of a dataset, whose forces are known, the disagreement is calibrated."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("ensemble", valid_type=ZifEnsembleData, help="Whose members.")
        spec.input("dataset", valid_type=ZifDatasetData, required=False, help="Frames whose forces are known; or else")
        spec.input("trajectory", valid_type=ZifTrajectoryData, required=False, help="frames of MD, or of anything.")
        spec.input("split", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("held_out"), validator=_validate_split,
                   help="Of a dataset: train, validation or held_out.")  # fmt: skip
        spec.input("stride", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), validator=_at_least(1),
                   help="Of a trajectory: every so manieth frame.")  # fmt: skip
        spec.input("resamples", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(200), validator=_at_least(2),
                   help="Draws of frames, for the error bars of the calibration.")  # fmt: skip
        spec.input("seed", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), validator=_at_least(0), help="Of these draws.")
        common = spec.inputs.validator
        spec.inputs.validator = lambda inputs, port: common(inputs, port) or _validate_frames(inputs)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.disagree"
        options["output_filename"].default = "disagree.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("results", valid_type=Dict, required=False, help="Mean and largest disagreement, where; versions, cost.")
        spec.output("disagreement", valid_type=ArrayData, required=False, help="Of each frame: step, largest and mean, eV/Å.")
        spec.output("calibration", valid_type=Dict, required=False, help="How it goes with real errors, on frames of a dataset.")
        spec.default_output_node = "results"
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_MODEL_UNUSABLE", "ERROR_INPUT_REFUSED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """The node's one file, which the daemon never opens, beside the packages."""
        ensemble = self.inputs.ensemble
        node = self.inputs.get("dataset", self.inputs.get("trajectory"))
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = command_line(self.inputs)
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(node.uuid, node.filename, FRAMES), *((ensemble.uuid, name, name) for name in ensemble.filenames)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [DOCUMENT, ARRAYS]
        return record_cost(calcinfo)


def command_line(inputs: Any) -> list[str]:
    """Return what zif-disagree is called with."""
    models = [word for name in inputs["ensemble"].filenames for word in ("--model", name)]
    if "dataset" in inputs:
        draws = ["--resamples", str(inputs["resamples"].value), "--seed", str(inputs["seed"].value)]
        which = ["--split", inputs["split"].value, "--calibrate", *draws]
    else:
        which = ["--stride", str(inputs["stride"].value)]
    return [FRAMES, *models, *which, "--output", DOCUMENT, "--arrays", ARRAYS]


def _validate_split(node: Any, _: Any) -> str | None:
    return None if node.value in SPLITS else f"a dataset has {', '.join(SPLITS)}, but no {node.value}"


def _at_least(least: int) -> Any:
    return lambda node, port: None if node.value >= least else f"{port.name} is {node.value}, but must be {least} or more"


def _validate_frames(inputs: Any) -> str | None:
    """Say in one sentence why the members cannot be asked: no frames, frames of two kinds, an element that they do not know."""
    ensemble, given = inputs.get("ensemble"), [inputs[name] for name in ("dataset", "trajectory") if name in inputs]
    if ensemble is None:
        return None
    if len(given) != 1:
        return f"give either a dataset or a trajectory, but {len(given) or 'none'} of them came"
    if "dataset" in inputs and "split" in inputs and inputs["dataset"].counts[inputs["split"].value] < 2:
        return f"the dataset has {inputs['dataset'].counts[inputs['split'].value]} frames in {inputs['split'].value}, but needs two or more"
    if unknown := sorted(set(given[0].base.attributes.get("elements")) - set(ensemble.type_names)):
        return f"the ensemble knows {' '.join(ensemble.type_names)}, but the frames hold {' '.join(unknown)}: use another"
    return None

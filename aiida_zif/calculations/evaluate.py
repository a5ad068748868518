# SPDX-License-Identifier: MIT
"""`zif.evaluate`: errors of a model on frames it never saw, and what a call costs."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import Dict, Str, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import SPLITS, ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import extxyz

FRAMES, ACCURACY = "held_out.xyz", "accuracy.json"


class NequipEvaluateCalculation(CalcJob):
    """zif-evaluate: the model on the frames of one split."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("model", valid_type=ZifModelData, help="Packaged or compiled.")
        spec.input("dataset", valid_type=ZifDatasetData, help="Where the frames are taken from.")
        spec.input(
            "split", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("held_out"), validator=_validate_split, help="Which."
        )
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.evaluate"
        options["output_filename"].default = "evaluate.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("accuracy", valid_type=Dict, required=False, help="MAE, RMSE per property and element; µs/atom/call.")
        spec.default_output_node = "accuracy"
        declare(spec, "ERROR_NO_OUTPUT", "ERROR_MODEL_UNUSABLE", "ERROR_OUTPUT_UNREADABLE")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the frames beside the model."""
        model = self.inputs.model
        with folder.open(FRAMES, "w") as handle:
            for frames in self.inputs.dataset.batches(self.inputs.split.value):
                extxyz.write(handle, frames)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [model.job_filename, FRAMES, "--output", ACCURACY]
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(model.uuid, model.filename, model.job_filename)]
        calcinfo.provenance_exclude_list = [FRAMES]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [ACCURACY]
        return record_cost(calcinfo)


def _validate_split(node: Any, _: Any) -> str | None:
    if node.value not in SPLITS:
        return f"a dataset has {', '.join(SPLITS)}, but no {node.value}"
    return None

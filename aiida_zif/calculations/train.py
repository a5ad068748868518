# SPDX-License-Identifier: MIT
"""`zif.train`: a training segment with nequip-train, and the portable package of its best checkpoint."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import ArrayData, Code, Dict, SinglefileData, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import extxyz, nequip_config

CONFIG, TRAIN, VALIDATION = "train.yaml", "train.xyz", "validation.xyz"
FOLDER, MODEL, METRICS, CHECKPOINT = "out", "model.nequip.zip", "out/csv/v0/metrics.csv", "last.ckpt"
PACKAGE_OUTPUT = "package.out"


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a training run."""
    try:
        nequip_config.TrainRun.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


class NequipTrainCalculation(CalcJob):
    """Train one NequIP or Allegro model on a dataset; the best checkpoint leaves the job as a portable package."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("package_code", valid_type=Code, help="nequip-package, on the same computer.")
        spec.input("dataset", valid_type=ZifDatasetData, help="Frames to train on and to validate with.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Architecture, loss, schedule, seed.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Continue from here, with the same run.")
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.train"
        options["output_filename"].default = "train.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("results", valid_type=Dict, required=False, help="Epochs, best epoch, errors, versions, cost.")
        spec.output("learning_curve", valid_type=ArrayData, required=False, help="A column per metric, a row per epoch.")
        spec.output("model", valid_type=ZifModelData, required=False, help="The portable package.")
        spec.output("restart", valid_type=SinglefileData, required=False, help="What the next segment continues from.")
        spec.default_output_node = "results"
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED",
            "ERROR_LOSS_NOT_A_NUMBER",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the frames and the settings; train, then package."""
        dataset, run = self.inputs.dataset, nequip_config.TrainRun.from_dict(self.inputs.run.get_dict())
        for split, name in (("train", TRAIN), ("validation", VALIDATION)):
            with folder.open(name, "w") as handle:
                for frames in dataset.batches(split):
                    extxyz.write(handle, frames)
        with folder.open(CONFIG, "w") as handle:
            handle.write(nequip_config.render(run, dataset.elements, TRAIN, VALIDATION, FOLDER))

        train = CodeInfo()
        train.code_uuid = self.inputs.code.uuid
        train.cmdline_params = ["-cn", CONFIG]
        train.stdout_name = self.metadata.options.output_filename
        train.join_files = True
        package = CodeInfo()
        package.code_uuid = self.inputs.package_code.uuid
        package.cmdline_params = ["build", f"{FOLDER}/best.ckpt", MODEL]
        package.stdout_name = PACKAGE_OUTPUT
        package.join_files = True

        calcinfo = CalcInfo()
        calcinfo.codes_info = [train, package]
        calcinfo.codes_run_mode = CodeRunMode.SERIAL
        calcinfo.provenance_exclude_list = [TRAIN, VALIDATION]
        if "restart" in self.inputs:
            train.cmdline_params = [*train.cmdline_params, f"++ckpt_path={CHECKPOINT}"]
            calcinfo.local_copy_list = [(self.inputs.restart.uuid, self.inputs.restart.filename, CHECKPOINT)]
        calcinfo.retrieve_list = [train.stdout_name, package.stdout_name]
        calcinfo.retrieve_temporary_list = [(METRICS, ".", 0), MODEL, (f"{FOLDER}/last.ckpt", ".", 0)]
        return record_cost(calcinfo)

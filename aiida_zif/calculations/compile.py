# SPDX-License-Identifier: MIT
"""`zif.compile`: a packaged model made into native code for the machine and device that will run it."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import Dict, Str, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.model import ZifModelData

COMPILED = "model.nequip.pt2"


class NequipCompileCalculation(CalcJob):
    """nequip-compile by AOTInductor, for the LAMMPS pair style of the model's architecture."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("model", valid_type=ZifModelData, validator=_validate_package, help="The portable package.")
        spec.input(
            "device",
            valid_type=Str,
            serializer=to_aiida_type,
            default=lambda: Str("cpu"),
            validator=_validate_device,
            help="`cpu` or `cuda`.",
        )
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.compile"
        options["output_filename"].default = "compile.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("compiled", valid_type=ZifModelData, required=False, help="The compiled form, for this machine only.")
        spec.output("results", valid_type=Dict, required=False, help="Versions, instruction set or GPU, cost.")
        declare(spec, "ERROR_NO_OUTPUT", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_COMPILE_FAILED")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Compile under a scratch folder of the job, so that no cache outlives it or serves another machine."""
        model = self.inputs.model
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [
            model.job_filename, COMPILED, "--mode", "aotinductor", "--device", self.inputs.device.value,
            "--target", f"pair_{model.architecture}",
        ]  # fmt: skip
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(model.uuid, model.filename, model.job_filename)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [COMPILED]
        return record_cost(calcinfo)


def _validate_device(node: Any, _: Any) -> str | None:
    return None if node.value in ("cpu", "cuda") else f"the device is {node.value!r}, but must be cpu or cuda"


def _validate_package(model: Any, _: Any) -> str | None:
    if model is not None and model.form != "package":
        return f"only a portable package (.nequip.zip) is compiled, but this model is {model.form}"
    return None

# SPDX-License-Identifier: MIT
"""`zif.compile`: a packaged model made into native code for the machine and device that will run it, and checked there."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import AbstractCode, Dict, Str, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.dataset import ZifDatasetData
from aiida_zif.data.model import ZifModelData
from aiida_zif.formats import extxyz

COMPILED: dict[str, str] = {"pair_nequip": "model.nequip.pt2", "pair_allegro": "model.nequip.pt2", "mliap": "model.nequip.lmp.pt"}
"""By target: the file that it makes."""
PROGRAMS: dict[str, str] = {"pair_nequip": "nequip-compile", "pair_allegro": "nequip-compile", "mliap": "nequip-prepare-lmp-mliap"}
"""By target: what makes it."""
FRAMES, CHECK, CHECK_OUTPUT = "frames.xyz", "check.json", "check.out"


class NequipCompileCalculation(CalcJob):
    """Compile for a LAMMPS pair style by AOTInductor, or prepare for LAMMPS ML-IAP; with ``check_code`` and ``dataset`` what fails its
    checks does not leave the job.
    """

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
        spec.input(
            "target", valid_type=Str, required=False, serializer=to_aiida_type, validator=_validate_target,
            help="`pair_nequip`, `pair_allegro` or `mliap`; the pair style of the model's architecture if not given.",
        )  # fmt: skip
        spec.input("check_code", valid_type=AbstractCode, required=False, help="zif-check, on the same computer.")
        spec.input("dataset", valid_type=ZifDatasetData, required=False, help="Whose validation frames the model is checked on.")
        common = spec.inputs.validator
        spec.inputs.validator = lambda inputs, port: common(inputs, port) or _validate_inputs(inputs)
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.compile"
        options["output_filename"].default = "compile.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("compiled", valid_type=ZifModelData, required=False, help="The compiled form, for this machine only.")
        spec.output("results", valid_type=Dict, required=False, help="Versions, instruction set or GPU, every check, cost.")
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_COMPILE_FAILED", "ERROR_MODEL_UNCHECKED",
            "ERROR_COMPILED_MODEL_WRONG",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Compile, then check in the same job: what it was made for is the machine it is checked on."""
        model, target = self.inputs.model, target_of(self.inputs)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [model.job_filename, COMPILED[target]]
        if target != "mliap":
            code.cmdline_params += ["--mode", "aotinductor", "--device", self.inputs.device.value, "--target", target]
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(model.uuid, model.filename, model.job_filename)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [COMPILED[target]]
        if "check_code" in self.inputs:
            with folder.open(FRAMES, "w") as handle:
                extxyz.write(handle, self.inputs.dataset.sample("validation"))
            check = CodeInfo()
            check.code_uuid = self.inputs.check_code.uuid
            check.cmdline_params = [model.job_filename, COMPILED[target], FRAMES, "--output", CHECK]
            check.stdout_name = CHECK_OUTPUT
            check.join_files = True
            calcinfo.codes_info.append(check)
            calcinfo.codes_run_mode = CodeRunMode.SERIAL
            calcinfo.provenance_exclude_list = [FRAMES]
            calcinfo.retrieve_list.append(CHECK_OUTPUT)
            calcinfo.retrieve_temporary_list.append(CHECK)
        return record_cost(calcinfo)


def target_of(inputs: Any) -> str:
    """Return what is compiled for: the ``target`` given, else the pair style of the model's architecture."""
    return str(inputs["target"].value) if "target" in inputs else f"pair_{inputs['model'].architecture}"


def _validate_device(node: Any, _: Any) -> str | None:
    return None if node.value in ("cpu", "cuda") else f"the device is {node.value!r}, but must be cpu or cuda"


def _validate_target(node: Any, _: Any) -> str | None:
    if node is not None and node.value not in COMPILED:
        return f"the target is {node.value!r}, but must be one of {', '.join(COMPILED)}"
    return None


def _validate_package(model: Any, _: Any) -> str | None:
    if model is not None and model.form != "package":
        return f"only a portable package (.nequip.zip) is compiled, but this model is {model.form}"
    return None


def _validate_inputs(inputs: Any) -> str | None:
    """Refuse a target of another architecture, a program of another target, and half of what a check needs."""
    if "model" not in inputs or "code" not in inputs:
        return None
    target, architecture = target_of(inputs), inputs["model"].architecture
    if target not in (f"pair_{architecture}", "mliap"):
        return f"the model is of the architecture {architecture}, which {target} does not run: the target is pair_{architecture} or mliap"
    program = PurePath(str(getattr(inputs["code"], "filepath_executable", ""))).name
    if program in PROGRAMS.values() and program != PROGRAMS[target]:
        return f"the target {target} is made by {PROGRAMS[target]}, but the code is {program}"
    if ("check_code" in inputs) != ("dataset" in inputs):
        return "a check needs both: check_code, which does it, and dataset, whose frames it is done on; give the other, too, or neither"
    if "dataset" in inputs and (unknown := sorted(set(inputs["dataset"].elements) - set(inputs["model"].type_names))):
        return f"the model does not know {', '.join(unknown)}, which the dataset holds: give the dataset that it was trained on"
    return None

# SPDX-License-Identifier: MIT
"""`zif.collect`: a CP2K run, finished or dead, becomes one trajectory file where it lies; only that travels."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import CalcJobNode, Dict, Int, ProcessNode, RemoteData, Str, to_aiida_type

from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.cp2k_run import AimdRun
from aiida_zif.formats.lammps_data import standard_masses

TRAJECTORY, FACTS = ZifTrajectoryData.FILENAME, "collect.json"


def inputs_of(job: CalcJobNode) -> dict[str, Any]:
    """Return the inputs by which what a `zif.aimd` job left, whatever ended it, is collected; ``code`` is to be added.

    Raises ``ValueError`` where it left no folder.
    """
    if "remote_folder" not in job.outputs:
        raise ValueError(f"job {job.pk} has no remote folder: it never reached the machine")
    inputs: dict[str, Any] = {"folder": job.outputs.remote_folder}
    if "run" not in job.inputs:
        return inputs
    inputs["run"] = job.inputs.run
    if part := {
        name: job.inputs[port].value for name, port in (("first_step", "finished_steps"), ("last_step", "last_step")) if port in job.inputs
    }:
        inputs["run"] = Dict({**job.inputs.run.get_dict(), **part})
    if "structure" in job.inputs:
        elements = sorted({kind.symbol for kind in job.inputs.structure.kinds})
        hydrogen = _complete(job.inputs.run.get_dict()).hydrogen_mass_amu
        inputs["masses"] = Dict({**standard_masses(elements), "H": hydrogen})
    return inputs


def facts_of_run(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the settings of a run say about its trajectory, under the names that the node gives it.

    ``run`` is that of `zif.aimd` or a part of it, since a run made elsewhere may not be known that well. Raises ``ValueError`` with one
    sentence for a setting that there is not or that cannot be.
    """
    _complete(run)
    names = {
        "timestep_fs": "timestep_fs", "temperature_k": "asked_temperature_k", "method": "method", "equilibration_steps": "first_used_step",
    }  # fmt: skip
    return {"kind": "aimd", **{names[name]: run[name] for name in names if name in run}}


def asked_step(run: dict[str, Any]) -> int | None:
    """Return the step at which the run should have ended, ``None`` where nobody knows."""
    return _complete(run).end if "steps" in run else None


def _complete(run: dict[str, Any]) -> AimdRun:
    return AimdRun.from_dict({"temperature_k": 300.0, "steps": 2**53, "seed": 1, **run})


class Cp2kCollectCalculation(CalcJob):
    """zif-collect on the folder of a CP2K run: trajectory and facts come home, its text does not."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("folder", valid_type=RemoteData, validator=_validate_folder, help="Of the run, which may have been killed.")
        spec.input(
            "run", valid_type=Dict, serializer=to_aiida_type, required=False, validator=_validate_run,
            help="Settings of the run, as far as they are known: those of `zif.aimd`.",
        )  # fmt: skip
        spec.input(
            "masses", valid_type=Dict, serializer=to_aiida_type, required=False, validator=_validate_masses,
            help="By element, amu, those of the run; else those that CP2K printed with four decimals.",
        )  # fmt: skip
        spec.input("project", valid_type=Str, serializer=to_aiida_type, default=lambda: Str("aiida"), help="CP2K's PROJECT.")
        spec.input("log", valid_type=Str, serializer=to_aiida_type, required=False, help="CP2K's main output; else found by its name.")
        spec.input(
            "position_stride", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(1), validator=_validate_stride,
            help="Positions, velocities and forces of every so manieth frame; cells, energies and stresses of all.",
        )  # fmt: skip
        spec.inputs.validator = _validate_inputs
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.collect"
        options["output_filename"].default = "collect.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False, help="Every whole frame.")
        spec.output("output_parameters", valid_type=Dict, required=False, help="What the run says of itself, and what collecting cost.")
        spec.default_output_node = "output_parameters"
        declare(
            spec, "ERROR_INPUT_REFUSED", "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY",
            "ERROR_INTERRUPTED", "ERROR_LABELS_NOT_CONVERGED",
        )  # fmt: skip

    @classmethod
    def is_valid_cache(cls, node: ProcessNode) -> bool:
        """A run that had not ended by itself may go on in the same folder: what was collected of it never answers a later request."""
        if not super().is_valid_cache(node) or "output_parameters" not in node.outputs:
            return False
        return bool(node.outputs.output_parameters.get("reason_ended") == "finished")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Only the command line: the run is read where it lies."""
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ["--run-folder", self.inputs.folder.get_remote_path(), "--project", self.inputs.project.value]
        if "log" in self.inputs:
            code.cmdline_params += ["--log", self.inputs.log.value]
        for symbol, mass in sorted(self.inputs.masses.get_dict().items() if "masses" in self.inputs else ()):
            code.cmdline_params += ["--mass", f"{symbol}={float(mass)!r}"]
        code.cmdline_params += ["--out", TRAJECTORY, "--facts", FACTS, "--position-stride", str(self.inputs.position_stride.value)]
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [TRAJECTORY, FACTS]
        return record_cost(calcinfo)


def _validate_folder(node: Any, _: Any) -> str | None:
    if node.is_cleaned:
        return f"the remote folder {node.pk} was cleaned: there is nothing left to collect"
    return None


def _validate_run(node: Any, _: Any) -> str | None:
    if node is None:
        return None
    try:
        facts_of_run(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def _validate_masses(node: Any, _: Any) -> str | None:
    for symbol, mass in (node.get_dict() if node is not None else {}).items():
        if not symbol.isalpha() or not isinstance(mass, int | float) or not 0 < mass < float("inf"):
            return f"the mass of {symbol!r} is {mass!r}; give a number above 0 for each element, amu"
    return None


def _validate_stride(node: Any, _: Any) -> str | None:
    return None if node.value >= 1 else f"the stride of positions is {node.value}; give 1 to keep all, or more"


def _validate_inputs(inputs: Any, _: Any) -> str | None:
    here, there = inputs["code"].computer, inputs["folder"].computer
    if here is not None and there is not None and here.uuid != there.uuid:
        return f"the run lies on {there.label}, but the code is on {here.label}: collect with a code of the machine where it lies"
    return None

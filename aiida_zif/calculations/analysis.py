# SPDX-License-Identifier: MIT
"""`zif.analysis`: the structural analysis of a long or large trajectory, by a job instead of a process of the daemon."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob
from aiida.orm import ArrayData, Dict, StructureData, to_aiida_type

from aiida_zif.calculations.functions.analysis import job_of
from aiida_zif.calculations.job import record_cost
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import analysis_run


class ZifAnalysisCalculation(CalcJob):
    """zif-analysis: density, g(r) and free energies, coordination, angles, linkers, rings, pores, displacements, scattering."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.input("reference", valid_type=StructureData, help="Where the linkers are whole.")
        spec.input("trajectory", valid_type=ZifTrajectoryData, help="The frames to analyse.")
        spec.input(
            "parameters", valid_type=Dict, serializer=to_aiida_type, validator=validate_parameters, default=lambda: Dict({}),
            help="`first_step`, `last_step`, Zn–N criterion, bins, strides, depth: the fields of `science.analysis.Plan`.",
        )  # fmt: skip
        spec.inputs.validator = validate_atoms
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.analysis"
        options["output_filename"].default = "analysis.out"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("summary", valid_type=Dict, required=False, help="Numbers with error bars; under `missing` why others are not there.")
        spec.output("curves", valid_type=ArrayData, required=False, help="Distributions and series, with units.")
        spec.output("cost", valid_type=Dict, required=False, help="Versions, host, memory, wall and core seconds.")
        spec.default_output_node = "summary"
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_ANALYSIS_REFUSED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_DISK_FULL",
            "ERROR_INTERRUPTED",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """The trajectory's one file, which the daemon does not read, and the linkers found in the reference."""
        given = self.inputs
        with folder.open(analysis_run.JOB, "w") as handle:
            handle.write(analysis_run.render(job_of(given.reference, given.parameters.get_dict())))
        code = CodeInfo()
        code.code_uuid = given.code.uuid
        code.cmdline_params = [ZifTrajectoryData.FILENAME, analysis_run.JOB]
        code.stdout_name = self.metadata.options.output_filename
        code.join_files = True
        calcinfo = CalcInfo()
        calcinfo.codes_info = [code]
        calcinfo.local_copy_list = [(given.trajectory.uuid, given.trajectory.filename, ZifTrajectoryData.FILENAME)]
        calcinfo.retrieve_list = [code.stdout_name]
        calcinfo.retrieve_temporary_list = [analysis_run.SUMMARY, analysis_run.CURVES]
        return record_cost(calcinfo)


def validate_parameters(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the parameters."""
    try:
        analysis_run.parameters_of(node.get_dict() if node is not None else {})
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def validate_atoms(given: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the reference, or that the trajectory has other atoms."""
    if not {"reference", "trajectory"} <= set(given):
        return None
    parameters = given["parameters" if "parameters" in given else "run"].get_dict() if {"parameters", "run"} & set(given) else {}
    try:
        job = job_of(given["reference"], parameters)
    except (ValueError, TypeError) as problem:
        return str(problem)
    with given["trajectory"].h5md() as file:
        if file.species != job.topology.species:
            return "the trajectory has other atoms, or another order of atoms, than the reference; give that of the same run"
    return None

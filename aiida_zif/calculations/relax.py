# SPDX-License-Identifier: MIT
"""`zif.relax`: a relaxation of the atoms, or of atoms and cell, with CP2K."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.orm import Dict, StructureData, to_aiida_type
from aiida_cp2k.calculations import Cp2kCalculation

from aiida_zif.calculations.aimd import TRAJECTORY_FILES, validate_files
from aiida_zif.calculations.job import planned_walltime, record_cost, rendered, structure_arrays, validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_input


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a relaxation."""
    try:
        cp2k_input.RelaxRun.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


class Cp2kRelaxCalculation(Cp2kCalculation):
    """CP2K GEO_OPT or CELL_OPT of one structure; every step is printed."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs["parameters"].required = False
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, cell, optimizer, tolerances.")
        spec.inputs["file"].validator = validate_files
        spec.inputs["structure"].required = True
        spec.inputs["structure"].validator = validate_structure
        spec.inputs["metadata"]["options"]["parser_name"].default = "zif.relax"
        spec.inputs["metadata"]["options"]["withmpi"].default = False
        spec.inputs["metadata"]["options"]["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("structure", valid_type=StructureData, required=False, help="As far as it came: relaxed, or where to go on from.")
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False, help="Every step, with energies, forces, stresses.")
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED",
            "ERROR_DISK_FULL", "ERROR_NOT_RELAXED",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Render the input and let aiida-cp2k write it."""
        walltime = planned_walltime(self.metadata.options.get("max_wallclock_seconds"))
        run = replace(cp2k_input.RelaxRun.from_dict(self.inputs.run.get_dict()), walltime_s=walltime)
        tree = cp2k_input.relax(run, structure_arrays(self.inputs.structure)[0], own_files="file" in self.inputs)
        with rendered(self, parameters=Dict(tree)):
            calcinfo = super().prepare_for_submission(folder)
        calcinfo.retrieve_list = [self.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [*TRAJECTORY_FILES, self.metadata.options.output_filename]
        return record_cost(calcinfo)

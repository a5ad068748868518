# SPDX-License-Identifier: MIT
"""`zif.label`: energies and forces of given configurations, all in one CP2K job."""

from __future__ import annotations

from typing import Any

from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.orm import Dict, StructureData, to_aiida_type
from aiida_cp2k.calculations import Cp2kCalculation

from aiida_zif.calculations.aimd import TRAJECTORY_FILES, validate_files
from aiida_zif.calculations.job import planned_walltime, record_cost, rendered
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_input


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with the level of theory."""
    run = node.get_dict()
    if unknown := sorted(set(run) - {"method", "part", "parts"}):
        return f"a labelling has no setting {', '.join(unknown)}: allowed are method, part, parts"
    part, parts = run.get("part", 1), run.get("parts", 1)
    if not (isinstance(part, int) and isinstance(parts, int) and 1 <= part <= parts):
        return f"this is part {part!r} of {parts!r} of the frames, but parts are counted from 1"
    if run.get("method") not in cp2k_input.METHODS:
        return f"method is {run.get('method')!r}; choose from {', '.join(cp2k_input.METHODS)}"
    return None


def part_of(run: dict[str, Any], n_frames: int) -> range:
    """Return the indices of the frames that a job labels: part ``part`` of ``parts`` parts of nearly equal length."""
    part, parts = run.get("part", 1), run.get("parts", 1)
    return range((part - 1) * n_frames // parts, part * n_frames // parts)


class Cp2kLabelCalculation(Cp2kCalculation):
    """Single points along a list of frames (CP2K's REFTRAJ); a frame whose SCF does not converge is left out."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs["parameters"].required = False
        spec.input("frames", valid_type=ZifTrajectoryData, help="The configurations; only species, positions and cells are used.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="`method`, and which `part` of `parts`.")
        spec.inputs["file"].validator = validate_files
        spec.inputs["metadata"]["options"]["parser_name"].default = "zif.label"
        spec.inputs["metadata"]["options"]["withmpi"].default = False
        spec.inputs["metadata"]["options"]["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False, help="The frames whose labels converged.")
        declare(spec, "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the frames as a reference trajectory and let aiida-cp2k write the input."""
        run = self.inputs.run.get_dict()
        wanted = part_of(run, self.inputs.frames.n_frames)
        frames = self.inputs.frames.frames(slice(wanted.start, wanted.stop), fields=("positions", "cells"))
        xyz, cells = self._DEFAULT_INPUT_TRAJECT_XYZ_FILE_NAME, self._DEFAULT_INPUT_CELL_FILE_NAME
        with folder.open(xyz, "w") as positions_file, folder.open(cells, "w") as cells_file:
            cp2k_input.write_reftraj(frames, positions_file, cells_file)
        first = StructureData(cell=frames.cells[0].tolist())
        for symbol, position in zip(frames.species, frames.positions[0], strict=True):
            first.append_atom(symbols=symbol, position=position.tolist())
        walltime = planned_walltime(self.metadata.options.get("max_wallclock_seconds"))
        own_files = "file" in self.inputs
        tree = cp2k_input.label(len(frames), xyz, cells, run["method"], frames.species, walltime_s=walltime, own_files=own_files)
        with rendered(self, parameters=Dict(tree), structure=first):
            calcinfo = super().prepare_for_submission(folder)
        calcinfo.retrieve_list = [self.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [*TRAJECTORY_FILES, self.metadata.options.output_filename]
        calcinfo.provenance_exclude_list = [xyz, cells]
        return record_cost(calcinfo)

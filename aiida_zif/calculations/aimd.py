# SPDX-License-Identifier: MIT
"""`zif.aimd`: a segment of ab initio molecular dynamics with CP2K."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.orm import Dict, Int, SinglefileData, to_aiida_type
from aiida_cp2k.calculations import Cp2kCalculation

from aiida_zif.calculations.job import RESTART, planned_walltime, record_cost, rendered, structure_arrays, validate_structure
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import cp2k_input
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science import velocities

TRAJECTORY_FILES: tuple[str, ...] = (
    "aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida-vel-1.xyz", "aiida-1.cell", "aiida-1.stress", "aiida-1.ener",
)  # fmt: skip


RESTART_FILES: tuple[str, ...] = ("aiida-1.restart", "aiida-1.restart.bak-1")
"""The newest and the one before: a job killed while it writes leaves the first one cut."""


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with an AIMD run."""
    try:
        cp2k_input.AimdRun.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Say what is wrong between the inputs: structure, restart and the steps said to be done."""
    steps, done = inputs["run"]["steps"], inputs["finished_steps"].value
    if done and "restart" not in inputs:
        return f"{done} steps are said to be finished, but there is no restart file to go on from"
    if not 0 <= done < steps:
        return f"{done} steps are said to be finished of {steps}: nothing is left to run"
    return None


class Cp2kAimdCalculation(Cp2kCalculation):
    """CP2K Quickstep molecular dynamics of one structure at one temperature; every step is printed."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs["parameters"].required = False
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, temperature, steps, seed.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Restart file of the segment before.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.inputs["structure"].required = True
        spec.inputs["structure"].validator = validate_structure
        spec.inputs.validator = validate_inputs
        spec.inputs["metadata"]["options"]["parser_name"].default = "zif.aimd"
        spec.inputs["metadata"]["options"]["withmpi"].default = False
        spec.inputs["metadata"]["options"]["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False, help="Frames with energies, forces, virial stresses.")
        spec.output("restart", valid_type=SinglefileData, required=False, help="What the next segment continues from.")
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED",
            "ERROR_LABELS_NOT_CONVERGED",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Render the input and let aiida-cp2k write it."""
        walltime = planned_walltime(self.metadata.options.get("max_wallclock_seconds"))
        done = {"walltime_s": walltime, "first_step": self.inputs.finished_steps.value}
        run = replace(cp2k_input.AimdRun.from_dict(self.inputs.run.get_dict()), **done)
        species, _, _ = structure_arrays(self.inputs.structure)
        restart = self.inputs.get("restart")
        start = None
        if restart is None:
            standard = {**standard_masses(species), "H": run.hydrogen_mass_amu}
            masses = np.array([standard[symbol] for symbol in species])
            start = velocities.draw(masses, run.velocity_factor * run.temperature_k, np.random.default_rng(run.seed))
        tree = cp2k_input.aimd(run, species, velocities=start, restart_file=RESTART if restart is not None else None)
        with rendered(self, parameters=Dict(tree)):
            calcinfo = super().prepare_for_submission(folder)
        if restart is not None:
            calcinfo.local_copy_list = [*(calcinfo.local_copy_list or []), (restart.uuid, restart.filename, RESTART)]
        calcinfo.retrieve_list = [self.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [*TRAJECTORY_FILES, *RESTART_FILES, self.metadata.options.output_filename]
        return record_cost(calcinfo)

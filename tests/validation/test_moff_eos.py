# SPDX-License-Identifier: MIT
"""ZIF-4 with MOF-FF, a classical force field in `real` units, through the chain that models go through: P(V) at 300 K."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict, Int, StructureData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.data.force_field import ZifForceFieldData
from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3
from aiida_zif.workchains.eos import EquationOfStateWorkChain

RUN = {
    "temperature_k": 300.0, "order": 2, "timestep_fs": 1.0, "hydrogen_mass_amu": 2.014101777, "dump_fs": 500.0, "thermo_fs": 10.0,
    "temperature_damping_fs": 100.0, "pressure_damping_fs": 1000.0,
}  # fmt: skip
K_GPA, K_ERROR_GPA, DENSITY = 1.64, 0.12, 1.212
"""By hand with plain LAMMPS, seven volumes of 12 ps: an independent run of the same force field."""


@pytest.fixture
def moff(shared_data: Path, aiida_profile: Any) -> ZifForceFieldData:
    """The published input, its unused sub-styles left out."""
    return ZifForceFieldData.from_lammps_input(shared_data / "moff" / "ZIF-4_supercell111.in")


def crystal_at(density: float, moff: ZifForceFieldData) -> StructureData:
    """Return the crystal of the force field, scaled to ``density``, g/cm³, with hydrogen of its own mass."""
    topology = moff.topology
    assert topology is not None
    mass = float(topology.masses[topology.types - 1].sum())
    scale = (mass / abs(np.linalg.det(topology.cell)) * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3 / density) ** (1 / 3)
    return to_structure(topology.species(moff.type_names), topology.positions * scale, topology.cell * scale)


def equation_of_state(moff: ZifForceFieldData, folder: Path, **plan: Any) -> Any:
    """Run the chain and return its node."""
    from aiida_zif.cli import profile

    codes = profile.make_codes(profile.make_computer(folder))
    builder = EquationOfStateWorkChain.get_builder()
    builder.codes = {"lammps": codes["lammps"]}
    builder.structure, builder.potential, builder.seed = crystal_at(DENSITY, moff), moff, Int(1)
    builder.run = Dict({**RUN, **plan})
    return run_get_node(builder)[1]


@pytest.mark.long
def test_moff_gives_the_bulk_modulus_known(moff: ZifForceFieldData, tmp_path: Path) -> None:
    """K₀ within two standard errors of both runs of 1.64 GPa, ρ₀ within 2 % of 1.21 g/cm³; the numbers are printed."""
    factors = [0.96, 0.98, 1.0, 1.02, 1.04]
    node = equation_of_state(moff, tmp_path, volume_factors=factors, deform_ps=0.3, equilibrate_ps=1.2, production_ps=6.0)
    found = node.outputs.equation_of_state.get_dict() if "equation_of_state" in node.outputs else {}
    print(node.exit_status, node.exit_message, found)
    assert node.is_finished_ok, node.exit_message
    modulus, error = found["bulk_modulus_gpa"]
    assert abs(modulus - K_GPA) < 2 * np.hypot(error, K_ERROR_GPA)
    assert found["density_0_g_per_cm3"][0] == pytest.approx(DENSITY, rel=0.02)


def test_moff_goes_through_the_chain(moff: ZifForceFieldData, tmp_path: Path) -> None:
    """Three volumes, too short for a modulus: the pressure falls with the volume, whole linkers, units of ours."""
    node = equation_of_state(moff, tmp_path, volume_factors=[0.9, 1.0, 1.1], deform_ps=0.03, equilibrate_ps=0.03, production_ps=0.06)
    assert node.called[0].is_finished_ok, node.called[0].exit_message
    thermo = node.called[0].outputs.thermo
    stages, names = thermo.get_array("stage"), thermo.base.attributes.get("stages")
    of = [stages == names.index(f"production_{k}") for k in range(3)]
    pressures = [thermo.get_array("pressure")[rows].mean() for rows in of]
    assert pressures[0] > pressures[1] > pressures[2]

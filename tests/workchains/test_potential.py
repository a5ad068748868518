# SPDX-License-Identifier: MIT
"""What a job would refuse of potential, structure and machine is refused by the chain, before it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.orm import Dict, Int, StructureData

from aiida_zif.data.force_field import ZifForceFieldData
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.workchains.eos import EquationOfStateWorkChain
from aiida_zif.workchains.md import MdWorkChain

HOLD = {"kind": "hold", "label": "hold", "steps": 40, "temperature_k": 300.0}
EOS = {
    "temperature_k": 300.0, "volume_factors": [0.96, 1.0, 1.04], "deform_ps": 0.1, "equilibrate_ps": 0.1, "production_ps": 0.1, "order": 2,
    "timestep_fs": 0.5, "hydrogen_mass_amu": 1.008, "dump_fs": 50.0, "thermo_fs": 5.0, "temperature_damping_fs": 50.0,
    "pressure_damping_fs": 500.0,
}  # fmt: skip


@pytest.fixture
def inputs(codes: dict[str, Any], crystal: Any, make_compiled: Callable[..., Any]) -> dict[str, Any]:
    given = {"codes": {"lammps": codes["lammps"]}, "structure": crystal, "reference": crystal, "potential": make_compiled()}
    return {**given, "run": Dict({"stages": [HOLD], "seed": 3})}


def test_more_ranks_than_a_pair_style_has_are_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_compiled: Callable[..., Any]
) -> None:
    """NequIP's own pair style has one rank; the options of the chain ask for two."""
    cuda = make_compiled(AOTI_DEVICE_KEY="cuda")
    sentence = refusal(MdWorkChain, **{**inputs, "potential": cuda, "options": Dict({"gpus": 2, "withmpi": True})})
    assert "pair_style nequip runs on one rank" in sentence


def test_overlapping_atoms_are_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """Two atoms on one another, seen across the edge of the cell."""
    atoms = inputs["structure"].get_ase()
    atoms.positions[5] = atoms.positions[0] + atoms.cell[0] + [0.0, 0.0, 0.3]
    torn = StructureData(ase=atoms)
    assert "0.30 Å apart" in refusal(MdWorkChain, **{**inputs, "structure": torn})


def test_force_field_of_other_elements_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """A chain that plans its own MD says it, too, instead of failing in its first job."""
    commands = (("pair_style", "lj/cut", "6.0"), ("pair_coeff", "*", "*", "0.01", "3.4"))
    argon = ZifForceFieldData.from_force_field(ForceField("metal", "atomic", ("Ar",), commands))
    given = {**inputs, "potential": argon, "run": Dict(EOS), "seed": Int(1)}
    assert "the potential knows Ar, but the structure holds C, H, N, Zn" in refusal(EquationOfStateWorkChain, **given)

# SPDX-License-Identifier: MIT
"""Pore volumes where they are known, by the real Zeo++."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_masses, chemical_symbols

from aiida_zif.science import pores
from aiida_zif.science.units import AVOGADRO_PER_MOL

needs_zeo = pytest.mark.skipif(not pores.available(), reason=pores.MISSING)


def volume(atoms: Atoms, **words) -> pores.Pores:
    return pores.pore_volume(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:], atoms.get_masses(), **words)


@needs_zeo
def test_around_one_atom_everything_is_free_but_its_sphere():
    """A zinc in a skewed cell of 1000 Å³: all but a sphere of its radius and the probe's, within the error of the points."""
    cell = np.array([[10.0, 0, 0], [3.0, 10.0, 0], [-2.0, 1.0, 10.0]])
    found = volume(Atoms("Zn", positions=[[1.0, 2.0, 3.0]], cell=cell, pbc=True))
    free = 1000.0 - 4 * np.pi / 3 * (pores.RADII["Zn"] + 1.2) ** 3
    expected = free * 1e-24 / (atomic_masses[chemical_symbols.index("Zn")] / AVOGADRO_PER_MOL) * 1e3
    assert found.total == pytest.approx(expected, rel=0.01)
    assert found.accessible == found.total


@needs_zeo
def test_zif4_has_pores_of_53_cm3_per_kg(shared_data, capfd):
    """The published crystal, from one cell and wherever its origin is, and nothing of Zeo++ is seen."""
    with pytest.warns(UserWarning, match="triclinic"):
        atoms = ase.io.read(shared_data / "lewis2009" / "ZIF-4.cif")
    assert volume(atoms).total == pytest.approx(53.05, abs=0.05)
    atoms.positions += [3.0, -20.0, 7.0]
    assert volume(atoms).total == pytest.approx(53.05, rel=0.03)
    assert capfd.readouterr() == ("", "")


def test_what_has_no_pore_volume_is_refused(dia34):
    """No radius, no probe, no number: one sentence."""
    with pytest.raises(ValueError, match="radius of Xe"):
        volume(Atoms("Xe", positions=[[0, 0, 0]], cell=np.eye(3) * 9))
    with pytest.raises(ValueError, match="positive radius"):
        volume(dia34, probe=0.0)
    moved = dia34.copy()
    moved.positions[0] = np.nan
    with pytest.raises(ValueError, match="finite positions"):
        volume(moved)

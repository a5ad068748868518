# SPDX-License-Identifier: MIT
"""Rings of nets where they are known, and against matscipy's engine on a large enough supercell."""

from __future__ import annotations

import time

import ase.io
import numpy as np
import pytest
from matscipy.ffi import distances_on_graph, find_sp_rings

from aiida_zif.science import linkers, rings


def count(atoms) -> rings.Rings:
    topology = linkers.perceive(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])
    return rings.primitive_rings(topology, atoms.positions, atoms.cell[:])


def by_matscipy(net: rings.Net, n: int, longest: int) -> dict[int, float]:
    """Rings per cell of the net repeated n × n × n: exact where no way around the supercell is shorter than a ring."""
    grid = np.array(list(np.ndindex(n, n, n)))
    number = grid @ [n * n, n, 1] * net.n
    first, second, vectors = [], [], []
    for zinc, linker, *shift in net.edges.tolist():
        other = (grid + shift) % n @ [n * n, n, 1] * net.n
        first += [number + zinc, other + linker]
        second += [other + linker, number + zinc]
        vectors += [np.repeat([shift], n**3, axis=0), np.repeat([[-step for step in shift]], n**3, axis=0)]
    i, j, d = np.concatenate(first), np.concatenate(second), np.concatenate(vectors)
    order = np.argsort(i, kind="stable")
    i, j = i[order].astype(np.int32), j[order].astype(np.int32)
    # its own limit is exclusive
    found = find_sp_rings(i, j, np.ascontiguousarray(d[order], dtype=float), distances_on_graph(i, j), longest + 2)
    return {size: amount / n**3 for size, amount in enumerate(found[: longest + 1]) if amount}


def test_diamond_has_two_rings_of_six_zinc_per_zinc(dia34):
    """Two zinc, four rings of twelve nodes in the primitive cell."""
    assert count(dia34).per_cell == {12: 4.0}
    assert count(dia34).per_node == {12: 2.0}


def test_a_supercell_has_as_many_rings_per_zinc(dia272, dia34):
    """Rings are those of the infinite net, whatever the cell."""
    assert count(dia272).per_node == count(dia34).per_node


@pytest.fixture(scope="module")
def crystal(shared_data):
    with pytest.warns(UserWarning, match="triclinic"):
        return ase.io.read(shared_data / "lewis2009" / "ZIF-4.cif")


@pytest.mark.parametrize("n", [1, 2, 3])
def test_rings_of_zif4(crystal, n):
    """{8: 4, 12: 16, 16: 32} in the published cell and nothing else to 32, whether it is given once, 2 × 2 × 2 or 3 × 3 × 3."""
    assert count(crystal * (n, n, n)).per_cell == {8: 4.0 * n**3, 12: 16.0 * n**3, 16: 32.0 * n**3}


def test_two_thousand_atoms_take_less_than_a_second(crystal):
    """ZIF-4 2 × 2 × 2 to depth 32: 0.13 s of CPU."""
    atoms = crystal * (2, 2, 2)
    topology = linkers.perceive(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])
    start = time.process_time()
    rings.primitive_rings(topology, atoms.positions, atoms.cell[:])
    assert time.process_time() - start < 1.0


def test_rings_of_sodalite(shared_data):
    """Per cell of six zinc three rings of four, four of six and, around the cages, sixteen of twelve; matscipy finds the same."""
    with pytest.warns(UserWarning, match="triclinic"):
        atoms = ase.io.read(shared_data / "lewis2009" / "ZIF-8.cif")
    assert count(atoms).per_cell == {8: 3.0, 12: 4.0, 24: 16.0}
    topology = linkers.perceive(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])
    assert by_matscipy(rings.join(topology, atoms.positions, atoms.cell[:], 2.5), 2, 24) == {8: 3.0, 12: 4.0, 24: 16.0}


def test_rings_do_not_depend_on_wrapping(dia34):
    """Linkers cut by a wall, atoms in far images: the same rings."""
    shifts = np.random.default_rng(0).integers(-2, 3, (34, 3))
    moved = dia34.copy()
    moved.positions += shifts @ moved.cell[:] + [1.0, 2.0, 3.0]
    assert count(moved).per_cell == {12: 4.0}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_net_with_defects_has_the_rings_that_matscipy_finds(dia272, seed):
    """Some Zn–N bonds cut: other, larger rings, the same from both engines, matscipy's on 3 × 3 × 3 such cells."""
    rng = np.random.default_rng(seed)
    topology = linkers.perceive(dia272.get_chemical_symbols(), dia272.positions, dia272.cell[:])
    positions = dia272.positions.copy()
    for number in rng.choice(topology.n_linkers, 4, replace=False):
        atoms = np.flatnonzero(topology.linker_of == number)
        nitrogen = next(k for k in atoms if dia272.symbols[k] == "N")
        positions[nitrogen] += 0.8 * (linkers.unwrap(topology, positions, dia272.cell[:])[atoms].mean(axis=0) - positions[nitrogen])
    net = rings.join(topology, positions, dia272.cell[:], 2.5)
    ours = rings.primitive_rings(topology, positions, dia272.cell[:], depth=24)
    assert ours.per_cell == pytest.approx(by_matscipy(net, 3, 24))
    assert max(ours.per_cell) > 12


def test_a_framework_without_bonds_has_no_ring(dia34, dia34_topology):
    """All neighbours beyond the cutoff: nothing found, nothing raised."""
    assert rings.primitive_rings(dia34_topology, dia34.positions, dia34.cell[:], cutoff=0.5).per_cell == {}


def test_a_depth_that_makes_no_sense_is_refused(dia34, dia34_topology):
    """A ring has four nodes or more."""
    with pytest.raises(ValueError, match="from 4 to 120"):
        rings.primitive_rings(dia34_topology, dia34.positions, dia34.cell[:], depth=2)


@pytest.mark.parametrize("seed", [0, 1])
def test_linkers_of_three_zincs_are_nodes_like_others(dia272, seed):
    """A wide criterion joins linkers to more than two zincs: the same rings as from matscipy."""
    topology = linkers.perceive(dia272.get_chemical_symbols(), dia272.positions, dia272.cell[:])
    positions = dia272.positions + np.random.default_rng(seed).normal(scale=0.5, size=dia272.positions.shape)
    net = rings.join(topology, positions, dia272.cell[:], 5.5)
    assert np.bincount(net.edges[:, 1])[net.n_zinc :].max() > 2
    ours = rings.primitive_rings(topology, positions, dia272.cell[:], cutoff=5.5, depth=16)
    assert ours.per_cell == pytest.approx(by_matscipy(net, 3, 16))

# SPDX-License-Identifier: MIT
"""Linkers: found, watched, moved."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import permutations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_zif.science import linkers
from aiida_zif.science.frames import Frames
from aiida_zif.science.topology import misplaced


def perceive(atoms: Atoms) -> linkers.Topology:
    return linkers.perceive(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])


def bond_lengths(topology: linkers.Topology, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    i, j = topology.bonds.T
    atoms = Atoms(topology.species, positions=positions, cell=cell, pbc=True)
    return np.array([atoms.get_distance(a, b, mic=True) for a, b in zip(i, j, strict=True)])


def repeated(atoms: Atoms, n: int) -> Frames:
    return Frames(
        species=tuple(atoms.get_chemical_symbols()),
        positions=np.repeat(atoms.positions[None], n, axis=0),
        cells=np.repeat(atoms.cell[:][None], n, axis=0),
        steps=np.arange(n) * 100,
        temperatures=np.arange(n) * 10.0,
    )


def stretched(frames: Frames, topology: linkers.Topology, which: list[int], factor: float = 1.6) -> Frames:
    """The same frames, a C–H bond of linker 2 stretched in some of them."""
    bond = next(
        b for b in topology.bonds.tolist() if topology.linker_of[b[0]] == 2 and "H" in (topology.species[b[0]], topology.species[b[1]])
    )
    hydrogen, carbon = sorted(bond, key=lambda atom: topology.species[atom] != "H")
    positions = frames.positions.copy()
    way = linkers.unwrap(topology, positions[0], frames.cells[0])
    positions[which, hydrogen] += (factor - 1) * (way[hydrogen] - way[carbon])
    return replace(frames, positions=positions)


def test_the_crystal_is_two_zinc_and_four_imidazolates(dia34, dia34_topology):
    """Four linkers of eight atoms and eight bonds; zinc belongs to none."""
    assert dia34_topology.n_linkers == 4
    assert dia34_topology.bonds.shape == (32, 2)
    assert (dia34_topology.bonds[:, 0] < dia34_topology.bonds[:, 1]).all()
    assert np.bincount(dia34_topology.linker_of + 1).tolist() == [2, 8, 8, 8, 8]
    assert [dia34_topology.species[k] for k in np.flatnonzero(dia34_topology.linker_of < 0)] == ["Zn", "Zn"]


def test_zif4_is_sixteen_zinc_and_thirty_two_imidazolates(shared_data):
    """The published crystal of 272 atoms."""
    with pytest.warns(UserWarning, match="triclinic"):
        atoms = ase.io.read(shared_data / "lewis2009" / "ZIF-4.cif")
    assert perceive(atoms).n_linkers == 32


def test_the_sodalite_framework_is_understood_in_its_skewed_cell(shared_data):
    """The file called ZIF-8 has plain imidazolates in a primitive cell of 109°: 6 Zn, 12 linkers."""
    with pytest.warns(UserWarning, match="triclinic"):
        atoms = ase.io.read(shared_data / "lewis2009" / "ZIF-8.cif")
    assert perceive(atoms).n_linkers == 12


def test_a_methylimidazolate_is_refused_by_its_formula(dia34, dia34_topology):
    """One hydrogen replaced by a methyl group makes C4H5N2."""
    hydrogen = int(np.flatnonzero(dia34.numbers == 1)[0])
    carbon = next(sum(bond) - hydrogen for bond in dia34_topology.bonds.tolist() if hydrogen in bond)
    way = dia34.get_distance(carbon, hydrogen, vector=True, mic=True)
    way /= np.linalg.norm(way)
    side = np.cross(way, [0.1, 0.2, 1.0])
    side /= np.linalg.norm(side)
    methyl = dia34.positions[carbon] + 1.5 * way
    around = [np.cos(t) * side + np.sin(t) * np.cross(way, side) for t in np.radians([0, 120, 240])]
    changed = dia34[[k for k in range(34) if k != hydrogen]]
    changed += Atoms("CH3", positions=[methyl, *(methyl + 0.36 * way + 1.03 * one for one in around)])
    with pytest.raises(ValueError, match="1 × C4H5N2 besides"):
        perceive(changed)


def test_a_guest_is_refused_by_its_formula(dia272):
    """A water in a pore is named."""
    water = molecule("H2O")
    centre = Atoms("Zn" * 16, positions=dia272.positions[dia272.numbers == 30], cell=dia272.cell, pbc=True)
    points = np.random.default_rng(0).uniform(size=(3000, 3)) @ dia272.cell[:]
    probe = [centre.copy() + Atoms("X", positions=[point]) for point in points[:200]]
    far = max(probe, key=lambda one: one.get_distances(-1, range(16), mic=True).min()).positions[-1]
    water.positions += far - water.positions[0]
    with pytest.raises(ValueError, match="1 × H2O besides Zn and imidazolates"):
        perceive(without_contacts(dia272, water) + water)


def without_contacts(atoms: Atoms, guest: Atoms) -> Atoms:
    """The crystal without the linkers that the guest would touch."""
    topology = perceive(atoms)
    trial = atoms + guest
    near = {
        int(topology.linker_of[k])
        for g in range(len(atoms), len(trial))
        for k in np.flatnonzero(trial.get_distances(g, range(len(atoms)), mic=True) < 2.0)
    } - {-1}
    return atoms[[k for k in range(len(atoms)) if topology.linker_of[k] not in near]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a[[k for k in range(len(a)) if a.symbols[k] != "Zn"]], "holds no Zn"),
        (lambda a: a[[k for k in range(len(a)) if k != 3]], "C3H2N2"),
        (lambda a: a[a.numbers == 30], "holds no linker"),
        (lambda a: a + Atoms("Co", positions=[a.cell.sum(axis=0) * 0.37]), "1 × Co besides"),
    ],
)
def test_what_is_no_zinc_imidazolate_is_refused(dia34, change, words):
    """No zinc, a missing hydrogen, no linker, another metal: one sentence with what was given."""
    with pytest.raises(ValueError, match=words):
        perceive(change(dia34.copy()))


def test_an_unknown_element_is_refused():
    """A symbol that is none is named."""
    with pytest.raises(ValueError, match="Xx is no chemical element"):
        linkers.perceive(["Zn", "Xx"], np.zeros((2, 3)), np.eye(3) * 9)


def test_every_frame_at_600_kelvin_is_whole(zif4):
    """No linker of ZIF-4 is flagged at 600 K, by the topology of the first frame; less than 3 ms a frame."""
    topology = linkers.perceive(zif4.species, zif4.positions[0], zif4.cells[0])
    linkers.check(topology, zif4.positions[0], zif4.cells[0])
    start = time.process_time()
    report = linkers.watch(topology, zif4)
    assert (time.process_time() - start) / len(zif4) < 3e-3
    assert report.whole
    assert report.transients == 0
    assert (report.intact_share == 1).all()
    assert 0.8 < report.shortest_distance < 1.1


def test_a_long_bond_and_a_contact_are_named(dia34, dia34_topology):
    """The stretched C–H bond is the reason, and its linker the broken one."""
    frame = stretched(repeated(dia34, 1), dia34_topology, [0])
    found = linkers.check(dia34_topology, frame.positions[0], frame.cells[0])
    assert found.broken == (2,)
    assert "bond of 1.7" in found.reasons[0]
    assert set(dia34_topology.linker_of[list(found.pairs[0])]) == {2}


def test_a_contact_breaks_both_linkers(dia34, dia34_topology):
    """Two hydrogens of different linkers at 0.5 Å: both are broken, the shortest distance is told."""
    positions = dia34.positions.copy()
    hydrogens = [int(np.flatnonzero((dia34_topology.linker_of == k) & (dia34.numbers == 1))[0]) for k in (0, 1)]
    positions[hydrogens[1]] = positions[hydrogens[0]] + [0.5, 0, 0]
    found = linkers.check(dia34_topology, positions, dia34.cell[:])
    assert {0, 1} <= set(found.broken)
    assert found.shortest_distance == pytest.approx(0.5)


def test_positions_that_are_no_numbers_break_everything(dia34, dia34_topology):
    """An exploded run is no whole one, and raises nothing."""
    found = linkers.check(dia34_topology, np.full_like(dia34.positions, np.nan), dia34.cell[:])
    assert found.broken == (0, 1, 2, 3)
    assert np.isnan(found.shortest_distance)


def test_the_check_is_that_of_the_recipe(dia34_topology, dia34, shared_data):
    """Of the harvested frames, those are flagged that the criteria say, as computed by hand from all distances."""
    images = ase.io.read(shared_data / "demo_recipe" / "labels" / "al1a.xyz", index=":")
    limits = {"CC": 1.95, "CN": 1.90, "CH": 1.55}
    bonded = set(map(tuple, dia34_topology.bonds.tolist()))
    some = 0
    for image in images:
        distance = image.get_all_distances(mic=True)
        bad = set()
        for i in range(len(image)):
            for j in range(i + 1, len(image)):
                kinds = sorted((image.symbols[i], image.symbols[j]))
                if (i, j) in bonded:
                    wrong = distance[i, j] > limits["".join(kinds)]
                else:
                    limit = 1.65 if "H" not in kinds else 1.10 if kinds == ["H", "H"] else 1.35
                    limit = (1.45 if "H" in kinds else 1.55) if "Zn" in kinds else limit
                    wrong = distance[i, j] < limit
                if wrong:
                    bad |= {int(dia34_topology.linker_of[i]), int(dia34_topology.linker_of[j])} - {-1}
        assert set(linkers.check(dia34_topology, image.positions, image.cell[:]).broken) == bad
        some += bool(bad)
    assert 0 < some < len(images)


def test_one_frame_is_a_vibration_and_two_are_a_break(dia34, dia34_topology):
    """Frame 2 alone does not count; 5 and 6 do, and the break carries step and temperature of frame 5."""
    report = linkers.watch(dia34_topology, stretched(repeated(dia34, 9), dia34_topology, [2, 5, 6]))
    assert not report.whole
    assert report.transients == 1
    assert [(one.linker, one.frame, one.step, one.temperature) for one in report.breaks] == [(2, 5, 500, 50.0)]
    np.testing.assert_allclose(report.intact_share, [1, 1, 1, 1, 1, 0.75, 0.75, 1, 1])


def test_a_flag_in_the_last_frame_only_is_counted_apart(dia34, dia34_topology):
    """It is no break yet, but it is not kept quiet."""
    report = linkers.watch(dia34_topology, stretched(repeated(dia34, 4), dia34_topology, [3]))
    assert report.whole
    assert report.transients == 1


def test_a_single_frame_can_be_broken(dia34, dia34_topology):
    """One frame is all there is: it has to speak for itself."""
    assert not linkers.watch(dia34_topology, stretched(repeated(dia34, 1), dia34_topology, [0])).whole


def test_frames_of_other_atoms_are_refused(dia34_topology, dia272):
    """The topology belongs to one order of atoms."""
    with pytest.raises(ValueError, match="another order of atoms"):
        linkers.watch(dia34_topology, repeated(dia272, 1))


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_scaling_the_volume_leaves_the_linkers_rigid(dia34, dia34_topology, factor):
    """Volume and shape of the cell as asked, every C–H, C–N and C–C distance unchanged, Zn–Zn scaled."""
    positions, cell = linkers.scale_volume(dia34.get_chemical_symbols(), dia34.positions, dia34.cell[:], factor)
    assert np.linalg.det(cell) == pytest.approx(factor * dia34.get_volume())
    np.testing.assert_allclose(cell, dia34.cell[:] * factor ** (1 / 3))
    before = bond_lengths(dia34_topology, dia34.positions, dia34.cell[:])
    np.testing.assert_allclose(bond_lengths(dia34_topology, positions, cell), before, atol=1e-10)
    assert np.linalg.norm(positions[1] - positions[0]) == pytest.approx(dia34.get_distance(0, 1) * factor ** (1 / 3))
    if factor == 1.0:
        images = (positions - dia34.positions) @ np.linalg.inv(cell)
        np.testing.assert_allclose(images, np.round(images), atol=1e-9)


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan])
def test_a_volume_factor_that_is_none_is_refused(dia34, factor):
    """Zero, negative, not a number."""
    with pytest.raises(ValueError, match="positive number"):
        linkers.scale_volume(dia34.get_chemical_symbols(), dia34.positions, dia34.cell[:], factor)


def test_unwrapping_makes_linkers_whole_wherever_their_atoms_were_wrapped_to(dia34, dia34_topology):
    """Atoms thrown into random images come back into one piece, modulo the cell where they were."""
    shifts = np.random.default_rng(0).integers(-2, 3, (34, 3))
    whole = linkers.unwrap(dia34_topology, dia34.positions + shifts @ dia34.cell[:], dia34.cell[:])
    i, j = dia34_topology.bonds.T
    assert np.linalg.norm(whole[i] - whole[j], axis=1).max() < 1.65
    images = (whole - dia34.positions) @ np.linalg.inv(dia34.cell[:])
    np.testing.assert_allclose(images, np.round(images), atol=1e-9)


def test_finding_and_checking_do_not_depend_on_the_image(dia34, dia34_topology):
    """The topology of a wrapped and shifted crystal is the same."""
    moved = dia34.copy()
    moved.positions += [3.3, -1.2, 5.0]
    moved.wrap()
    other = perceive(moved)
    np.testing.assert_array_equal(other.bonds, dia34_topology.bonds)
    np.testing.assert_array_equal(other.linker_of, dia34_topology.linker_of)
    assert not linkers.check(dia34_topology, moved.positions, moved.cell[:]).broken


@pytest.mark.parametrize("names", list(permutations(["C", "H", "N", "Zn"])), ids="".join)
def test_symbols_in_another_order_are_told_by_their_neighbours(dia34, names):
    """Every exchange of elements, which energies and forces do not see; a broken linker among others is none."""
    swap = dict(zip(["C", "H", "N", "Zn"], names, strict=True))
    species = tuple(swap[symbol] for symbol in dia34.get_chemical_symbols())
    frames = Frames(species, dia34.positions[None].copy(), dia34.cell[:][None])
    found = misplaced(frames)
    assert (found is None) == (swap["C"] == "C" and swap["H"] == "H" and swap["N"] == "N")
    if found is None:
        frames.positions[0, 33] += 2.0
        assert misplaced(frames) is None
    else:
        assert "another order" in found


def test_other_elements_have_neighbours_of_their_own(dia34):
    """Nothing is said of a system that is no zinc imidazolate."""
    species = tuple("Cd" if symbol == "Zn" else symbol for symbol in dia34.get_chemical_symbols())
    assert misplaced(Frames(species[::-1], dia34.positions[None], dia34.cell[:][None])) is None

# SPDX-License-Identifier: MIT
"""Coordination numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_zif.science import coordination
from aiida_zif.science.frames import Frames


def frames_of(*images: Atoms) -> Frames:
    return Frames(
        species=tuple(images[0].get_chemical_symbols()),
        positions=np.stack([image.positions for image in images]),
        cells=np.stack([image.cell[:] for image in images]),
    )


def test_zinc_of_the_crystal_has_four_nitrogens(dia34):
    """Every zinc has four, in the small cell too, where they come through the walls."""
    found = coordination.coordination(frames_of(dia34, dia34))
    assert found.histogram == {4: 1.0}
    np.testing.assert_array_equal(found.mean, [4.0, 4.0])
    assert found.estimate.error == 0.0
    assert coordination.coordination(frames_of(dia34), "N", "Zn").histogram == {1: 1.0}


def test_pairs_are_those_of_ase(zif4):
    """The pairs of a hot frame equal ASE's neighbour list."""
    atoms = Atoms(zif4.species, positions=zif4.positions[-1], cell=zif4.cells[-1], pbc=True)
    i, j = neighbor_list("ij", atoms, {("Zn", "N"): 2.5})
    expected = {(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True) if zif4.species[a] == "Zn"}
    assert coordination.pairs(zif4.species, zif4.positions[-1], zif4.cells[-1]) == expected


def test_a_lost_neighbour_shows_in_mean_and_histogram(dia34):
    """One nitrogen moved far away: 4 and 3."""
    image = dia34.copy()
    zinc, nitrogen = next(iter(sorted(coordination.pairs(image.get_chemical_symbols(), image.positions, image.cell[:]))))
    image.positions[nitrogen] += 0.9 * image.get_distance(zinc, nitrogen, vector=True, mic=True)
    found = coordination.coordination(frames_of(image))
    assert found.mean.tolist() == [3.5]
    assert found.histogram == {3: 0.5, 4: 0.5}


def test_equal_elements_do_not_count_themselves():
    """Simple cubic: six neighbours, all of them images of the one atom."""
    frames = Frames(species=("Zn",), positions=np.zeros((1, 1, 3)), cells=np.eye(3)[None] * 2.4)
    assert coordination.coordination(frames, "Zn", "Zn").histogram == {6: 1.0}


def test_an_absent_element_or_no_frame_is_refused(dia34):
    """One sentence with what is there."""
    frames = frames_of(dia34)
    with pytest.raises(ValueError, match="no O among C, H, N, Zn"):
        coordination.coordination(frames, "Zn", "O")
    with pytest.raises(ValueError, match="one frame or more"):
        coordination.coordination(replace(frames, positions=frames.positions[:0], cells=frames.cells[:0]))


def test_a_unique_neighbour_counts_for_its_nearest_centre_only():
    """Two zincs with one nitrogen between them and one each behind: 2 and 2, or 2 and 1."""
    positions = np.array([[0, 0, 0], [4.0, 0, 0], [1.9, 0, 0], [-2.0, 0, 0], [6.0, 0, 0]])
    given = (("Zn", "Zn", "N", "N", "N"), positions, np.eye(3) * 20, "Zn", "N", 2.5)
    assert coordination.counts(*given).tolist() == [2, 2]
    assert coordination.counts(*given, unique=True).tolist() == [2, 1]

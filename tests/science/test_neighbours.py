# SPDX-License-Identifier: MIT
"""Neighbour lists against ASE's, which is slow and simple."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.science import neighbours


def sorted_rows(i, j, distance, vector):
    rows = np.column_stack([i, j, distance, vector])
    return rows[np.lexsort(np.round(rows, 6).T)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), cutoff=st.floats(0.5, 9.0))
def test_full_list_equals_ase_in_any_cell_and_beyond_half_the_box(seed, n, cutoff):
    """The full list has the pairs of ASE's, images of an atom itself included, atoms outside the cell included."""
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(3, 6, 3)) + np.tril(rng.uniform(-3, 3, (3, 3)), -1)
    positions = rng.uniform(-8, 8, (n, 3))
    ours = sorted_rows(*neighbours.pairs(positions, cell, cutoff))
    theirs = sorted_rows(*neighbor_list("ijdD", Atoms(positions=positions, cell=cell, pbc=True, numbers=np.ones(n)), cutoff))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours.sum(axis=0), theirs.sum(axis=0), atol=1e-6)
    np.testing.assert_allclose(np.sort(ours[:, 2]), np.sort(theirs[:, 2]), atol=1e-9)


def test_vectors_point_from_i_to_an_image_of_j():
    """Position of i plus the vector is an image of j, and the vector is as long as the distance."""
    rng = np.random.default_rng(1)
    cell = np.array([[6.0, 0, 0], [2.0, 5.0, 0], [-1.0, 2.0, 4.0]])
    positions = rng.uniform(-5, 5, (9, 3))
    i, j, distance, vector = neighbours.pairs(positions, cell, 7.0)
    images = (positions[i] + vector - positions[j]) @ np.linalg.inv(cell)
    np.testing.assert_allclose(images, np.round(images), atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(vector, axis=1), distance)


def test_pairs_between_two_sets_are_those_of_the_whole_list():
    """Two sets of atoms: the pairs of the full list that join them."""
    positions, cell = np.random.default_rng(2).uniform(-4, 9, (9, 3)), np.array([[5.0, 0, 0], [3.0, 4.0, 0], [1.0, -2.0, 6.0]])
    i, j, distance, _ = neighbours.pairs(positions, cell, 8.0)
    joining = (i < 4) & (j >= 4)
    found = neighbours.between(positions[:4], positions[4:], cell, 8.0)
    np.testing.assert_allclose(np.sort(found[2]), np.sort(distance[joining]))
    np.testing.assert_array_equal(np.bincount(found[0]), np.bincount(i[joining]))
    np.testing.assert_array_equal(np.bincount(found[1] + 4), np.bincount(j[joining]))


def test_atoms_at_the_same_place_are_neighbours():
    """A collapsed structure has a distance of zero; an atom and itself do not count."""
    i, j, distance, _ = neighbours.pairs(np.zeros((2, 3)), np.eye(3) * 5, 2.0)
    assert sorted(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1), (1, 0)]
    assert (distance == 0).all()


def test_no_atoms_have_no_neighbours():
    """Nothing in, nothing out."""
    assert len(neighbours.pairs(np.empty((0, 3)), np.eye(3), 2.0)[0]) == 0


@pytest.mark.parametrize(
    ("positions", "cell", "cutoff", "words"),
    [
        (np.full((1, 3), np.nan), np.eye(3), 1.0, "not a finite number"),
        (np.zeros((1, 3)), np.zeros((3, 3)), 1.0, "no volume"),
        (np.zeros((1, 3)), np.eye(3), 0.0, "positive length"),
        (np.zeros(3), np.eye(3), 1.0, "shape"),
    ],
)
def test_impossible_input_is_refused_in_a_sentence(positions, cell, cutoff, words):
    """What has no answer says so."""
    with pytest.raises(ValueError, match=words):
        neighbours.pairs(positions, cell, cutoff)

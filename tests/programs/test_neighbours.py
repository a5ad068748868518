# SPDX-License-Identifier: MIT
"""Neighbours: the remembered list against a second implementation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aiida_zif.programs.neighbours import NeighbourList, Pairs, with_ghosts

CUTOFF = 3.0


def as_set(index: NDArray[np.int64], shift: NDArray[np.int32]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.column_stack((index[0], index[1], shift)).tolist()))


def by_force(positions: NDArray[np.float64], cell: NDArray[np.float64], periodic: tuple[bool, bool, bool]) -> set[tuple[int, ...]]:
    """Return all pairs by trying every shift. matscipy 1.1 would miss some where an atom lies outside a non-periodic cell."""
    found = set()
    for shift in itertools.product(*(range(-7, 8) if along else (0,) for along in periodic)):
        near = np.linalg.norm(positions[None] + np.array(shift) @ cell - positions[:, None], axis=-1) < CUTOFF
        if not any(shift):
            np.fill_diagonal(near, False)
        found |= {(int(i), int(j), *shift) for i, j in np.argwhere(near)}
    return found


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_remembered_list_equals_a_fresh_one(seed: int, whole: bool) -> None:
    """Atoms walk, jump through the boundary and the cell is sheared: at each step the pairs are all there are."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 20))
    cell = np.diag(rng.uniform(2.5, 9.0, 3)) + np.tril(rng.uniform(-2.0, 2.0, (3, 3)), -1)
    positions = rng.random((n, 3)) @ cell
    periodic = (True, True, whole)
    found = NeighbourList(CUTOFF)
    for _ in range(6):
        pairs = found.pairs(positions, cell, periodic)
        assert as_set(pairs.index, pairs.shift) == by_force(positions, cell, periodic)
        assert pairs.index.shape[1] == len(as_set(pairs.index, pairs.shift))
        strain = np.eye(3) + rng.normal(0, 0.01, (3, 3))
        cell = cell @ strain
        positions = positions @ strain + rng.normal(0, 0.06, (n, 3))
        positions[0] += cell[1]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_ghosts_stand_where_the_shifts_point(seed: int) -> None:
    """Each pair keeps its distance vector, no ghost appears twice, none in the home cell."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 20))
    cell = np.diag(rng.uniform(1.5, 9.0, 3)) + np.tril(rng.uniform(-2.0, 2.0, (3, 3)), -1)
    positions = (rng.random((n, 3)) + rng.integers(-2, 3, (n, 3))) @ cell
    pairs = NeighbourList(CUTOFF).pairs(positions, cell)
    ghosts = with_ghosts(pairs, n)
    everywhere = np.concatenate((positions, positions[ghosts.owner] + ghosts.shift @ cell))
    by_shift = positions[pairs.index[1]] + pairs.shift @ cell
    assert everywhere[ghosts.index[1]] == pytest.approx(by_shift)
    images = set(map(tuple, np.column_stack((ghosts.owner, ghosts.shift)).tolist()))
    assert len(images) == len(ghosts.owner)
    assert ghosts.shift.any(axis=1).all()


def test_lonely_atom_has_no_pairs() -> None:
    """Nothing within the cutoff gives empty arrays of the right shape."""
    pairs = NeighbourList(CUTOFF).pairs(np.zeros((1, 3)), np.eye(3) * 50)
    assert pairs.index.shape == (2, 0)
    ghosts = with_ghosts(Pairs(pairs.index, pairs.shift), 1)
    assert len(ghosts.owner) == 0

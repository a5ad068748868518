# SPDX-License-Identifier: MIT
"""Angle distributions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms

from aiida_zif.science import angles
from aiida_zif.science.coordination import pairs
from aiida_zif.science.frames import Frames


def one_frame(species: str, positions: list[list[float]], edge: float = 20.0) -> Frames:
    return Frames(
        species=tuple(Atoms(species).get_chemical_symbols()), positions=np.array([positions], dtype=float), cells=np.eye(3)[None] * edge
    )


def test_a_perfect_tetrahedron_has_six_angles_of_109_47():
    """Each pair of neighbours once."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.15
    found = angles.angle_distribution(one_frame("ZnN4", [[0, 0, 0], *corners.tolist()]))
    assert found.n_angles == 6
    assert found.mean == pytest.approx(np.degrees(np.arccos(-1 / 3)))
    assert found.std == pytest.approx(0.0, abs=1e-9)
    assert found.degrees[np.argmax(found.density)] == 109.5


def test_the_density_integrates_to_one_and_its_mean_is_the_mean(zif4):
    """At 600 K: 96 angles a frame, mean near the tetrahedron's."""
    found = angles.angle_distribution(zif4, n_bins=360)
    width = found.degrees[1] - found.degrees[0]
    assert found.density.sum() * width == pytest.approx(1.0)
    assert (found.density * found.degrees).sum() * width == pytest.approx(found.mean, abs=0.25)
    assert found.mean == pytest.approx(109.2, abs=1.0)


def test_angles_equal_those_of_ase(dia34):
    """N–Zn–N of the crystal, through the walls of its skewed cell."""
    frames = Frames(species=tuple(dia34.get_chemical_symbols()), positions=dia34.positions[None], cells=dia34.cell[:][None])
    bound = pairs(frames.species, frames.positions[0], frames.cells[0])
    expected = [
        dia34.get_angle(a, zinc, b, mic=True)
        for zinc in (0, 1)
        for a, b in itertools.combinations([n for z, n in sorted(bound) if z == zinc], 2)
    ]
    found = angles.angle_distribution(frames)
    assert found.n_angles == len(expected) == 12
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.std == pytest.approx(np.std(expected))


def test_different_ends_are_met_in_either_order():
    """O–Zn–N is N–Zn–O, and N–Zn–N is not among them."""
    frames = one_frame("ZnN2O", [[0, 0, 0], [2, 0, 0], [-2, 0, 0], [0, 2, 0]])
    for ends in (("N", "O"), ("O", "N")):
        found = angles.angle_distribution(frames, ends[0], "Zn", ends[1])
        assert (found.n_angles, found.mean) == (2, pytest.approx(90.0))
    assert angles.angle_distribution(frames).mean == pytest.approx(180.0)


def test_no_angle_is_no_error_and_no_number():
    """A zinc that has lost its neighbours has no angle."""
    found = angles.angle_distribution(one_frame("ZnN", [[0, 0, 0], [9, 0, 0]]))
    assert found.n_angles == 0
    assert np.isnan(found.mean)
    assert (found.density == 0).all()

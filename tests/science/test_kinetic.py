# SPDX-License-Identifier: MIT
"""Velocities from positions: exact where the integrator is velocity Verlet, NaN where nothing is known, cells and images minded."""

import numpy as np
import pytest

from aiida_zif.science.kinetic import MAX_SPACING_FS, estimated_velocities, linked
from aiida_zif.science.units import KINETIC_ENERGY_IN_EV

CELL = np.array([[10.0, 0.0, 0.0], [5.5, 8.3, 0.0], [5.4, 3.1, 7.8]])
MASSES = np.array([2.0, 12.0, 65.0])
STEP_PS = 5e-4


def verlet(n_steps, stiffness=30.0, seed=1):
    """Positions, velocities, forces of independent oscillators about scattered places, by velocity Verlet."""
    rng = np.random.default_rng(seed)
    home, x, v = rng.uniform(-20, 20, (3, 3)), rng.normal(0, 0.1, (3, 3)), rng.normal(0, 20, (3, 3))
    mass = MASSES[:, None] * KINETIC_ENERGY_IN_EV
    found = []
    for _ in range(n_steps):
        force = -stiffness * x
        found.append((home + x, v.copy(), force))
        x = x + v * STEP_PS + force / mass * STEP_PS**2 / 2
        v = v + (force - stiffness * x) / mass * STEP_PS / 2
    return [np.array(column) for column in zip(*found, strict=True)]


def cells(n):
    """The same cell for every frame."""
    return np.repeat(CELL[None], n, axis=0)


def test_velocities_of_verlet_come_back():
    """To the last digits, ends included if the forces are known, and whatever the periodic image of each atom and frame."""
    x, v, f = verlet(12)
    images = np.random.default_rng(2).integers(-2, 3, (12, 3, 3)) @ CELL
    found = estimated_velocities(x + images, cells(12), STEP_PS, np.ones(11, bool), MASSES, f)
    np.testing.assert_allclose(found, v, atol=1e-9)


def test_ends_and_gaps_without_forces_are_unknown():
    """A central difference needs both neighbours."""
    x, v, f = verlet(10)
    links = np.ones(9, bool)
    links[4] = False
    found = estimated_velocities(x, cells(10), STEP_PS, links, MASSES)
    np.testing.assert_array_equal(np.isnan(found).all(axis=(1, 2)), np.isin(np.arange(10), [0, 4, 5, 9]))
    np.testing.assert_allclose(estimated_velocities(x, cells(10), STEP_PS, links, MASSES, f), v, atol=1e-9)
    alone = estimated_velocities(x, cells(10), STEP_PS, np.zeros(9, bool), MASSES, f)
    assert np.isnan(alone).all()
    assert estimated_velocities(x[:1], cells(1), STEP_PS, np.zeros(0, bool), MASSES).shape == (1, 3, 3)


def test_a_growing_cell_is_no_velocity():
    """Atoms that only follow the cell have no thermal motion."""
    growing = CELL * (1 + 0.001 * np.arange(5))[:, None, None]
    x = np.random.default_rng(3).uniform(0, 1, (1, 3, 3)) @ growing
    np.testing.assert_allclose(estimated_velocities(x, growing, STEP_PS, np.ones(4, bool), MASSES)[1:-1], 0, atol=1e-9)


@pytest.mark.parametrize(("wavenumber", "spacing_fs", "lost"), [(3100, 1.0, 0.11), (2250, 1.0, 0.06), (3100, 2.0, 0.38)])
def test_what_a_distance_of_frames_loses(wavenumber, spacing_fs, lost):
    """The shares of kinetic energy by which the limit was chosen: 1 − [sin(ωΔ)/(ωΔ)]²."""
    omega = 2 * np.pi * 2.99792458e-2 * wavenumber  # 1/ps
    times = np.arange(4001) * spacing_fs * 1e-3
    x = np.zeros((len(times), 1, 3))
    x[:, 0, 0] = 0.05 * np.sin(omega * times)
    found = estimated_velocities(x, cells(len(times)), spacing_fs * 1e-3, np.ones(len(times) - 1, bool), MASSES[:1])[1:-1, 0, 0]
    exact = 0.05 * omega * np.cos(omega * times[1:-1])
    assert 1 - (found**2).sum() / (exact**2).sum() == pytest.approx(lost, abs=0.005)
    assert MAX_SPACING_FS == 1.0


def test_frames_are_linked_within_a_run_at_the_usual_distance():
    """A missing step and the seam between two runs break the chain."""
    near = linked(np.array([0, 2, 4, 8, 10, 12]), np.array([0, 0, 0, 0, 0, 1], np.int32))
    assert near.tolist() == [True, True, False, True, False]
    assert linked(np.array([3]), np.array([0], np.int32)).tolist() == []

# SPDX-License-Identifier: MIT
"""Mean squared displacements of motions that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science import msd
from aiida_zif.science.frames import Frames

CELL = np.array([[6.0, 0, 0], [2.0, 6.0, 0], [-1.0, 2.0, 5.0]])


def walk(n_frames: int, n_atoms: int, seed: int = 0, width: float = 0.3) -> Frames:
    steps = np.random.default_rng(seed).normal(scale=width, size=(n_frames, n_atoms, 3))
    return Frames(
        species=("Zn", "N") * (n_atoms // 2),
        positions=np.cumsum(steps, axis=0),
        cells=np.repeat(CELL[None], n_frames, axis=0),
        times=np.arange(n_frames) * 0.05 + 3.0,
    )


def test_equals_the_double_loop():
    """The transform gives what summing over all origins gives."""
    frames = walk(30, 4)
    expected = [np.mean(np.sum((frames.positions[lag:] - frames.positions[: 30 - lag]) ** 2, axis=-1)) for lag in range(30)]
    found = msd.mean_squared_displacement(frames, drift=True)
    np.testing.assert_allclose(found.msd, expected, atol=1e-10)
    np.testing.assert_allclose(found.times, np.arange(30) * 0.05)


def test_a_random_walk_is_linear_in_time():
    """⟨r²⟩ = 3 σ² t for independent steps."""
    found = msd.mean_squared_displacement(walk(400, 200), "N", drift=True)
    np.testing.assert_allclose(found.msd[1:20], 3 * 0.09 * np.arange(1, 20), rtol=0.05)


def test_the_drift_of_the_whole_is_taken_out():
    """Uniform motion is no diffusion; with ``drift`` it is (v t)²."""
    frames = walk(20, 4, width=0.0)
    moving = replace(frames, positions=frames.positions + np.arange(20)[:, None, None] * np.array([0.1, 0, 0]))
    np.testing.assert_allclose(msd.mean_squared_displacement(moving).msd, 0.0, atol=1e-10)
    np.testing.assert_allclose(msd.mean_squared_displacement(moving, drift=True).msd, (0.1 * np.arange(20)) ** 2, atol=1e-10)


def test_unwrapping_undoes_wrapping_in_a_skewed_cell():
    """A walk wrapped into the cell and unwrapped again is the walk, but for where it began."""
    frames = walk(200, 10)
    fractional = frames.positions @ np.linalg.inv(CELL)
    wrapped = replace(frames, positions=(fractional - np.floor(fractional)) @ CELL)
    found = msd.unwrap(wrapped)
    np.testing.assert_allclose(np.diff(found.positions, axis=0), np.diff(frames.positions, axis=0), atol=1e-9)


def test_uneven_times_and_absent_elements_are_refused():
    """One sentence each."""
    frames = walk(5, 2)
    with pytest.raises(ValueError, match="not equally spaced"):
        msd.mean_squared_displacement(frames.select([0, 1, 3]))
    with pytest.raises(ValueError, match="0 atoms of O"):
        msd.mean_squared_displacement(frames, "O")


def test_the_diffusion_coefficient_of_a_random_walk_is_within_its_error():
    """D = σ²/2τ per axis for independent steps: 0.3² / (2 · 0.05 ps) Å²/ps, within three standard errors that are not wide."""
    found = msd.diffusion(walk(2000, 60))
    assert abs(found.mean - 0.9 * 59 / 60) < 3 * found.error
    assert found.error < 0.1


def test_what_does_not_diffuse_has_no_coefficient():
    """A rattle, a flight, too few frames or one, no times: a sentence, never a number."""
    rattle = replace(walk(400, 4), positions=np.random.default_rng(0).normal(size=(400, 4, 3)))
    with pytest.raises(ValueError, match=r"t\^-?0\.0\d"):
        msd.diffusion(rattle)
    flight = replace(rattle, positions=np.arange(400)[:, None, None] * np.array([1.0, -1.0, 1.0, -1.0])[:, None] * np.ones(3))
    with pytest.raises(ValueError, match=r"t\^2\.00"):
        msd.diffusion(flight)
    with pytest.raises(ValueError, match="20 frames or more; 30"):
        msd.diffusion(walk(30, 4))
    with pytest.raises(ValueError, match="needs times"):
        msd.diffusion(replace(walk(400, 4), times=None))
    with pytest.raises(ValueError, match="needs two frames"):
        msd.mean_squared_displacement(walk(1, 4))

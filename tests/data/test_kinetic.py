# SPDX-License-Identifier: MIT
"""The kinetic part of the stress by the best that a trajectory knows: velocities, positions, temperatures, the thermostat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiida_zif.data.kinetic import kinetic_of
from aiida_zif.science.frames import kinetic_stress, kinetic_temperature
from aiida_zif.science.units import BOLTZMANN

STEPS = np.array([3, 1, 7])


@pytest.fixture
def moving(make_frames: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``moving(fields, **facts)``: 12 frames 0.5 fs apart in which every atom flies straight, and its velocities."""
    from aiida_zif.data.trajectory import ZifTrajectoryData

    def make(fields: dict[str, Any], **facts: Any) -> tuple[Any, np.ndarray[Any, Any], Any]:
        frames = make_frames(12)
        velocities = np.random.default_rng(3).normal(0, 5, (1, len(frames.species), 3)) * np.ones((12, 1, 1))
        positions = frames.positions[:1] + velocities * (np.arange(12) * 5e-4)[:, None, None]
        ours = {"positions": positions, "temperatures": kinetic_temperature(velocities, frames.masses)}
        frames = make_frames(12, **{**ours, **{name: velocities if name == "velocities" else value for name, value in fields.items()}})
        return ZifTrajectoryData.from_frames(frames, **{"timestep_fs": 0.5, **facts}), velocities, frames

    return make


def test_velocities_are_taken_where_there_are_some(moving: Callable[..., Any]) -> None:
    """Σ m v v / V of the frames asked for, in their order."""
    node, velocities, frames = moving({"velocities": True})
    found, source = kinetic_of(node, STEPS)
    assert source == "velocities"
    assert found == pytest.approx(kinetic_stress(velocities, frames.masses, frames.volumes)[STEPS])


def test_positions_stand_for_velocities(moving: Callable[..., Any]) -> None:
    """Of atoms that fly straight the central difference is the velocity, and the first frame's is one-sided."""
    node, velocities, frames = moving({"forces": np.zeros((12, 34, 3))})
    found, source = kinetic_of(node, np.array([0, 5, 11]))
    assert source == "positions"
    assert found == pytest.approx(kinetic_stress(velocities, frames.masses, frames.volumes)[[0, 5, 11]], rel=1e-6)


def test_estimate_has_the_recorded_temperature(moving: Callable[..., Any]) -> None:
    """What a difference of positions loses of a fast vibration is put back: the trace is that of the temperature."""
    node, _, frames = moving({"temperatures": np.full(12, 777.0)})
    found, _ = kinetic_of(node, STEPS)
    assert found[:, :3].sum(axis=1) == pytest.approx(3 * 33 * BOLTZMANN * 777.0 / frames.volumes[STEPS])


def test_frames_far_apart_have_the_trace_of_their_temperature(moving: Callable[..., Any]) -> None:
    """20 fs apart nothing can be estimated; the temperature of each frame, or that of the thermostat, tells the trace."""
    node, _, frames = moving({}, timestep_fs=20.0)
    found, source = kinetic_of(node, STEPS)
    assert source == "temperatures"
    expected = 33 * BOLTZMANN * frames.temperatures[STEPS] / frames.volumes[STEPS]
    assert found == pytest.approx(expected[:, None] * [1, 1, 1, 0, 0, 0])
    node, _, _ = moving({"temperatures": None, "steps": None}, asked_temperature_k=1500.0)
    found, source = kinetic_of(node, STEPS)
    assert source == "thermostat"
    assert found[:, 0] == pytest.approx(33 * BOLTZMANN * 1500.0 / frames.volumes[STEPS])


def test_what_is_not_known_is_refused(moving: Callable[..., Any]) -> None:
    """A step that is not there; a trajectory that tells nothing."""
    node, _, _ = moving({})
    with pytest.raises(ValueError, match="no frame at step 99"):
        kinetic_of(node, np.array([99]))
    node, _, _ = moving({"temperatures": None}, timestep_fs=20.0)
    with pytest.raises(ValueError, match="import it with its temperature"):
        kinetic_of(node, STEPS)

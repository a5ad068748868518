# SPDX-License-Identifier: MIT
"""The audit finds what must not be trained on and measures the temperature by which frames are labelled."""

from typing import Any

import numpy as np
import pytest

from aiida_zif.science.audit import audit
from aiida_zif.science.frames import Frames, kinetic_temperature


def make(n: int = 20, temperature: float = 300.0, **changed: Any) -> Frames:
    """Return ``n`` good frames at ``temperature``."""
    rng = np.random.default_rng(0)
    content: dict[str, Any] = {
        "species": ("Zn", "N"), "positions": rng.normal(size=(n, 2, 3)), "cells": np.tile(np.eye(3) * 5, (n, 1, 1)),
        "energies": rng.normal(size=n), "forces": rng.normal(size=(n, 2, 3)), "steps": np.arange(n),
        "temperatures": np.full(n, temperature),
    }  # fmt: skip
    return Frames(**(content | changed))


def test_good_frames_pass() -> None:
    """Nothing wrong: all usable, mean temperature as asked."""
    found = audit(make(), 300)
    assert found.passed
    assert found.usable.all()
    assert found.mean_temperature == pytest.approx(300)
    assert (found.duplicates, found.n_unconverged, found.n_not_finite) == (0, 0, 0)


@pytest.mark.parametrize(("temperature", "passed"), [(709, False), (1270, False), (1280, True), (1720, True), (1730, False)])
def test_more_than_15_percent_off_fails(temperature: float, passed: bool) -> None:
    """A run that was asked for 1500 K and averaged 709 K is not one of 1500 K."""
    found = audit(make(temperature=temperature), 1500)
    assert found.passed is passed
    assert any(f"{temperature} K" in sentence for sentence in found.sentences)


def test_temperature_comes_from_velocities_where_none_was_written() -> None:
    """The kinetic temperature is used, and without velocities the claim cannot be checked."""
    velocities = np.random.default_rng(1).normal(size=(20, 2, 3)) * 5
    masses = np.array([65.38, 14.007])
    found = audit(make(temperatures=None, velocities=velocities, masses=masses), None)
    assert found.mean_temperature == pytest.approx(kinetic_temperature(velocities, masses).mean())
    blind = audit(make(temperatures=None), 300)
    assert blind.mean_temperature is None
    assert not blind.passed


def test_geometries_without_dynamics_are_not_judged_by_temperature() -> None:
    """Single labelled geometries have no temperature and pass."""
    assert audit(make(temperatures=None), None).passed


def test_repeated_steps_and_geometries_are_left_out() -> None:
    """Appended restarts repeat steps 5 6 5 6 7: the later ones go, whatever they hold; so does a repeated geometry."""
    steps = np.array([5, 6, 5, 6, 7, 8])
    frames = make(6, steps=steps)
    positions = frames.positions.copy()
    positions[5] = positions[4]
    found = audit(make(6, steps=steps, positions=positions), 300)
    assert found.usable.tolist() == [True, True, False, False, True, False]
    assert found.duplicates == 3


def test_isolated_unconverged_frames_are_left_out() -> None:
    """One of twenty: flagged, not drawn, the run passes; its wild temperature does not count."""
    frames = make()
    assert frames.temperatures is not None
    frames.temperatures[7] = 1e6
    found = audit(frames, 300, unconverged_steps=[7, 999])
    assert found.n_unconverged == 1
    assert not found.usable[7]
    assert found.passed
    assert found.mean_temperature == pytest.approx(300)


def test_many_unconverged_frames_fail_the_run() -> None:
    """Three of twenty are a sick run, and the sentence says what to change."""
    found = audit(make(), 300, unconverged_steps=range(3))
    assert not found.passed
    assert any("minimizer" in sentence for sentence in found.sentences)


def test_frames_without_finite_labels_are_left_out() -> None:
    """NaN in energy or force, or no forces at all; an unknown stress does not matter."""
    frames = make(stresses=np.full((20, 6), np.nan))
    assert frames.energies is not None
    assert frames.forces is not None
    frames.energies[3] = np.nan
    frames.forces[4, 1, 2] = np.inf
    found = audit(frames, 300)
    assert np.flatnonzero(~found.usable).tolist() == [3, 4]
    assert found.n_not_finite == 2
    assert not audit(make(forces=None), 300).passed


def test_no_usable_frame_fails() -> None:
    """An empty trajectory is not fit to train on."""
    assert not audit(make(0), None).passed


def test_senseless_questions_are_refused() -> None:
    """Negative temperature, zero tolerance, steps to look for where there are none."""
    with pytest.raises(ValueError, match="must be positive"):
        audit(make(), -300)
    with pytest.raises(ValueError, match="tolerance"):
        audit(make(), 300, tolerance=0)
    with pytest.raises(ValueError, match="carry no steps"):
        audit(make(steps=None), 300, unconverged_steps=[1])

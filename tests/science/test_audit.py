# SPDX-License-Identifier: MIT
"""The audit finds what must not be trained on and measures the temperature by which frames are labelled."""

import itertools
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_zif.science.audit import audit, judge
from aiida_zif.science.evidence import Evidence
from aiida_zif.science.frames import Frames, kinetic_temperature
from aiida_zif.science.statistics import statistical_inefficiency
from aiida_zif.science.units import BOHR_IN_ANGSTROM, BOLTZMANN, HARTREE_IN_EV

FORCE = HARTREE_IN_EV / BOHR_IN_ANGSTROM


STIFFNESS = 15.0
"""eV/Å², of the springs by which the atoms of these tests hang."""


def make(n: int = 20, temperature: float = 300.0, pairs: int = 1, **changed: Any) -> Frames:
    """Return ``n`` independent good frames of ``pairs`` Zn and N on springs at ``temperature``: E = ½ k x², F = −k x."""
    away = np.random.default_rng(0).normal(0, np.sqrt(BOLTZMANN * temperature / STIFFNESS), size=(n, 2 * pairs, 3))
    content: dict[str, Any] = {
        "species": ("Zn", "N") * pairs, "positions": 2.5 + away, "cells": np.tile(np.eye(3) * 5, (n, 1, 1)),
        "energies": STIFFNESS / 2 * (away**2).sum(axis=(1, 2)), "forces": -STIFFNESS * away, "steps": np.arange(n),
        "temperatures": np.full(n, temperature),
    }  # fmt: skip
    return Frames(**(content | changed))


def swinging(n: int = 200, **changed: Any) -> Frames:
    """Return ``n`` successive frames, 0.5 fs apart, of six atoms on anharmonic springs, E = ½ k x² − ⅓ a x³, folded into the cell."""
    times = np.arange(n) * 0.5e-3
    rng = np.random.default_rng(3)
    away = 0.08 * np.cos(times[:, None, None] * rng.uniform(300, 600, (6, 3)) + rng.uniform(0, 7, (6, 3)))
    cells = np.tile(np.array([[6.0, 0, 0], [1, 6, 0], [0, 2, 6]]), (n, 1, 1))
    positions = rng.uniform(0, 1, (6, 3)) @ cells[0] + away
    folded = positions @ np.linalg.inv(cells[0]) % 1 @ cells[0]
    content: dict[str, Any] = {
        "species": ("Zn", "N", "C", "H", "H", "H"), "positions": folded, "cells": cells, "steps": np.arange(n), "times": times,
        "energies": -600 + (STIFFNESS / 2 * away**2 - 20 / 3 * away**3).sum(axis=(1, 2)), "forces": -STIFFNESS * away + 20 * away**2,
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


def test_energies_and_forces_of_one_run_belong_together() -> None:
    """Along a trajectory the work of the forces is the change of the energy, across the boundary of the cell, too."""
    found = audit(swinging(), None)
    assert found.passed
    assert found.consistency is not None
    assert found.consistency.n_pairs == 199
    assert found.consistency.slope == pytest.approx(1, abs=0.01)
    assert found.consistency.residual_ev < 0.02 * found.consistency.scale_ev
    assert [len(values) for values in found.pairs] == [199, 199]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frames: {"energies": frames.energies / HARTREE_IN_EV}, "energies are in Hartree.*27.2114"),
        (lambda frames: {"forces": frames.forces / FORCE}, "forces in Hartree/bohr.*51.42"),
        (lambda frames: {"forces": frames.forces / FORCE, "energies": frames.energies / HARTREE_IN_EV}, "Hartree and Hartree/bohr"),
        (lambda frames: {"positions": frames.positions / BOHR_IN_ANGSTROM, "cells": frames.cells / BOHR_IN_ANGSTROM}, "in bohr"),
        (lambda frames: {"energies": frames.energies * 23.0605}, "kcal/mol"),
        (lambda frames: {"energies": frames.energies / 6}, "per atom"),
        (lambda frames: {"forces": -frames.forces}, "wrong sign"),
        (lambda frames: {"forces": 3.3 * frames.forces}, "factor 0.303"),
        (lambda frames: {"forces": frames.forces[:, [1, 0, 2, 4, 5, 3]]}, "another order"),
        (lambda frames: {"forces": np.roll(frames.forces, 9, axis=0)}, "other frames"),
        (lambda frames: {"energies": np.roll(frames.energies, 9)}, "other frames"),
    ],
)
def test_labels_that_do_not_belong_together_are_found(change: Any, said: str) -> None:
    """Mixed units are named by their factor, swapped atoms and frames as such; then no frame is usable."""
    frames = swinging()
    found = audit(replace(frames, **change(frames)), None)
    assert "forces" in found.failed
    assert found.labels_wrong
    assert not found.usable.any()
    (sentence,) = [sentence for sentence in found.sentences if "do not belong together" in sentence]
    assert re.search(said, sentence)


def test_frames_far_apart_are_not_compared_with_their_work() -> None:
    """Independent frames say nothing about dE and F·dx, whatever their labels."""
    found = audit(make(60, pairs=17), 300)
    assert found.consistency is None
    assert found.passed
    assert any("not compared" in sentence for sentence in found.sentences)


@pytest.mark.parametrize("factor", [1 / FORCE, 1 / HARTREE_IN_EV, HARTREE_IN_EV, FORCE])
@pytest.mark.parametrize("name", ["forces", "energies"])
def test_wrong_units_show_in_frames_far_apart(name: str, factor: float) -> None:
    """Where nothing but the temperature is known, a factor of 27 or 51 is beyond what molecules do."""
    frames = make(200, pairs=17)
    assert audit(frames, 300).passed
    found = audit(replace(frames, **{name: getattr(frames, name) * factor}), 300)
    assert found.failed == ("units",)
    assert not found.usable.any()


def test_an_energy_that_no_atom_has_is_refused() -> None:
    """Joule, or the energy of a mole, is beyond all atoms."""
    assert audit(make(energies=np.full(20, -1e7)), None).failed == ("units",)


def test_frames_that_go_back_in_time_are_refused() -> None:
    """Frames in disorder are not those of their steps; a missing step is only counted."""
    assert audit(make(4, steps=np.array([0, 2, 1, 3])), None).failed == ("order",)
    found = audit(make(4, steps=np.array([0, 5, 10, 25])), None)
    assert (found.passed, found.n_missing) == (True, 2)


def test_drift_of_the_conserved_quantity_is_judged_per_atom_and_time() -> None:
    """0.6 eV in 0.0995 ps on six atoms are 1 eV per atom and ps, too much; a thousandth of it is not; few frames are not judged."""
    found = audit(swinging(), None, conserved_drift_ev=0.6)
    assert found.drift_ev_per_atom_ps == pytest.approx(0.6 / 6 / 0.0995)
    assert found.failed == ("drift",)
    assert not found.labels_wrong
    assert audit(swinging(), None, conserved_drift_ev=6e-4).passed
    assert audit(swinging(30), None, conserved_drift_ev=0.6).passed
    evidence = Evidence()
    evidence.add(swinging(times=None))
    assert judge(evidence, None, conserved_drift_ev=0.6, timestep_fs=0.5).drift_ev_per_atom_ps == pytest.approx(found.drift_ev_per_atom_ps)


def test_stresses_are_counted_by_what_they_hold() -> None:
    """Whole, diagonal only (the published protocol), none."""
    stresses = np.ones((20, 6))
    stresses[:5, 3:] = np.nan
    stresses[5] = np.nan
    found = audit(make(stresses=stresses), None)
    assert (found.evidence.n_stress, found.evidence.n_stress_diagonal) == (14, 5)
    assert any("14 of 20 frames have the whole stress, 5 have only its diagonal" in sentence for sentence in found.sentences)
    assert any("No frame has a stress" in sentence for sentence in audit(make(), None).sentences)


def test_autocorrelation_time_is_that_of_the_statistics() -> None:
    """g = 1 + 2τ."""
    found = audit(swinging(), None)
    assert found.autocorrelation_frames == pytest.approx((statistical_inefficiency(swinging().energies) - 1) / 2)


@given(cuts=st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=30, deadline=None)
def test_batches_give_the_verdict_of_the_whole(cuts: list[int]) -> None:
    """However a trajectory is cut into batches, nothing changes: work across the cut and repeats of earlier batches included."""
    frames = swinging(60, steps=np.r_[np.arange(50), np.arange(40, 50)])
    evidence = Evidence()
    for start, stop in itertools.pairwise([0, *sorted(cuts), 60]):
        evidence.add(frames.select(slice(start, stop)))
    found, whole = judge(evidence, None), audit(frames, None)
    assert found.sentences == whole.sentences
    np.testing.assert_array_equal(found.usable, whole.usable)
    np.testing.assert_allclose(found.evidence.work, whole.evidence.work)
    assert found.duplicates == 10


def test_two_systems_in_one_trajectory_are_refused() -> None:
    """Batches of different atoms do not belong together."""
    evidence = Evidence()
    evidence.add(make())
    with pytest.raises(ValueError, match="audit each system apart"):
        evidence.add(swinging())

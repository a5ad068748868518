# SPDX-License-Identifier: MIT
"""A model against its reference: equal runs agree, different ones differ, what has no error is not judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science import agreement
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate


def trembling(dia34, seed: int, n: int = 60, amplitude: float = 0.05, stretch: float = 1.0) -> Frames:
    """dia-Zn(Im)2 at rest with independent noise, its nitrogens ``stretch`` times as far from the zinc."""
    rng = np.random.default_rng(seed)
    positions = dia34.positions + rng.normal(0, amplitude, (n, len(dia34), 3))
    cells = np.repeat(dia34.cell[:][None], n, axis=0) * stretch
    return Frames(tuple(dia34.get_chemical_symbols()), positions * stretch, cells, temperatures=300 + rng.normal(0, 20, n))


def differences(dia34, topology, other: Frames, **rule):
    one, two = (agreement.observe(frames, topology) for frames in (trembling(dia34, 1), other))
    return agreement.compare(one, two, agreement.Rule(**rule))


def test_two_runs_of_the_same_agree(dia34, dia34_topology):
    """Other noise of the same size: every observable within 3 errors, curves too."""
    found = differences(dia34, dia34_topology, trembling(dia34, 2))
    assert {"zn_n_coordination", "n_zn_n_angle_deg", "c_n_bond_angstrom", "temperature_k", *agreement.CURVES} <= set(found)
    assert {name: one for name, one in found.items() if one.verdict == agreement.DIFFERS} == {}


def test_a_stretched_model_differs(dia34, dia34_topology):
    """One percent longer bonds are many errors, in bonds and in g(r); the angles are the same."""
    found = differences(dia34, dia34_topology, trembling(dia34, 2, stretch=1.01))
    assert found["c_n_bond_angstrom"].verdict == agreement.DIFFERS
    assert found["c_n_bond_angstrom"].difference == pytest.approx(0.01 * found["c_n_bond_angstrom"].reference, rel=0.1)
    assert found["g_zn_n"].verdict == agreement.DIFFERS
    assert found["n_zn_n_angle_deg"].verdict == agreement.AGREES


def test_a_hotter_model_differs_in_widths_only(dia34, dia34_topology):
    """Twice the amplitude: the same mean angle, another spread."""
    found = differences(dia34, dia34_topology, trembling(dia34, 2, amplitude=0.1))
    assert found["n_zn_n_angle_spread_deg"].verdict == agreement.DIFFERS
    assert found["angle_density"].verdict == agreement.DIFFERS


def test_what_is_small_enough_is_no_difference(dia34, dia34_topology):
    """By a tolerance, of which the reason speaks."""
    other = trembling(dia34, 2, stretch=1.01)
    found = differences(dia34, dia34_topology, other, tolerances={"c_n_bond_angstrom": 0.02})
    assert found["c_n_bond_angstrom"].verdict == agreement.AGREES
    assert "tolerance of 0.02" in found["c_n_bond_angstrom"].reason
    assert found["c_n_bond_angstrom"].sigmas > 3


def test_one_frame_is_not_judged(dia34, dia34_topology):
    """No error, no verdict."""
    single = trembling(dia34, 2).select([0])
    assert {one.verdict for one in differences(dia34, dia34_topology, single).values()} == {agreement.UNJUDGED}


def test_false_alarms_are_as_rare_as_their_errors_say():
    """Of 2000 equal pairs about 0.3 % are beyond 3 combined errors."""
    rng = np.random.default_rng(1)
    alarms = 0
    for a, b in rng.normal(size=(2000, 2)):
        one, two = (agreement.Observed({"x": Estimate(value, 1.0, 99.0)}, {}, 9) for value in (a, b))
        alarms += agreement.compare(one, two)["x"].verdict == agreement.DIFFERS
    assert alarms < 20


def test_pairs_are_judged_by_their_spread():
    """Structures have no error of their own: the mean difference against its standard error over pairs; of one pair nothing."""
    same = agreement.paired({"a": 0.1, "b": -0.1, "c": 0.02}, "x")
    other = agreement.paired({"a": 1.1, "b": 0.9, "c": 1.02}, "x")
    assert (same.verdict, other.verdict) == (agreement.AGREES, agreement.DIFFERS)
    assert agreement.paired({"a": 1.0}, "x").verdict == agreement.UNJUDGED


def test_bad_rules_are_refused(dia34):
    """A sentence with the value."""
    with pytest.raises(ValueError, match="max_sigmas is 0"):
        agreement.Rule(max_sigmas=0)
    with pytest.raises(ValueError, match="tolerance of g_zn_n"):
        agreement.Rule(tolerances={"g_zn_n": -1})
    with pytest.raises(ValueError, match="no frame"):
        agreement.observe(replace(trembling(dia34, 1), positions=np.empty((0, 34, 3)), cells=np.empty((0, 3, 3)), temperatures=None), None)

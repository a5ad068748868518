# SPDX-License-Identifier: MIT
"""Errors told apart by where the frames came from."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science.breakdown import WORST, Origins, by_temperature, by_trajectory, in_time, worst
from aiida_zif.science.comparison import Comparison, compare_frames
from aiida_zif.science.frames import Frames

N = 40


@pytest.fixture
def found() -> Comparison:
    """Forty frames; the force error of frame k is k meV/Å, its energy is k meV per atom too low."""
    rng = np.random.default_rng(0)
    shape = (N, 2, 3)
    frames = Frames(("Zn", "N"), rng.normal(size=shape), np.tile(np.eye(3) * 5, (N, 1, 1)), np.zeros(N), rng.normal(size=shape))
    off = np.arange(N) / 1000
    assert frames.forces is not None
    return compare_frames(frames, replace(frames, energies=-2 * off, forces=frames.forces + off[:, None, None]))


@pytest.fixture
def origins() -> Origins:
    """Four trajectories of ten frames: 300, 310, 1500 K, and one that was not measured."""
    return Origins(np.repeat(np.arange(4), 10), np.tile(np.arange(10) * 5, 4), np.repeat([300.0, 310.0, 1500.0, np.nan], 10))


def test_each_trajectory_has_its_errors(found: Comparison, origins: Origins) -> None:
    """In the order of their numbers, with the temperature measured."""
    rows = by_trajectory(found, origins)
    assert [(row["trajectory"], row["temperature_k"], row["n_frames"]) for row in rows] == [
        (0, 300.0, 10), (1, 310.0, 10), (2, 1500.0, 10), (3, None, 10),
    ]  # fmt: skip
    assert [row["forces_mae_mev_per_angstrom"] for row in rows] == pytest.approx([4.5, 14.5, 24.5, 34.5])


def test_trajectories_of_one_temperature_are_counted_together(found: Comparison, origins: Origins) -> None:
    """Those within 10 %; what was not measured stands last."""
    rows = by_temperature(found, origins)
    assert [(row["temperature_k"], row["trajectories"]) for row in rows] == [(305.0, [0, 1]), (1500.0, [2]), (None, [3])]
    assert rows[0]["energy_mae_mev_per_atom"] == pytest.approx(9.5)


def test_worst_frames_are_named(found: Comparison, origins: Origins) -> None:
    """The worst first; of energies with their sign."""
    named = worst(found, origins)
    assert len(named["forces"]) == len(named["energy"]) == WORST
    assert named["forces"][0] == {"trajectory": 3, "step": 45, "forces_rmse_mev_per_angstrom": pytest.approx(39)}
    assert named["energy"][1] == {"trajectory": 3, "step": 40, "energy_error_mev_per_atom": pytest.approx(-38)}


def test_order_in_the_file_is_not_the_order_in_time(found: Comparison, origins: Origins) -> None:
    """Frames that were drawn in disorder have the error bars of their trajectories in time."""
    order = np.random.default_rng(3).permutation(N)
    shuffled = in_time(found.select(order), origins.select(order))
    assert shuffled.forces_mae_error_mev_per_angstrom == pytest.approx(in_time(found, origins).forces_mae_error_mev_per_angstrom)


def test_origins_of_different_length_are_refused() -> None:
    """Each frame has all three."""
    with pytest.raises(ValueError, match="differ"):
        Origins(np.zeros(2, dtype=int), np.zeros(3, dtype=int), np.zeros(2))

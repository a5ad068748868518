# SPDX-License-Identifier: MIT
"""Others open our trajectory files as they are: MDAnalysis, without a word from us."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_zif.formats import h5md
from aiida_zif.science.frames import Frames

mda = pytest.importorskip("MDAnalysis", reason="MDAnalysis is not installed: the H5MD file cannot be opened by a stranger here")
pytestmark = pytest.mark.filterwarnings("ignore:there is no reference attributes:UserWarning")


def make(n_frames: int = 7, **changes: object) -> Frames:
    rng = np.random.default_rng(1)
    fields = {
        "positions": rng.normal(size=(n_frames, 5, 3)), "cells": np.eye(3) * 10 + rng.normal(size=(n_frames, 3, 3)),
        "energies": rng.normal(size=n_frames), "forces": rng.normal(size=(n_frames, 5, 3)), "stresses": rng.normal(size=(n_frames, 6)),
        "velocities": rng.normal(size=(n_frames, 5, 3)), "steps": np.arange(n_frames) * 5, "times": np.arange(n_frames) * 0.0025,
        "masses": np.array([65.38, 12.011, 14.007, 14.007, 2.014101777]),
    }  # fmt: skip
    return Frames(species=("Zn", "C", "N", "N", "H"), **{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("without", [(), ("times", "steps", "forces", "velocities")])
def test_mdanalysis_opens_it(tmp_path: Path, without: tuple[str, ...], stride: int) -> None:
    """Positions, cell, time, our forces and energies, each of the right frame also where only every third has positions."""
    frames = make(**dict.fromkeys(without))
    h5md.write(tmp_path / "t.h5md", frames, creator_version="1", position_stride=stride)
    universe = mda.Universe(str(tmp_path / "t.h5md"), format="H5MD")
    assert universe.trajectory.n_frames == len(range(0, 7, stride))
    for k in range(universe.trajectory.n_frames):
        step, frame = universe.trajectory[k], frames.select([k * stride])
        np.testing.assert_allclose(step.positions, frame.positions[0], atol=1e-6)
        np.testing.assert_allclose(step.volume, frame.volumes[0], rtol=1e-5)
        np.testing.assert_array_equal(step.data["potential_energy"], frame.energies[0])
        if not without:
            assert step.time == pytest.approx(frame.times[0])
            assert step.data["step"] == frame.steps[0]
            np.testing.assert_allclose(step.velocities, frame.velocities[0], atol=1e-6)
            np.testing.assert_allclose(step.data["trajectory/force"], frame.forces[0])

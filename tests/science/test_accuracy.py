# SPDX-License-Identifier: MIT
"""Errors of a model, against numbers worked out by hand and against noise of known size."""

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_zif.science.accuracy import compare
from aiida_zif.science.frames import Frames
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA


def reference(n: int = 5) -> Frames:
    """Return frames with random labels."""
    rng = np.random.default_rng(0)
    return Frames(
        species=("Zn", "N", "N", "H"), positions=rng.normal(size=(n, 4, 3)), cells=np.tile(np.eye(3) * 5, (n, 1, 1)),
        energies=rng.normal(size=n), forces=rng.normal(size=(n, 4, 3)), stresses=rng.normal(size=(n, 6)) * 1e-2,
    )  # fmt: skip


def shifted(frames: Frames, energy: float = 0, force: float = 0, stress: float = 0) -> Frames:
    """Return predictions that are off by a constant."""
    assert frames.energies is not None
    assert frames.forces is not None
    assert frames.stresses is not None
    return replace(frames, energies=frames.energies + energy, forces=frames.forces + force, stresses=frames.stresses + stress)


def test_a_perfect_model_has_no_error() -> None:
    """All errors are zero, and the spread of the reference is what numpy says."""
    frames = reference()
    found = compare(frames, frames)
    assert found.energy_mae_mev_per_atom == found.forces_rmse_mev_per_angstrom == found.stress_mae_mpa == found.forces_mae_relative == 0
    assert frames.forces is not None
    assert found.forces_std_mev_per_angstrom == pytest.approx(1000 * np.std(frames.forces))


def test_constant_errors_come_out_in_their_units() -> None:
    """0.1 eV on 4 atoms is 25 meV/atom; 0.05 eV/Å is 50 meV/Å; 1e-3 eV/Å³ is 160.2 MPa; MAE and RMSE agree."""
    frames = reference()
    found = compare(frames, shifted(frames, -0.1, 0.05, 1e-3))
    assert found.energy_mae_mev_per_atom == pytest.approx(25) == found.energy_rmse_mev_per_atom
    assert found.forces_mae_mev_per_angstrom == pytest.approx(50) == found.forces_rmse_mev_per_angstrom
    assert found.stress_mae_mpa == pytest.approx(1e-3 * EV_PER_CUBIC_ANGSTROM_IN_MPA) == found.stress_rmse_mpa
    assert found.forces_mae_relative == pytest.approx(50 / found.forces_std_mev_per_angstrom)


def test_gaussian_noise_has_the_ratio_of_mae_to_rmse() -> None:
    """For Gaussian errors MAE = √(2/π) RMSE, and RMSE is their width."""
    frames = reference(3000)
    assert frames.forces is not None
    noisy = replace(frames, forces=frames.forces + 0.03 * np.random.default_rng(1).standard_normal(frames.forces.shape))
    found = compare(frames, noisy)
    assert found.forces_rmse_mev_per_angstrom == pytest.approx(30, rel=0.02)
    assert found.forces_mae_mev_per_angstrom == pytest.approx(30 * np.sqrt(2 / np.pi), rel=0.02)


def test_errors_are_told_apart_by_element() -> None:
    """An error on one of two N alone is halved among N and absent elsewhere; the whole is the mean weighted by atoms."""
    frames = reference()
    assert frames.forces is not None
    forces = frames.forces.copy()
    forces[:, 1] += 0.2
    found = compare(frames, replace(frames, forces=forces))
    assert found.per_element == pytest.approx({"H": 0, "N": 100, "Zn": 0})
    assert found.forces_mae_mev_per_angstrom == pytest.approx(50)


def test_stress_is_none_where_the_reference_has_none() -> None:
    """NaN in every reference frame, or no stress at all: none; NaN in some: the others count."""
    frames = reference()
    unknown = replace(frames, stresses=np.full((5, 6), np.nan))
    assert compare(unknown, frames).stress_mae_mpa is None
    assert compare(replace(frames, stresses=None), frames).stress_rmse_mpa is None
    assert compare(frames, replace(frames, stresses=None)).stress_rmse_mpa is None
    assert frames.stresses is not None
    some = frames.stresses.copy()
    some[1:, 4] = np.nan
    found = compare(replace(frames, stresses=some), shifted(frames, stress=1e-3))
    assert found.n_stress_frames == 1
    assert found.stress_mae_mpa == pytest.approx(1e-3 * EV_PER_CUBIC_ANGSTROM_IN_MPA)


@pytest.mark.parametrize("name", ["energies", "forces", "stresses"])
def test_a_model_that_predicts_nan_is_refused(name: str) -> None:
    """A number that is not finite is never averaged away."""
    frames = reference()
    broken = getattr(frames, name).copy()
    broken[2] = np.nan
    with pytest.raises(ValueError, match=f"{name} of the model"):
        compare(frames, replace(frames, **{name: broken}))


def test_frames_that_are_not_the_same_are_refused() -> None:
    """Other order of atoms, other number of frames, other cells, missing labels, none at all."""
    frames = reference()
    with pytest.raises(ValueError, match="same order"):
        compare(frames, replace(frames, species=("N", "Zn", "N", "H")))
    with pytest.raises(ValueError, match="same order"):
        compare(frames, frames.select(slice(0, 3)))
    with pytest.raises(ValueError, match="other cells"):
        compare(frames, replace(frames, cells=frames.cells * 1.01))
    with pytest.raises(ValueError, match="model has no forces"):
        compare(frames, replace(frames, forces=None))
    with pytest.raises(ValueError, match="no frames"):
        compare(reference(0), reference(0))


def test_equal_forces_have_no_relative_error() -> None:
    """Without any spread of the reference a share of it is unknown, not infinite."""
    frames = replace(reference(), forces=np.zeros((5, 4, 3)))
    assert compare(frames, frames).forces_mae_relative is None


def test_as_dict_is_json() -> None:
    """The numbers survive JSON as they are."""
    frames = reference()
    plain = compare(frames, shifted(frames, 1, 1, 1)).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_error_bars_know_of_correlation() -> None:
    """Frames of which each comes four times in a row are worth a quarter: the bar of the mean is twice that of independent ones."""
    frames = reference(8000)
    assert frames.forces is not None
    noise = np.random.default_rng(2).standard_normal((2000, 1, 1)) * 0.1
    found = compare(frames, replace(frames, forces=frames.forces + np.repeat(noise, 4, axis=0)))
    independent = np.std(1000 * np.abs(noise)) / np.sqrt(2000)
    assert found.n_independent["forces"] == pytest.approx(2000, rel=0.25)
    assert found.forces_mae_error_mev_per_angstrom == pytest.approx(independent, rel=0.2)


def test_pressure_that_is_too_high_is_told() -> None:
    """A stress that is too compressive by 1e-3 eV/Å³ along the diagonal is a pressure 160.2 MPa too high; shear has no part in it."""
    frames = reference()
    assert frames.stresses is not None
    off = np.array([-1e-3, -1e-3, -1e-3, 0.5, 0.5, 0.5])
    found = compare(frames, replace(frames, stresses=frames.stresses + off))
    assert found.pressure_bias_mpa == pytest.approx(1e-3 * EV_PER_CUBIC_ANGSTROM_IN_MPA)
    assert found.pressure_bias_error_mpa == pytest.approx(0, abs=1e-9)

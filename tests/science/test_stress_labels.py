# SPDX-License-Identifier: MIT
"""What stress labels do to a model, where the answer is known."""

import numpy as np
import pytest

from aiida_zif.science.breakdown import Origins
from aiida_zif.science.stress_labels import answer
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

N = 40
KINETIC = np.repeat([1e-3, 6e-3], N // 2)[:, None] * np.array([1, 1, 1, 0, 0, 0])


@pytest.fixture
def virial() -> np.ndarray:
    """Random stresses, eV/Å³; the first half of the frames at 300 K, the others at 1500 K."""
    return np.random.default_rng(0).normal(0, 1e-2, (N, 6))


@pytest.fixture
def origins() -> Origins:
    return Origins(np.repeat([0, 1], N // 2), np.tile(np.arange(N // 2), 2), np.repeat([300.0, 1500.0], N // 2))


def test_model_that_learned_the_total_has_the_kinetic_pressure_twice(virial: np.ndarray, origins: Origins) -> None:
    """It reproduces its labels, so its pressure in MD is too high by the kinetic part, at each temperature by its own."""
    total = virial - KINETIC
    found = answer(virial, total, {"virial_1": virial, "total_1": total}, origins)
    right, wrong = found["models"]["virial_1"], found["models"]["total_1"]
    assert right["pressure_error_mpa"] == pytest.approx([0, 0])
    kinetic = [1e-3 * EV_PER_CUBIC_ANGSTROM_IN_MPA, 6e-3 * EV_PER_CUBIC_ANGSTROM_IN_MPA]
    assert [row["mean"][0] for row in wrong["pressure_error_by_temperature"]] == pytest.approx(kinetic)
    assert [row["mean"][0] for row in found["kinetic_pressure_by_temperature"]] == pytest.approx(kinetic)
    assert wrong["stress_mae_against_total_mpa"][0] == pytest.approx(0)
    assert wrong["stress_mae_against_virial_mpa"][0] == pytest.approx(np.mean(kinetic) / 2)
    assert wrong["shear_mae_against_virial_mpa"][0] == pytest.approx(0)


def test_pressure_of_the_reference_holds_both_parts(virial: np.ndarray, origins: Origins) -> None:
    """−trace/3 of the virial, and the kinetic part."""
    found = answer(virial, virial - KINETIC, {}, origins)
    expected = EV_PER_CUBIC_ANGSTROM_IN_MPA * (KINETIC - virial)[: N // 2, :3].mean()
    row = found["reference_pressure_by_temperature"][0]
    assert (row["temperature_k"], row["n_frames"], row["mean"][0]) == (300.0, N // 2, pytest.approx(expected))

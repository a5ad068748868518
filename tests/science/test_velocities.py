# SPDX-License-Identifier: MIT
"""Start velocities."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_zif.science import velocities
from aiida_zif.science.frames import kinetic_temperature
from aiida_zif.science.units import BOLTZMANN, KINETIC_ENERGY_IN_EV

MASSES = np.array([2.014101777, 12.0107, 14.0067, 65.38] * 10)


def test_temperature_is_exact_and_the_centre_of_mass_rests():
    """The drawn temperature is the asked one to rounding, and nothing drifts."""
    drawn = velocities.draw(MASSES, 3000.0, np.random.default_rng(0))
    assert kinetic_temperature(drawn[None], MASSES)[0] == pytest.approx(3000.0, rel=1e-12)
    np.testing.assert_allclose(MASSES @ drawn, 0.0, atol=1e-9)


def test_every_element_has_the_width_of_maxwell():
    """⟨m v²⟩ = kT per component for the light and the heavy ones alike."""
    rng = np.random.default_rng(1)
    drawn = np.stack([velocities.draw(MASSES, 300.0, rng) for _ in range(1000)])
    per_kind = (MASSES[None, :, None] * drawn**2).reshape(1000, 10, 4, 3).mean(axis=(0, 1, 3)) * KINETIC_ENERGY_IN_EV
    # the centre of mass takes m / M of an atom's share
    expected = BOLTZMANN * 300.0 * (1 - MASSES[:4] / MASSES.sum())
    np.testing.assert_allclose(per_kind, expected, rtol=0.03)


def test_equal_seeds_draw_equal_velocities():
    """The generator is the only source of chance."""
    one, two = (velocities.draw(MASSES, 300.0, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("masses", "temperature"), [([12.0], 300.0), ([12.0, 0.0], 300.0), ([12.0, 1.0], -1.0), ([12.0, 1.0], np.nan)])
def test_impossible_input_is_refused(masses, temperature):
    """One atom, a mass of zero, a negative temperature: one sentence."""
    with pytest.raises(ValueError, match=r"give|have to be"):
        velocities.draw(masses, temperature, np.random.default_rng(0))

# SPDX-License-Identifier: MIT
"""Velocities to start a molecular dynamics run with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.frames import kinetic_temperature


def draw(masses: ArrayLike, temperature: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``(n_atoms, 3)`` velocities in Å/ps of a Maxwell distribution, centre of mass at rest, kinetic temperature exact.

    ``masses`` ``(n_atoms,)`` in amu, ``temperature`` in K with 3N − 3 degrees of freedom. From a relaxed structure half of the kinetic
    energy becomes potential energy: to arrive at T, ask for 2 T.

    Raises ``ValueError`` for fewer than two atoms, a mass that is not positive or a temperature below zero.
    """
    mass = np.asarray(masses, dtype=float)
    if mass.ndim != 1 or len(mass) < 2:
        raise ValueError(f"masses have shape {mass.shape}; give one per atom, of two atoms or more")
    if not (np.isfinite(mass).all() and (mass > 0).all()):
        raise ValueError(f"the lightest mass is {mass.min()} amu; all have to be positive numbers")
    if not (np.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"the temperature is {temperature} K; give a number of 0 or more")
    # The width is irrelevant but for the ratio of the masses: the scale is set last.
    velocities: NDArray[np.float64] = rng.standard_normal((len(mass), 3)) / np.sqrt(mass)[:, None]
    velocities -= (mass @ velocities) / mass.sum()
    now = float(kinetic_temperature(velocities[None], mass)[0])
    velocities *= np.sqrt(temperature / now)
    return velocities

# SPDX-License-Identifier: MIT
"""Runs that no longer are physics: a temperature that ran away, a potential energy that fell into a hole of the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

TOO_HOT = 4.0
"""Above this multiple of the highest set point so far a thermostat has lost the run: a cell of two atoms stays below in 99.9 %."""
NEVER_TOO_HOT_K = 2000.0
"""Below this, K, no temperature counts as run away: a start far from rest at a low set point is none."""


def hottest_allowed(set_point_k: float, velocity_factor: float) -> float:
    """Return the temperature, K, above which a run has blown up; velocities may have been drawn at ``velocity_factor`` set points."""
    return max(TOO_HOT * set_point_k * max(1.0, velocity_factor / 2), NEVER_TOO_HOT_K)


def first_collapse(
    steps: ArrayLike, potential: ArrayLike, kinetic: ArrayLike, start_ev: float, n_atoms: int, threshold_ev: float
) -> tuple[int, float] | None:
    """Return the first step from which the energy without its thermal part stays far below the start, and by how much, eV/atom.

    By equipartition a harmonic solid at rest has a potential energy of ``potential`` − ``kinetic``, both ``(n_rows,)`` in eV, whatever its
    temperature. Where that lies more than ``threshold_ev`` per atom below ``start_ev`` in two rows in a row, atoms found a minimum that
    chemistry does not have. ``None`` for a run that did not.
    """
    steps, rest = np.asarray(steps), np.asarray(potential, dtype=float) - np.asarray(kinetic, dtype=float)
    drop = (start_ev - rest) / n_atoms
    low = drop > threshold_ev
    lasting = low & np.append(low[1:], False)
    if not lasting.any():
        return None
    first = int(np.argmax(lasting))
    return int(steps[first]), float(drop[first])

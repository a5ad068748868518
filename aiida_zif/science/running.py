# SPDX-License-Identifier: MIT
"""Elastic constants as a run goes on: have they settled?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.elasticity import from_cells

POINTS = 24


def running(cells: ArrayLike, temperature_k: float, points: int = POINTS, min_n_eff: float = 30) -> dict[str, NDArray[np.float64]]:
    """Return, over the first n of ``cells`` ``(n_cells, 3, 3)``, K, E, G and C with their errors.

    ``n_cells`` ``(points,)``; ``bulk_modulus_gpa``, ``young_modulus_gpa``, ``shear_modulus_gpa`` ``(points, 2)``, value and error;
    ``stiffness_gpa``, ``stiffness_error_gpa`` ``(points, 6, 6)``. Where the first n give no number, NaN.
    """
    h = np.asarray(cells, dtype=np.float64)
    ends = np.unique(np.linspace(len(h) / points, len(h), points).astype(int))
    names = ("bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa")
    found = {"n_cells": ends.astype(float), **{name: np.full((len(ends), 2), np.nan) for name in names}}
    found |= {name: np.full((len(ends), 6, 6), np.nan) for name in ("stiffness_gpa", "stiffness_error_gpa")}
    for k, end in enumerate(ends):
        try:
            one = from_cells(h[:end], temperature_k, min_n_eff)
        except ValueError:  # too short to have moved in all six strains
            continue
        for name in found:
            if name != "n_cells" and (value := getattr(one, name)) is not None:
                found[name][k] = value
    return found

# SPDX-License-Identifier: MIT
"""Averages over glasses."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_zif.science import ensemble_average


def test_mean_and_error_are_those_of_the_glasses():
    """Three densities; a ring size that one glass lacks counts as none there; a pore volume that was not computed is left out."""
    given = [
        {
            "density_g_per_cm3": {"mean": 1.0, "error": 9.0},
            "rings_per_cell": {"8": {"mean": 3.0}},
            "pore_volume_cm3_per_kg": {"mean": 50.0},
        },
        {"density_g_per_cm3": {"mean": 2.0, "error": 9.0}, "rings_per_cell": {"12": {"mean": 6.0}}},
        {
            "density_g_per_cm3": {"mean": 3.0, "error": 9.0},
            "rings_per_cell": {"8": {"mean": 6.0}},
            "pore_volume_cm3_per_kg": {"mean": 54.0},
        },
    ]
    found = ensemble_average.over(given)
    assert found["n"] == 3
    assert found["density_g_per_cm3"] == {"mean": 2.0, "error": pytest.approx(1 / np.sqrt(3)), "spread": pytest.approx(1.0)}
    assert found["rings_per_cell"]["8"]["mean"] == 3.0
    assert found["rings_per_cell"]["12"]["mean"] == 2.0
    assert found["pore_volume_cm3_per_kg"]["mean"] == 52.0


def test_one_glass_has_no_error():
    """And none is refused."""
    assert np.isnan(ensemble_average.over([{"density_g_per_cm3": {"mean": 1.0}}])["density_g_per_cm3"]["error"])
    with pytest.raises(ValueError, match="one glass or more"):
        ensemble_average.over([])

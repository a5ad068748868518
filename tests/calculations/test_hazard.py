# SPDX-License-Identifier: MIT
"""Breaks against temperature, as a node."""

from __future__ import annotations

import pytest
from aiida.orm import Dict, Float

from aiida_zif.calculations.functions.linkers import linker_hazard
from aiida_zif.science import hazard


@pytest.mark.usefixtures("aiida_profile")
def test_runs_of_one_temperature_are_taken_together() -> None:
    """Two runs at 1500 K, one of which broke, and one at 300 K without a break, whose upper end is finite."""
    runs = {
        "a": Dict({"n_linkers": 32, "end_ps": 50.0, "breaks_ps": [10.0], "temperature_k": 1500.0}),
        "b": Dict({"n_linkers": 32, "end_ps": 50.0, "breaks_ps": [], "temperature_k": 1500.0}),
        "c": Dict({"n_linkers": 32, "end_ps": 50.0, "breaks_ps": [], "temperature_k": 300.0}),
    }
    cold, hot = linker_hazard(Float(0.95), **runs)["rows"]
    assert (cold["temperature_k"], cold["breaks"], cold["rate_low_per_ns"]) == (300.0, 0, 0.0)
    assert cold["rate_high_per_ns"] == pytest.approx(3.689 / 1.6, rel=1e-3)
    assert (hot["runs"], hot["breaks"], hot["linker_ns"]) == (2, 1, pytest.approx(3.16))
    assert (hot["rate_low_per_ns"], hot["rate_high_per_ns"]) == pytest.approx(hazard.rate(1, 3.16)[1:])

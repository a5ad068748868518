# SPDX-License-Identifier: MIT
"""`zif.analysis`: numbers with error bars and curves of a range of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict

from aiida_zif.workchains.analysis import AnalysisWorkChain


def test_crystal_is_recognised(crystal: Any, make_trajectory: Callable[..., Any], plan: dict[str, Any]) -> None:
    """dia-Zn(Im)₂ at rest: four N around each Zn, whole linkers, its density; only the steps asked for count."""
    run = Dict({**plan["analysis"], "first_step": 2, "last_step": 5})
    outputs, node = run_get_node(AnalysisWorkChain, reference=crystal, trajectory=make_trajectory(8), run=run)
    assert node.is_finished_ok
    summary = outputs["summary"].get_dict()
    assert summary["frames"] == 4
    assert summary["zn_n_coordination"]["mean"] == pytest.approx(4)
    assert summary["zn_n_first_peak_angstrom"] == pytest.approx(2.0, abs=0.15)
    assert summary["linkers"]["whole"]
    # two Zn and four imidazolates C3H3N2 (67.07 g/mol) in the cell
    mass = 2 * 65.38 + 4 * 67.07
    volume = crystal.get_cell_volume()
    assert summary["density_g_per_cm3"]["mean"] == pytest.approx(mass / volume * 1.66054, rel=1e-3)
    assert summary["n_zn_n_angle_deg"]["mean"] == pytest.approx(109.5, abs=4)
    assert set(outputs["curves"].get_arraynames()) >= {"r", "g_zn_n", "n_zn_n", "angle", "angle_density", "coordination"}
    assert outputs["curves"].base.attributes.get("units|r") == "angstrom"

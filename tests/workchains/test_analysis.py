# SPDX-License-Identifier: MIT
"""`zif.analysis`: numbers with error bars and curves of a range of steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict, InstalledCode

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
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


def test_what_is_large_goes_to_a_job_and_says_the_same(
    crystal: Any, make_trajectory: Callable[..., Any], plan: dict[str, Any], aiida_localhost: Any
) -> None:
    """Beyond `job_above`, with a code for it, zif-analysis is run: the same summary as in the daemon, and what it cost."""
    given = {"reference": crystal, "trajectory": make_trajectory(4).store(), "run": Dict({**plan["analysis"], "pore_frames": 0})}
    program = Path(sys.executable).with_name("zif-analysis")
    code = InstalledCode(label="analysis", computer=aiida_localhost, filepath_executable=str(program), with_mpi=False).store()
    here, _ = run_get_node(AnalysisWorkChain, **given)
    there, node = run_get_node(AnalysisWorkChain, **given, job_above=10, codes={"analysis": code})
    assert node.is_finished_ok, node.exit_message
    assert [child.process_label for child in node.called] == ["ZifAnalysisCalculation"]
    assert there["summary"].get_dict() == here["summary"].get_dict()
    assert node.called[0].outputs.cost["program"] == "zif-analysis"


def test_other_atoms_or_a_wrong_plan_are_refused_before_anything_runs(
    crystal: Any, make_trajectory: Callable[..., Any], plan: dict[str, Any]
) -> None:
    """One sentence with the value."""
    with pytest.raises(ValueError, match="ring_depth is -4"):
        run_get_node(AnalysisWorkChain, reference=crystal, trajectory=make_trajectory(2), run=Dict({"ring_depth": -4}))
    species, positions, cell = structure_arrays(crystal)
    other = to_structure(species[::-1], positions[::-1], cell)
    with pytest.raises(ValueError, match="another order of atoms"):
        run_get_node(AnalysisWorkChain, reference=other, trajectory=make_trajectory(2), run=Dict(plan["analysis"]))

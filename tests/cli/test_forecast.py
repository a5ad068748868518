# SPDX-License-Identifier: MIT
"""`--dry-run` of AIMD, of a campaign and of a relaxation: the input, and what it will cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from click.testing import Result

from aiida_zif.cli import forecast

Call = Callable[..., Result]
POINTS = "aimd.state_points=[{temperature_k: 300}, {temperature_k: 900, volume: 1.1, picoseconds: 0.1, label: hot}]"


def test_campaign_is_listed_and_forecast(call: Call, codes: Any, stored: Callable[[], int]) -> None:
    """A line per state point, and what they cost together; rough figures are called rough."""
    before = stored()
    fewer = ["--override", "aimd.min_state_points=1"]
    result = call("launch", "aimd_campaign", "--structure", "dia-zn-im-2", "--override", POINTS, *fewer, "--seed", 7, "--dry-run")
    assert result.exit_code == 0, result.output
    for words in ("300K_v100: 300 K, 236 steps", "hot: 900 K, 232 steps", "seed 702", "SEED 701", "together: 468 steps", "a rough figure"):
        assert words in result.output
    assert stored() == before


def test_relaxation_is_shown(call: Call, codes: Any) -> None:
    """Its input and its limits."""
    result = call("launch", "relax", "--structure", "dia-zn-im-2", "--override", "relax.run.cell=relaxed", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "RUN_TYPE CELL_OPT" in result.output
    assert "atoms and cell, at most 200 steps" in result.output


def test_bad_state_point_is_a_sentence(call: Call, codes: Any) -> None:
    """Before anything is stored."""
    table = "aimd.state_points=[{temperature_k: 300, volum: 2}]"
    result = call("launch", "aimd_campaign", "--structure", "dia-zn-im-2", "--override", table, "--dry-run")
    assert "state point 1: 'volum' is no setting of AimdRun" in result.output


def test_earlier_runs_are_what_is_measured(aiida_profile_clean: Any, aiida_localhost: Any, make_trajectory: Any) -> None:
    """Core seconds of a step of the newest jobs at the same level of theory; others do not count."""
    from aiida.common.links import LinkType
    from aiida.orm import CalcJobNode, Dict

    assert forecast.measured("gfn1-xtb", 34) is None
    for seed, (seconds, method) in enumerate(((2.0, "gfn1-xtb"), (4.0, "gfn1-xtb"), (90.0, "pbe-d3")), 1):
        job = CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:zif.aimd").store()
        facts = Dict({"method": method, "median_step_s": seconds, "ranks": 2, "threads": 1})
        for label, node in (("output_parameters", facts), ("trajectory", make_trajectory(2, seed=seed))):
            node.base.links.add_incoming(job, LinkType.CREATE, label)
            node.store()
    assert forecast.measured("gfn1-xtb", 34) == (6.0, 34)
    assert "measured in earlier runs" in forecast.aimd({"method": "pbe-d3", "steps": 10}, 272).sentence
    assert "rough" in forecast.aimd({"method": "pbe-d3-szv", "steps": 10}, 272).sentence

# SPDX-License-Identifier: MIT
"""A small NequIP that breaks linkers at 1500 K learns not to, from CP2K labels of its own failures, with no aid beside the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiida.manage import get_manager
from aiida.orm import Dict

from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.cli.demo import CRYSTAL, STRUCTURES, recorded_trajectories
from aiida_zif.report import rounds
from aiida_zif.workchains import protocol
from aiida_zif.workchains.active_learning import ActiveLearningWorkChain

HOT: dict[str, Any] = {
    "active_learning": {"run": {"temperature_k": 1500, "picoseconds": 5.5}, "seeds": [1, 2, 3], "max_rounds": 5},
    "md": {"wall": None},
}


@pytest.mark.long
def test_linkers_stay_whole_where_they_broke(aiida_profile: Any, tmp_path: Path) -> None:
    """GFN1-xTB frames of AIMD alone; without a wall; three seeds: all fail, then all hold for 5 ps at 0.95 Tmax or more."""
    from aiida_zif.calculations.functions.structure import read_structure
    from aiida_zif.cli import profile

    codes = profile.make_codes(profile.make_computer(tmp_path))
    recipe = Dict({**protocol.load("smoke")["dataset"], "seed": 1})
    dataset = draw_dataset(parameters=recipe, **{name: node.store() for name, node in recorded_trajectories("aimd").items()})
    crystal = read_structure(str(STRUCTURES / CRYSTAL))
    builder = ActiveLearningWorkChain.get_builder_from_protocol(codes, "smoke", HOT, structure=crystal, dataset=dataset)
    assert "wall" not in builder._inputs(prune=True)
    # the runner of a test profile looks for the end of a child without a pause, and would take a whole core for it
    _, node = get_manager().create_runner(poll_interval=0.5).run_get_node(builder)
    table = node.outputs.rounds.get_dict()
    print(rounds.text(table))
    print(rounds.as_csv(table))
    assert node.exit_status == 0, node.exit_message
    first, last = table["rounds"][0], table["rounds"][-1]
    assert [run["seed"] for run in first["runs"]] == [run["seed"] for run in last["runs"]] == [1, 2, 3]
    assert not any(run["whole"] for run in first["runs"])
    assert all(run["whole"] and run["survived_ps"] >= 5.0 for run in last["runs"])
    assert min(run["mean_temperature_k"] for run in last["runs"]) >= 0.95 * 1500

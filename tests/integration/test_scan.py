# SPDX-License-Identifier: MIT
"""A scan with the real programs: a second one with one more row trains that row only."""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from aiida.orm import CalcJobNode, Dict, List

from aiida_zif.cli import profile
from aiida_zif.formats import h5md

ROWS = [{"label": "first", "r_max": 3.5}, {"label": "second", "r_max": 4.5}]
RUN = {"epochs": 1, "l_max": 0, "features": 4, "layers": 1}
SAMPLING = {"method": "random", "n_train": 8, "n_validation": 4, "seed": 1, "held_out_fraction": 0.1}


@pytest.fixture
def codes(aiida_localhost: Any) -> dict[str, Any]:
    """The real programs beside this Python."""
    aiida_localhost.set_minimum_job_poll_interval(1)
    found = profile.make_codes(aiida_localhost)
    roles = ("train", "package", "evaluate", "frames")
    if missing := [role for role in roles if role not in found]:
        pytest.skip(f"no program for {', '.join(missing)} beside {sys.executable}")
    return {role: found[role] for role in roles}


@pytest.fixture
def trajectory(aiida_profile: Any) -> Any:
    """A recorded trajectory of the demo."""
    from aiida_zif.data.trajectory import ZifTrajectoryData

    path = Path(str(resources.files("aiida_zif") / "structures" / "dia-zn-im-2-recorded" / "aimd_300K_v100.h5"))
    with h5md.H5md(path) as file:
        return ZifTrajectoryData.from_frames(file.read(), kind="aimd", asked_temperature_k=300.0, recorded=True).store()


@pytest.mark.long
def test_second_scan_trains_the_new_row_only(codes: dict[str, Any], trajectory: Any) -> None:
    """Training and evaluation of the first row come from the cache, and its numbers are those of before."""
    from aiida.manage import get_manager

    from aiida_zif.workchains.scan import ScanWorkChain

    tables = []
    for number in (1, 2):
        runner = get_manager().create_runner(poll_interval=0.5)
        given = {"rows": List(ROWS[:number]), "run": Dict(RUN), "sampling": Dict(SAMPLING), "trajectories": {"a": trajectory}}
        outputs, node = runner.run_get_node(ScanWorkChain, codes=codes, **given, use_cache=True, max_relative_force_mae=100.0)
        assert node.is_finished_ok, node.exit_message
        jobs = [job for job in node.called_descendants if isinstance(job, CalcJobNode)]
        ran = sorted(job.process_label for job in jobs if not job.base.caching.is_created_from_cache)
        expected = ["NequipEvaluateCalculation", "NequipTrainCalculation", *(["ZifFramesCalculation"] if number == 1 else [])]
        assert ran == expected
        tables.append(outputs["table"].get_dict())
    assert tables[0]["rows"]["first"]["forces_mae_mev_per_angstrom"] == tables[1]["rows"]["first"]["forces_mae_mev_per_angstrom"]
    assert len(tables[1]["order"]) == 2

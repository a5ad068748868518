# SPDX-License-Identifier: MIT
"""`zif.evaluate` by the real program: frames written by the job or linked to, and the numbers of either."""

from __future__ import annotations

from typing import Any

import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict

from aiida_zif.calculations.evaluate import NequipEvaluateCalculation
from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.cli.demo import recorded_trajectories

DRAW = {"method": "random", "n_train": 10, "n_validation": 2, "held_out_fraction": 0.1, "gap": 2, "seed": 1}


@pytest.fixture
def codes(tmp_path: Any, aiida_profile: Any) -> dict[str, Any]:
    """The programs of this machine."""
    from aiida_zif.cli import profile

    return profile.make_codes(profile.make_computer(tmp_path))


def test_linked_frames_give_the_same_numbers(codes: dict[str, Any], model: Any) -> None:
    """Two trajectories at two temperatures, each with its errors and their bars; the frames of zif.frames are linked, not written."""
    given = {name: node.store() for name, node in recorded_trajectories("aimd").items() if name in ("aimd_300K_v100", "aimd_2000K_v100")}
    dataset = draw_dataset(Dict(DRAW), **given)
    _, frames = run_get_node(ZifFramesCalculation, code=codes["frames"], dataset=dataset)
    inputs = {"code": codes["evaluate"], "model": model, "dataset": dataset, "cost_calls": 3, "warm_up": 1}
    inputs["metadata"] = {"disable_cache": True}
    jobs = [run_get_node(NequipEvaluateCalculation, **inputs, **more)[1] for more in ({"frames": frames.outputs.remote_folder}, {})]
    assert [job.exit_status for job in jobs] == [0, 0], [job.exit_message for job in jobs]
    linked, written = (job.outputs.accuracy.get_dict() for job in jobs)
    assert linked["forces_mae_mev_per_angstrom"] == pytest.approx(written["forces_mae_mev_per_angstrom"])
    assert [row["name"] for row in linked["per_trajectory"]] == ["aimd_2000K_v100", "aimd_300K_v100"]
    cold, hot = linked["per_temperature"]
    assert 250 < cold["temperature_k"] < 310 < 1700 < hot["temperature_k"]
    assert cold["forces_mae_mev_per_angstrom"] < hot["forces_mae_mev_per_angstrom"]
    assert 0 < cold["forces_mae_error_mev_per_angstrom"] < cold["forces_mae_mev_per_angstrom"]
    assert (linked["cost_calls"], linked["cost_n_atoms"]) == (3, 34)
    assert jobs[0].outputs.predictions.get_array("step").shape == (linked["n_frames"],)

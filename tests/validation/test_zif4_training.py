# SPDX-License-Identifier: MIT
"""ZIF-4 from the frames of the published model: a small NequIP and a small Allegro learn it in a minute of one core each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict

from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import extxyz
from aiida_zif.workchains.train import TrainWorkChain

SMALL = {"l_max": 1, "layers": 2, "features": 16, "batch": 1, "schedule": "cosine", "energy_weight": 1.0, "seed": 1}
RUNS = {
    "nequip": {**SMALL, "architecture": "nequip", "r_max": 4.0, "learning_rate": 0.01, "epochs": 24},
    "allegro": {**SMALL, "architecture": "allegro", "r_max": 3.5, "tensor_features": 8, "learning_rate": 0.03, "epochs": 22},
}
DRAW = {"method": "random", "n_train": 35, "n_validation": 4, "held_out_fraction": 0.2, "gap": "auto", "seed": 1}


@pytest.mark.long
@pytest.mark.parametrize("architecture", RUNS)
def test_small_model_learns_zif_4_in_a_minute(architecture: str, shared_data: Path, tmp_path: Path, aiida_profile: Any) -> None:
    """Force MAE on the last block of time at most 0.13 eV/Å, packaged and evaluated; the cost of the training is printed."""
    from aiida_zif.cli import profile

    codes = profile.make_codes(profile.make_computer(tmp_path))
    frames: Any = extxyz.read(shared_data / "zif4_frames" / "zif4_600K_53_frames.xyz")
    dataset = draw_dataset(Dict(DRAW), zif4=ZifTrajectoryData.from_frames(frames, kind="aimd", timestep_fs=50.0).store())
    builder = TrainWorkChain.get_builder()
    builder.codes = {role: codes[role] for role in ("train", "package", "evaluate")}
    builder.dataset, builder.run = dataset, Dict(RUNS[architecture])
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    job = next(child for child in node.called if child.process_label == "NequipTrainCalculation")
    mae = node.outputs.accuracy["forces_mae_mev_per_angstrom"]
    print(f"{architecture}: {job.outputs.results['core_s']:.0f} core seconds with the package, {mae:.1f} meV/Å")
    assert dataset.base.attributes.get("drawing")["leakage"]
    assert mae <= 130

# SPDX-License-Identifier: MIT
"""`zif.train`: GPUs of the run and of the options."""

from __future__ import annotations

from typing import Any

from aiida.orm import Computer

from aiida_zif.formats.nequip_config import TrainRun
from aiida_zif.workchains.train import gpus_problem


def test_gpus_must_be_asked_for_where_a_scheduler_gives_them(aiida_localhost: Any) -> None:
    """Where there is no scheduler a GPU is simply there."""
    queue = Computer(label="queue", hostname="localhost", transport_type="core.local", scheduler_type="core.slurm")
    run = TrainRun.from_dict({"device": "gpu"})
    assert "ask for 0: give options {'gpus': 1}" in str(gpus_problem(run, {}, queue))
    assert gpus_problem(run, {"gpus": 1}, queue) is None
    assert gpus_problem(run, {}, aiida_localhost) is None

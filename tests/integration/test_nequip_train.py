# SPDX-License-Identifier: MIT
"""nequip-train with what we render: resumed in another folder, killed, shared by two processes, diverging, at published size."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.formats import extxyz, h5md, nequip_log
from aiida_zif.formats.nequip_config import BEST_CHECKPOINT, LAST_CHECKPOINT, METRICS_FILE, TrainRun, render
from aiida_zif.workchains import protocol

pytestmark = pytest.mark.long

TYPES = ["C", "H", "N", "Zn"]
RECORDED = Path(__file__).resolve().parents[2] / "aiida_zif" / "structures" / "dia-zn-im-2-recorded" / "aimd_1000K_v105.h5"
PROGRAM = [sys.executable, "-m", "nequip.scripts.train", "-cn", "train.yaml"]
TINY = {"features": 8, "epochs": 6, "batch": 4, "learning_rate": 0.03}


def prepare(folder: Path, **settings: Any) -> Path:
    """Write twelve frames to train on, four to validate with, and the settings."""
    folder.mkdir()
    with h5md.H5md(RECORDED) as source:
        for name, which in (("train.xyz", range(0, 24, 2)), ("validation.xyz", range(30, 38, 2))):
            with (folder / name).open("w") as handle:
                extxyz.write(handle, source.read(list(which)))
    (folder / "train.yaml").write_text(render(TrainRun.from_dict({**TINY, **settings}), TYPES, "train.xyz", "validation.xyz", "out"))
    return folder


def train(folder: Path, *overrides: str, **environment: str) -> str:
    """Run to the end; return what was printed."""
    surroundings = {**os.environ, **environment}
    done = subprocess.run([*PROGRAM, *overrides], cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def curve(*folders: Path) -> nequip_log.LearningCurve:
    return nequip_log.join([nequip_log.read((folder / "out" / METRICS_FILE).read_text()) for folder in folders])


def bring(first: Path, second: Path) -> None:
    """Bring to another folder what a restart needs."""
    (second / "out").mkdir()
    shutil.copy(first / "out" / LAST_CHECKPOINT, second)
    shutil.copy(first / "out" / BEST_CHECKPOINT, second / "out")


def assert_equal(found: nequip_log.LearningCurve, expected: nequip_log.LearningCurve) -> None:
    assert found.epoch.tolist() == expected.epoch.tolist()
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], column, err_msg=name)


@pytest.mark.parametrize(
    "settings",
    [
        {"schedule": "plateau", "plateau_patience": 1, "plateau_factor": 0.1, "learning_rate": 0.3},
        {"architecture": "allegro", "schedule": "cosine", "batch": 5},
        {"irreps": "so3", "pair_prior": "zbl", "ema_decay": None, "stress_weight": 10.0},
    ],
    ids=["plateau", "allegro", "so3"],
)
def test_segments_joined_are_the_training_that_was_never_stopped(tmp_path: Path, settings: dict[str, Any]) -> None:
    """To the last bit on the CPU: errors, learning rates, the order of the frames, and the weights of the best epoch of all."""
    import torch

    whole = prepare(tmp_path / "whole", **settings)
    train(whole)
    parts = [prepare(tmp_path / f"part_{k}", **settings) for k in range(3)]
    train(parts[0], "++segment_seconds=0.001")
    for first, second in pairwise(parts):
        bring(first, second)
        limit = ["++segment_seconds=0.001"] if second is not parts[-1] else []
        train(second, f"++ckpt_path={LAST_CHECKPOINT}", *limit)
    assert [curve(part).epoch.tolist() for part in parts] == [[0], [1], [2, 3, 4, 5]]
    assert_equal(curve(*parts), curve(whole))
    for name in (BEST_CHECKPOINT, LAST_CHECKPOINT):
        weights = [torch.load(folder / "out" / name, weights_only=False)["state_dict"] for folder in (whole, parts[-1])]
        tensors = [{key: value for key, value in each.items() if isinstance(value, torch.Tensor)} for each in weights]
        assert all(torch.equal(value, tensors[1][key]) for key, value in tensors[0].items()), name


def test_a_killed_training_goes_on_after_its_last_whole_epoch(tmp_path: Path) -> None:
    """kill -9 in the middle: what was validated stands in the metrics, and at most the last epoch is done again."""
    whole, killed, resumed = (prepare(tmp_path / name, epochs=30) for name in ("whole", "killed", "resumed"))
    train(whole)
    process = subprocess.Popen(PROGRAM, cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (killed / "out" / METRICS_FILE).exists() or len(curve(killed).validated) < 5:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    bring(killed, resumed)
    train(resumed, f"++ckpt_path={LAST_CHECKPOINT}")
    assert 4 <= curve(resumed).epoch[0] <= len(curve(killed))
    assert_equal(curve(killed, resumed), curve(whole))


def test_two_processes_share_a_batch_inside_slurm(tmp_path: Path) -> None:
    """One process is started, which starts the other; SLURM's variables are not heeded; the same gradient as that of one process."""
    slurm = {f"SLURM_{name}": value for name, value in {"JOB_ID": "7", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}.items()}
    slurm |= {"SLURM_JOB_NAME": "aiida-1", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NODELIST": "localhost"}
    one, two = (prepare(tmp_path / str(n), devices=n, batch=12, precision="float64", features=8) for n in (1, 2))
    train(one)
    printed = train(two, **slurm)
    assert "Starting with 2 processes" in printed
    assert "auto-requeue" not in printed.lower()
    for name in ("val0_epoch/forces_mae", "train_loss_epoch/weighted_sum", "val0_epoch/per_atom_energy_mae"):
        np.testing.assert_allclose(curve(two).columns[name], curve(one).columns[name], rtol=1e-6)


def test_a_diverging_training_stops_at_the_first_such_epoch(tmp_path: Path) -> None:
    """It ends by itself, and the metrics say where."""
    folder = prepare(tmp_path / "diverging", learning_rate=1e30, epochs=6, schedule="none")
    train(folder)
    assert len(curve(folder)) < 6
    assert curve(folder).not_a_number is not None


@pytest.mark.parametrize(("architecture", "parameters"), [("nequip", "738 K"), ("allegro", "10.4 M")])
def test_published_size_is_accepted(tmp_path: Path, shared_data: Path, architecture: str, parameters: str) -> None:
    """One step of the optimiser and one validation on 272 atoms: NequIP 27 CPU seconds and 3.7 GB, Allegro 70 and 10.5."""
    lines = (shared_data / "zif4_frames" / "zif4_600K_53_frames.xyz").read_text().splitlines(keepends=True)
    for k, name in enumerate(("train.xyz", "validation.xyz")):
        (tmp_path / name).write_text("".join(lines[k * 30 * 274 : (k * 30 + 1) * 274]))
    run = TrainRun.from_dict(protocol.load("paper-exact")["train"]["runs"][architecture])
    (tmp_path / "train.yaml").write_text(render(run, TYPES, "train.xyz", "validation.xyz", "out"))
    printed = train(tmp_path, "trainer.accelerator=cpu", "trainer.max_epochs=1", "++trainer.num_sanity_val_steps=0")
    assert f"{parameters:9s} Total params" in printed
    assert curve(tmp_path).validated.tolist() == [0]

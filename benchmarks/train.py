# SPDX-License-Identifier: MIT
"""A segment of ``zif.train`` beside bare ``nequip-train`` with the same settings, and what packaging adds at the end of a training."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS, EPOCHS = 3, 6
TARGET_S = 10.0
RUN = {"architecture": "nequip", "layers": 2, "features": 16, "batch": 4, "epochs": EPOCHS, "shuffle": False, "seed": 1}


def dataset() -> Any:
    """Return an unstored dataset of recorded frames of dia-Zn(Im)₂: 40 to train, 20 to validate."""
    from aiida_zif.data.dataset import Origin, ZifDatasetData
    from aiida_zif.formats.h5md import H5md

    with H5md(Path(str(resources.files("aiida_zif"))) / "structures" / "dia-zn-im-2-recorded" / "aimd_1000K_v105.h5") as file:
        frames = file.read(np.arange(20, 80))
    origin = Origin(np.zeros(60, dtype=np.int64), frames.steps)
    return ZifDatasetData.from_frames(frames, ["train"] * 40 + ["validation"] * 20, origin, trajectories=["recorded"], drawing={})


def bare(program: str, node: Any, folder: Path) -> float:
    """Return the wall time of ``nequip-train``, files in place."""
    from aiida_zif.formats import extxyz, nequip_config

    folder.mkdir()
    for split in ("train", "validation"):
        extxyz.write(folder / f"{split}.xyz", node.frames(split))
    text = nequip_config.render(nequip_config.TrainRun.from_dict(RUN), node.elements, "train.xyz", "validation.xyz", "out")
    (folder / "train.yaml").write_text(text)
    began = time.perf_counter()
    subprocess.run([program, "-cn", "train.yaml"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def segment(codes: dict[str, Any], node: Any) -> tuple[float, float, float]:
    """Return the wall time from the submission of a whole training to its last output node, that of nequip-package in it, and AiiDA's
    own CPU time.
    """
    from aiida.manage import get_manager
    from aiida.orm import Dict

    from aiida_zif.calculations.train import NequipTrainCalculation

    began, spent = time.perf_counter(), time.process_time()
    runner = get_manager().create_runner(poll_interval=0.5, communicator=None)
    inputs = {"code": codes["train"], "package_code": codes["package"], "dataset": node, "run": Dict(RUN)}
    _, job = runner.run_get_node(NequipTrainCalculation, **inputs)
    took, spent = time.perf_counter() - began, time.process_time() - spent
    if not job.is_finished_ok:
        raise RuntimeError(f"the training ended with [{job.exit_status}] {job.exit_message}")
    folder = Path(job.get_remote_workdir())
    # what packages writes first when it starts and last when it ends
    packaging = (folder / "model.nequip.zip").stat().st_mtime - (folder / "train.out").stat().st_mtime
    return took, packaging, spent


def measure(folder: Path) -> dict[str, Any]:
    """Return medians over rounds taken by turns, in a profile of its own."""
    from aiida_zif.cli import profile

    profile.make_profile("benchmark", folder)
    codes = profile.make_codes(profile.make_computer(folder / "work"))
    node = dataset().store()
    theirs, ours, packages, spent = [], [], [], []
    for number in range(ROUNDS + 1):
        alone = bare(str(codes["train"].filepath_executable), node, folder / f"bare_{number}")
        took, packaging, aiida = segment(codes, node)
        if number:  # the first of each fills the disk cache
            theirs.append(alone)
            ours.append(took - packaging)
            packages.append(packaging)
            spent.append(aiida)
    overheads = [mine - alone for mine, alone in zip(ours, theirs, strict=True)]
    return {
        "zif_train_segment_s": statistics.median(ours), "nequip_train_s": statistics.median(theirs),
        "segment_ratio": statistics.median(ours) / statistics.median(theirs), "overhead_s": statistics.median(overheads),
        "aiida_core_s": statistics.median(spent), "package_once_s": statistics.median(packages), "frames": 60, "epochs": EPOCHS,
        "limits": {"overhead_s": TARGET_S},
    }  # fmt: skip


def run() -> dict[str, object]:
    """Return what ``measure`` finds in a process of its own: AiiDA takes its folder once, at import."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AIIDA_PATH": folder, "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, "-m", __name__, folder], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split()[-40:]))
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))

# SPDX-License-Identifier: MIT
"""A training by the real programs on recorded frames: interrupted or in planned segments, nothing shows but the cost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_zif.workchains.train import TrainWorkChain

from .conftest import Harm

RUN: dict[str, Any] = {
    "architecture": "nequip", "r_max": 4.0, "l_max": 1, "layers": 1, "features": 4, "batch": 4, "epochs": 8, "shuffle": False, "seed": 3,
}  # fmt: skip
LOOSE = {"max_relative_force_mae": 100.0}
Launch, Reports = Callable[..., Any], Callable[[Any], str]


def program_of(role: str) -> str:
    """Return the path of the program of a role; the test is skipped where it is missing."""
    from aiida_zif.cli.profile import find_program

    found = find_program(role)
    if found is None:
        pytest.skip(f"no program for {role} is installed: no failure of it can be made to happen")
    return found


@pytest.fixture
def recorded() -> Any:
    """A stored dataset of recorded frames of dia-Zn(Im)₂ at 300 K: 12 to train, 4 to validate, 4 held out."""
    from aiida_zif.data.dataset import Origin, ZifDatasetData
    from aiida_zif.formats.h5md import H5md

    with H5md(Path(str(resources.files("aiida_zif"))) / "structures" / "dia-zn-im-2-recorded" / "aimd_300K_v100.h5") as file:
        frames = file.read(np.arange(20, 100, 4))
    split = ["train"] * 12 + ["validation"] * 4 + ["held_out"] * 4
    origin = Origin(np.zeros(20, dtype=np.int64), frames.steps)
    return ZifDatasetData.from_frames(frames, split, origin, trajectories=["recorded"], drawing={"method": "blocks"}).store()


@pytest.fixture
def codes(harm: Harm, aiida_localhost: Any, tmp_path: Path) -> dict[str, Any]:
    """The programs of this machine, nequip-train behind the script; compiling takes a minute and is not the point: it fails."""
    from aiida.orm import InstalledCode

    paths = {role: program_of(role) for role in ("train", "package", "evaluate", "frames")}
    paths |= {"train": str(harm.wrap(paths["train"])), "compile": "/bin/false"}
    return {
        role: InstalledCode(
            label=f"{role}-{tmp_path.name}"[:50], computer=aiida_localhost, filepath_executable=path, with_mpi=False,
            prepend_text="export OMP_NUM_THREADS=1",
        ).store()
        for role, path in paths.items()
    }  # fmt: skip


def bare_curve(dataset: Any, folder: Path) -> Any:
    """Return the learning curve of nequip-train itself, without AiiDA, in one go."""
    from aiida_zif.formats import extxyz, nequip_config, nequip_log

    for split in ("train", "validation"):
        extxyz.write(folder / f"{split}.xyz", dataset.frames(split))
    text = nequip_config.render(nequip_config.TrainRun.from_dict(RUN), dataset.elements, "train.xyz", "validation.xyz", "out")
    (folder / "train.yaml").write_text(text)
    subprocess.run([program_of("train"), "-cn", "train.yaml"], cwd=folder, check=True, capture_output=True)
    return nequip_log.read((folder / "out" / nequip_config.METRICS_FILE).read_text())


def jobs(node: Any) -> list[Any]:
    """Return the trainings of a chain in the order of their submission."""
    return sorted((job for job in node.called if job.process_label == "NequipTrainCalculation"), key=lambda job: job.pk)


def assert_same(found: Any, expected: Any) -> None:
    """Every metric of every epoch is equal, but the seconds that an epoch took."""
    assert found.get_array("step").tolist() == expected.epoch.tolist() == list(range(RUN["epochs"]))
    names = [name for name in expected.columns if name != "epoch_s"]
    assert len(names) > 10
    for name in names:
        np.testing.assert_allclose(
            found.get_array(name.replace("/", "_").replace("-", "_")), expected.columns[name], rtol=1e-6, atol=1e-12, err_msg=name
        )


@pytest.mark.long
def test_killed_training_leaves_no_trace(
    launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any, tmp_path: Path
) -> None:
    """kill -9 at the third epoch: on the CPU, with frames in order, the joined curve is that of one go, and the best epoch is packaged."""
    harm.during(1, "epoch 3; kill -9 $pid")
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, **LOOSE)
    said = reports(node)
    assert node.is_finished_ok, said
    assert harm.starts == 2, said
    assert "(killed); the next one goes on from epoch" in said
    expected = bare_curve(recorded, tmp_path)
    assert_same(node.outputs.learning_curve, expected)
    facts = node.outputs.model.base.attributes.all
    assert (facts["epochs"], facts["best_epoch"], facts["n_parameters"]) == (8, expected.best_epoch, 436)
    first, last = jobs(node)
    assert first.outputs.restart.base.attributes.get("config_hash") == facts["config_hash"]
    assert "restart" not in last.outputs
    assert last.outputs.results["reason_ended"] == "asked epochs"

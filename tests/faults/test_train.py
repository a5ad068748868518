# SPDX-License-Identifier: MIT
"""A training by the real programs on recorded frames: interrupted or in planned segments, nothing shows but the cost."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiida.manage.caching import enable_caching

from aiida_zif.calculations.frames import ZifFramesCalculation
from aiida_zif.calculations.train import NequipTrainCalculation
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


SPLIT = ["train"] * 12 + ["validation"] * 4 + ["held_out"] * 4


def recorded_frames() -> Any:
    """Return twenty frames of dia-Zn(Im)₂ at 300 K, recorded."""
    from aiida_zif.formats.h5md import H5md

    with H5md(Path(str(resources.files("aiida_zif"))) / "structures" / "dia-zn-im-2-recorded" / "aimd_300K_v100.h5") as file:
        return file.read(np.arange(20, 100, 4))


@pytest.fixture
def recorded() -> Any:
    """A stored dataset of them."""
    from aiida_zif.data.dataset import Origin, ZifDatasetData

    frames = recorded_frames()
    origin = Origin(np.zeros(20, dtype=np.int64), frames.steps)
    return ZifDatasetData.from_frames(frames, SPLIT, origin, trajectories=["recorded"], drawing={"method": "blocks"}).store()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The learning curve of nequip-train itself, without AiiDA, in one go."""
    from aiida_zif.formats import extxyz, nequip_config, nequip_log

    folder, frames = tmp_path_factory.mktemp("bare"), recorded_frames()
    for split in ("train", "validation"):
        extxyz.write(folder / f"{split}.xyz", frames.select([row for row, name in enumerate(SPLIT) if name == split]))
    text = nequip_config.render(nequip_config.TrainRun.from_dict(RUN), sorted(set(frames.species)), "train.xyz", "validation.xyz", "out")
    (folder / "train.yaml").write_text(text)
    subprocess.run([program_of("train"), "-cn", "train.yaml"], cwd=folder, check=True, capture_output=True)
    return nequip_log.read((folder / "out" / nequip_config.METRICS_FILE).read_text())


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


def job_inputs(codes: dict[str, Any], dataset: Any, **changes: Any) -> dict[str, Any]:
    """Return the inputs of a training job."""
    return {"code": codes["train"], "package_code": codes["package"], "dataset": dataset, "run": {**RUN, **changes}}


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


def epochs_of(node: Any) -> list[int]:
    """Return the epochs of the curve that a chain put out."""
    found: list[int] = node.outputs.learning_curve.get_array("step").tolist()
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("commands", "said"),
    [("epoch 3; kill -9 $pid", "(killed)"), ("epoch 3; kill -TERM $pid", "(killed)"),
     ("epoch 3; scheduler 'JOB 7 CANCELLED DUE TO PREEMPTION'; kill -9 $pid", "preempted")],
    ids=["kill -9", "sigterm", "preempted"],
)  # fmt: skip
def test_killed_training_leaves_no_trace(
    launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any, expected: Any, commands: str, said: str
) -> None:
    """At the third epoch: on the CPU, with frames in order, the joined curve is that of one go, and the best epoch is packaged."""
    harm.during(1, commands)
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, **LOOSE)
    words = reports(node)
    assert node.is_finished_ok, words
    assert harm.starts == 2, words
    assert f"{said}; the next one goes on from epoch" in words
    assert_same(node.outputs.learning_curve, expected)
    facts = node.outputs.model.base.attributes.all
    assert (facts["epochs"], facts["best_epoch"], facts["n_parameters"]) == (8, expected.best_epoch, 436)
    first, last = jobs(node)
    assert first.outputs.restart.base.attributes.get("config_hash") == facts["config_hash"]
    assert "restart" not in last.outputs
    assert last.outputs.results["reason_ended"] == "asked epochs"


@pytest.mark.long
def test_planned_segments_leave_no_trace(launch: Launch, reports: Reports, codes: dict[str, Any], recorded: Any, expected: Any) -> None:
    """Each ends at the end of an epoch by itself, is not packaged, and the best epoch of all is that of one go."""
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, segment_seconds=1, **LOOSE)
    assert node.is_finished_ok, reports(node)
    assert "(segment time)" in reports(node)
    *planned, last = jobs(node)
    assert planned
    assert all(job.exit_status == 410 and "package.out" not in job.outputs.retrieved.list_object_names() for job in planned)
    assert last.outputs.results["reason_ended"] == "asked epochs"
    assert_same(node.outputs.learning_curve, expected)


@pytest.mark.long
def test_best_epoch_of_an_earlier_segment_is_packaged(
    launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any
) -> None:
    """The second segment learns from spoiled energies, and gets worse: the package holds the weights of the first."""
    harm.during(1, "epoch 3; kill -9 $pid")
    harm.before(2, "sed -i 's/ energy=-/ energy=-9/' train.xyz")
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, **LOOSE)
    assert node.is_finished_ok, reports(node)
    facts = node.outputs.model.base.attributes.all
    watched = node.outputs.learning_curve.get_array("val0_epoch_weighted_sum")
    assert facts["best_epoch"] == int(watched.argmin()) < 4
    assert watched[-1] > 100 * facts["best_error"]
    assert node.outputs.accuracy["energy_mae_mev_per_atom"] < 100


def test_absent_gpu_is_an_error(launch: Launch, codes: dict[str, Any], recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """nequip-train says so, once; it does not train on the CPU in silence."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    node = launch(NequipTrainCalculation, **job_inputs(codes, recorded, device="gpu"))
    assert node.exit_status == 223, node.exit_message
    assert "gpu backend" in node.exit_message
    assert set(node.outputs) == {"results", "retrieved", "remote_folder"}


def test_loss_that_is_no_number_stops_the_training(launch: Launch, codes: dict[str, Any], recorded: Any) -> None:
    """A learning rate of 1e30: the curve tells the epoch, and nothing is tried again."""
    node = launch(NequipTrainCalculation, **job_inputs(codes, recorded, learning_rate=1e30))
    assert node.exit_status == 521, node.exit_message
    assert node.outputs.results["reason_ended"] == "not a number"
    assert "learning_curve" in node.outputs


def test_purged_scratch_is_noticed(launch: Launch, codes: dict[str, Any], recorded: Any, harm: Harm) -> None:
    """The frames that zif.frames wrote are removed behind AiiDA's back: the job that links to them does not start its program."""
    written = launch(ZifFramesCalculation, code=codes["frames"], dataset=recorded)
    assert written.is_finished_ok, written.exit_message
    folder = written.outputs.remote_folder
    (Path(folder.get_remote_path()) / "train.xyz").unlink()
    node = launch(NequipTrainCalculation, **job_inputs(codes, recorded), frames=folder)
    assert (node.exit_status, harm.starts) == (222, 0), node.exit_message


@pytest.mark.long
def test_purged_scratch_is_written_again(launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any) -> None:
    """Also where the cache says that the frames are there."""
    with enable_caching(identifier="aiida.calculations:zif.frames"):
        first = launch(ZifFramesCalculation, code=codes["frames"], dataset=recorded)
        shutil.rmtree(first.outputs.remote_folder.get_remote_path())
        node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, **LOOSE)
    assert node.is_finished_ok, reports(node)
    frames = sorted((job for job in node.called if job.process_label == "ZifFramesCalculation"), key=lambda job: job.pk)
    assert [job.base.caching.is_created_from_cache for job in frames] == [True, False]
    assert harm.starts == 1


@pytest.mark.long
def test_full_gpu_memory_halves_the_batch(launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any) -> None:
    """The message is put into the output by the script: the next segment goes on from the checkpoint with half the frames per step."""
    harm.during(1, "epoch 2; kill -9 $pid; echo 'Traceback (most recent call last):'; echo 'torch.OutOfMemoryError: CUDA out of memory.'")
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, **LOOSE)
    assert node.is_finished_ok, reports(node)
    assert "ran out of memory with 4 frames a step" in reports(node)
    first, second = jobs(node)
    assert (first.inputs.run["batch"], second.inputs.run["batch"]) == (4, 2)
    assert second.inputs.restart.uuid == first.outputs.restart.uuid
    assert epochs_of(node) == list(range(RUN["epochs"]))


@pytest.mark.long
def test_hanging_training_is_stopped_and_begun_again(
    launch: Launch, harm: Harm, reports: Reports, codes: dict[str, Any], recorded: Any
) -> None:
    """Nothing grows any more in its folders: from the last checkpoint, once."""
    harm.during(1, "epoch 2; kill -STOP $pid; sleep 500")
    node = launch(TrainWorkChain, codes=codes, dataset=recorded, run=RUN, stalled_minutes=0.5, **LOOSE)
    assert node.is_finished_ok, reports(node)
    assert "hung (no file has grown" in reports(node)
    assert epochs_of(node) == list(range(RUN["epochs"]))

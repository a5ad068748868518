# SPDX-License-Identifier: MIT
"""`zif.train`: settings and frames are a pure function of dataset and run; train, and package what is trained."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiida.orm import Dict, FolderData

from aiida_zif.calculations.train import NequipTrainCalculation, package
from aiida_zif.formats.nequip_config import TrainRun, frozen_hash

RUN = {"architecture": "nequip", "epochs": 4, "seed": 5, "features": 8}


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {"code": codes["train"], "package_code": codes["package"], "dataset": dataset, "run": Dict(RUN)}


@pytest.fixture
def restart(dataset: Any) -> FolderData:
    """The checkpoints of a training by `RUN`, as far as AiiDA looks into them."""
    node = FolderData()
    for name in ("last.ckpt", "best.ckpt"):
        node.base.repository.put_object_from_filelike(io.BytesIO(b"checkpoint"), name)
    node.base.attributes.set_many({"config_hash": frozen_hash(TrainRun.from_dict(RUN), dataset.elements), "epochs": 2})
    return node.store()


@pytest.mark.parametrize("architecture", ["nequip", "allegro"])
def test_settings_are_the_golden_ones(
    prepare: Callable[..., Any], golden: Callable[..., None], inputs: dict[str, Any], architecture: str
) -> None:
    """The whole YAML, type names from the dataset in alphabetical order."""
    files = prepare(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, "architecture": architecture})}).files
    golden(f"train_{architecture}.yaml", files["train.yaml"])


def test_held_out_frames_stay_out(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Three frames to train on, one to validate with; the two held out are in no file."""
    files = prepare(NequipTrainCalculation, **inputs).files
    assert set(files) == {"train.yaml", "train.xyz", "validation.xyz"}
    assert len(files["train.xyz"].splitlines()) == 3 * 36
    assert len(files["validation.xyz"].splitlines()) == 36


def test_equal_inputs_write_equal_files(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The seed is an input; another one is another request."""
    first = prepare(NequipTrainCalculation, **inputs).files
    assert prepare(NequipTrainCalculation, **inputs).files == first
    assert prepare(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, "seed": 6})}).files != first


def test_graph_shows_dataset_and_run(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Both codes, the dataset and the run are edges."""
    assert prepare(NequipTrainCalculation, **inputs).edges == {"code", "package_code", "dataset", "run"}


def test_restart_goes_on_from_the_checkpoint(prepare: Callable[..., Any], inputs: dict[str, Any], restart: FolderData) -> None:
    """The same settings; the last state to go on from, and the best one so far where the new one would be written."""
    first, second = prepare(NequipTrainCalculation, **inputs), prepare(NequipTrainCalculation, **inputs, restart=restart)
    assert second.files == first.files
    assert "++ckpt_path=out/last.ckpt" in second.calcinfo.codes_info[0].cmdline_params
    assert second.calcinfo.local_copy_list == [(restart.uuid, name, f"out/{name}") for name in ("last.ckpt", "best.ckpt")]


def test_warm_start_goes_on_with_the_weights_of_a_package(prepare: Callable[..., Any], inputs: dict[str, Any], model: Any) -> None:
    """The network is that of the package, which lies beside the settings; all else is as without."""
    first, second = prepare(NequipTrainCalculation, **inputs), prepare(NequipTrainCalculation, **inputs, start=model.store())
    assert second.calcinfo.local_copy_list == [(model.uuid, model.filename, "start.nequip.zip")]
    before, after = (yaml.safe_load(found.files["train.yaml"]) for found in (first, second))
    package = {"_target_": "nequip.model.ModelFromPackage", "package_path": "start.nequip.zip", "compile_mode": "eager"}
    assert after["training_module"].pop("model") == package
    before["training_module"].pop("model")
    assert after == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"architecture": "allegro"}, "architecture nequip"), ({"r_max": 5.0}, "cutoff 4.0"), ({"precision": "float64"}, "precision float32")],
)
def test_warm_start_of_another_network_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], model: Any, change: dict[str, Any], sentence: str
) -> None:
    """In one sentence, before anything runs."""
    assert sentence in refusal(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, **change})}, start=model)


def test_warm_start_of_a_compiled_model_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], make_compiled: Any) -> None:
    """It holds code for one machine, and no weights to learn."""
    assert "in the form compiled" in refusal(NequipTrainCalculation, **inputs, start=make_compiled())


def test_restart_without_the_warm_start_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], restart: Any, model: Any) -> None:
    """Another beginning is another training."""
    assert "the checkpoint is that of another training" in refusal(NequipTrainCalculation, **inputs, restart=restart, start=model)


@pytest.mark.parametrize("change", [{"seed": 6}, {"learning_rate": 0.1}, {"r_max": 5.0}, {"energy_weight": 1.0}, {"epochs": 8}])
def test_restart_of_another_run_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], restart: FolderData, change: dict[str, Any]
) -> None:
    """By the hash of all settings, in one sentence, before anything is submitted."""
    sentence = refusal(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, **change})}, restart=restart)
    assert "the checkpoint is that of another training" in sentence
    assert "\n" not in sentence


def test_restart_may_have_smaller_batches(prepare: Callable[..., Any], inputs: dict[str, Any], restart: FolderData) -> None:
    """Frames per step are what a full GPU changes."""
    prepare(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, "batch": 2, "validation_batch": 5})}, restart=restart)


def test_restart_without_its_file_is_refused(refusal: Callable[..., str], inputs: dict[str, Any]) -> None:
    """A folder that is no checkpoint."""
    assert "the restart node holds no file best.ckpt" in refusal(NequipTrainCalculation, **inputs, restart=FolderData())


@pytest.mark.parametrize(("limit", "asked", "seconds"), [(None, None, None), (36000, None, 32400), (36000, 600, 600), (600, 3600, 540)])
def test_segment_ends_before_the_scheduler_does(
    prepare: Callable[..., Any], inputs: dict[str, Any], limit: int | None, asked: int | None, seconds: int | None
) -> None:
    """On the command line, so that the settings stay the same for every segment; the shorter of both limits."""
    options = {} if limit is None else {"metadata": {"options": {"max_wallclock_seconds": limit}}}
    segment = {} if asked is None else {"segment_seconds": asked}
    words = prepare(NequipTrainCalculation, **inputs, **options, **segment).calcinfo.codes_info[0].cmdline_params
    assert words == ["-cn", "train.yaml", *([] if seconds is None else [f"++segment_seconds={seconds}"])]


@pytest.mark.parametrize(
    ("said", "packaged"),
    [("TRAIN RUN END", True), ("Segment ends after epoch 3: 9 of 9 s\nTRAIN RUN END", False), ("TRAIN RUN START", False)],
    ids=["over", "segment", "killed"],
)
def test_only_a_training_that_is_over_is_packaged(codes: dict[str, Any], tmp_path: Path, said: str, packaged: bool) -> None:
    """A segment does not spend the seconds of another start of torch; checkpoints of what is over do not travel."""
    (tmp_path / "out").mkdir()
    (tmp_path / "train.out").write_text(said)
    (tmp_path / "out" / "last.ckpt").touch()
    subprocess.run(["bash", "-c", package(codes["package"], "train.out")], cwd=tmp_path, check=True)
    assert (tmp_path / "package.out").exists() is packaged
    assert (tmp_path / "out" / "last.ckpt").exists() is not packaged


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "mace"}, "must be one of nequip, allegro"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"epoch": 5}, "no setting epoch"),
        ({"stress_weight": 1.0, "stress_content": "total"}, "the stresses of the frames are 'virial'"),
    ],
)
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence with the value and what is allowed, before anything runs."""
    assert sentence in refusal(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, **change})})


def test_stress_asked_of_frames_without_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_frames: Callable[..., Any]
) -> None:
    """A single frame without its stress would make the loss no number."""
    import numpy as np

    from aiida_zif.data.dataset import Origin, ZifDatasetData

    stresses = np.ones((4, 6))
    stresses[2, 0] = np.nan
    split, origin = ["train", "train", "validation", "held_out"], Origin(np.zeros(4, dtype=np.int64), np.arange(4))
    holed = ZifDatasetData.from_frames(make_frames(4, stresses=stresses), split, origin, trajectories=["a"], drawing={})
    assert holed.n_without_stress == 1
    changed = {**inputs, "dataset": holed, "run": Dict({**RUN, "stress_weight": 1.0})}
    assert "1 frames have no stress" in refusal(NequipTrainCalculation, **changed)

# SPDX-License-Identifier: MIT
"""`zif.frames`: written once where they are read, linked by the jobs that read them, missed when they are gone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiida.common.links import LinkType
from aiida.orm import CalcJobNode, Dict, RemoteData

from aiida_zif.calculations.frames import GONE, ZifFramesCalculation
from aiida_zif.calculations.train import NequipTrainCalculation
from aiida_zif.programs import frames as program


@pytest.fixture
def written(tmp_path: Path, dataset: Any) -> Path:
    """What zif-frames makes of the dataset."""
    folder = tmp_path / "written"
    folder.mkdir()
    dataset.store()
    with dataset.open(mode="rb") as handle:
        (folder / "dataset.h5").write_bytes(handle.read())
    program.write(folder / "dataset.h5", folder)
    return folder


@pytest.fixture
def made(aiida_localhost: Any, written: Path) -> Callable[[Any], RemoteData]:
    """Return ``made(dataset)``: the folder as the output of a zif.frames job on it."""

    def make(dataset: Any) -> RemoteData:
        job = CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:zif.frames")
        job.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
        job.base.links.add_incoming(dataset.store(), LinkType.INPUT_CALC, "dataset")
        job.store()
        node = RemoteData(computer=aiida_localhost, remote_path=str(written))
        node.base.links.add_incoming(job, LinkType.CREATE, "remote_folder")
        return node.store()

    return make


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {"code": codes["train"], "package_code": codes["package"], "dataset": dataset, "run": Dict({"epochs": 4, "seed": 5})}


def test_dataset_goes_to_the_machine_unopened(prepare: Callable[..., Any], codes: dict[str, Any], dataset: Any) -> None:
    """One file is sent, a document of facts comes back; the frames stay."""
    prepared = prepare(ZifFramesCalculation, code=codes["frames"], dataset=dataset)
    assert prepared.files == {}
    assert prepared.calcinfo.local_copy_list == [(dataset.uuid, "dataset.h5", "dataset.h5")]
    assert "frames.json" in prepared.calcinfo.retrieve_temporary_list


def test_linked_frames_are_not_written(
    prepare: Callable[..., Any], inputs: dict[str, Any], dataset: Any, made: Callable[..., RemoteData], written: Path
) -> None:
    """Links to the files and to their hashes, nothing but the settings is sent; they are what the job would have written itself."""
    linked = prepare(NequipTrainCalculation, **inputs, frames=made(dataset))
    assert set(linked.files) == {"train.yaml"}
    names = [target for _, _, target in linked.calcinfo.remote_symlink_list]
    assert names == ["train.xyz", "validation.xyz", "frames.sha256"]
    own = prepare(NequipTrainCalculation, **inputs).files
    assert {name: (written / name).read_text() for name in names[:2]} == {name: own[name] for name in names[:2]}


def test_links_do_not_change_the_request(
    prepare: Callable[..., Any], inputs: dict[str, Any], dataset: Any, made: Callable[..., RemoteData]
) -> None:
    """Equal dataset and equal run are an equal request for the cache, wherever the frames lie and however long a segment is."""
    first = prepare(NequipTrainCalculation, **inputs).process.node
    second = prepare(NequipTrainCalculation, **inputs, frames=made(dataset), segment_seconds=60).process.node
    other = prepare(NequipTrainCalculation, **{**inputs, "run": Dict({"epochs": 4, "seed": 6})}).process.node
    assert first.base.caching.compute_hash() == second.base.caching.compute_hash()
    assert first.base.caching.compute_hash() != other.base.caching.compute_hash()


@pytest.mark.parametrize(
    ("damage", "said"),
    [("true", ""), ("rm {there}/train.xyz", GONE), ("echo >> {there}/validation.xyz", GONE), ("rm -r {there}", GONE)],
    ids=["whole", "a file removed", "a file changed", "all removed"],
)
def test_job_looks_whether_its_links_lead_anywhere(
    prepare: Callable[..., Any], inputs: dict[str, Any], dataset: Any, made: Callable[..., RemoteData], written: Path, tmp_path: Path,
    damage: str, said: str,
) -> None:  # fmt: skip
    """Before the program starts; the words stand where its output would."""
    calcinfo = prepare(NequipTrainCalculation, **inputs, frames=made(dataset)).calcinfo
    job = tmp_path / "job"
    job.mkdir()
    for _, source, target in calcinfo.remote_symlink_list:
        (job / target).symlink_to(source)
    subprocess.run(["bash", "-c", damage.format(there=written)], check=True)
    done = subprocess.run(["bash", "-c", f"{calcinfo.prepend_text}\necho trained"], cwd=job, capture_output=True, text=True, check=True)
    found = (job / "train.out").read_text().strip() if (job / "train.out").exists() else ""
    assert found == said
    assert done.stdout == ("" if said else "trained\n")


def test_frames_of_another_dataset_are_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], make_frames: Callable[..., Any], made: Callable[..., RemoteData]
) -> None:
    """The folder knows which job made it, and that job which dataset it wrote."""
    import numpy as np

    from aiida_zif.data.dataset import Origin, ZifDatasetData

    origin = Origin(np.zeros(3, dtype=np.int64), np.arange(3))
    other = ZifDatasetData.from_frames(make_frames(3, seed=9), ["train", "train", "validation"], origin, trajectories=["b"], drawing={})
    assert "are those of dataset" in refusal(NequipTrainCalculation, **inputs, frames=made(other))


def test_folder_that_was_cleaned_is_refused(
    refusal: Callable[..., str], inputs: dict[str, Any], dataset: Any, made: Callable[..., RemoteData]
) -> None:
    """AiiDA remembers that it removed it."""
    folder = made(dataset)
    folder.base.extras.set(RemoteData.KEY_EXTRA_CLEANED, True)
    assert "was cleaned: run zif.frames again" in refusal(NequipTrainCalculation, **inputs, frames=folder)

# SPDX-License-Identifier: MIT
"""`zif.evaluate`: the model on the frames of one split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiida.common.links import LinkType
from aiida.orm import CalcJobNode, RemoteData

from aiida_zif.calculations.evaluate import NequipEvaluateCalculation


def test_held_out_frames_are_evaluated(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """Two frames are held out, and written beside the model, with where they came from; the cost is measured as published."""
    prepared = prepare(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset)
    assert prepared.calcinfo.codes_info[0].cmdline_params == [
        "model.nequip.zip", "held_out.xyz", "--labels", "labels.txt", "--output", "accuracy.json", "--predictions", "predictions.npz",
        "--cost-calls", "300", "--warm-up", "6",
    ]  # fmt: skip
    assert len(prepared.files["held_out.xyz"].splitlines()) == 2 * 36
    assert prepared.files["labels.txt"].splitlines()[1:] == ["0 4 nan", "0 5 nan"]
    assert prepared.edges == {"code", "model", "dataset", "split", "cost_calls", "warm_up"}


def test_another_split_may_be_asked(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """The split is an input; equal inputs write equal files."""
    first, second = (
        prepare(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset, split="train").files for _ in range(2)
    )
    assert len(first["train.xyz"].splitlines()) == 3 * 36
    assert first == second


def test_measured_temperature_goes_along(prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any) -> None:
    """It is that of the audit of the frame's trajectory; no uuid stands in the file."""
    dataset.base.attributes.set("audits", [{"trajectory": "a-uuid", "name": "aimd_300K", "mean_temperature_k": 291.25}])
    files = prepare(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset).files
    assert files["labels.txt"].splitlines()[1:] == ["0 4 291.25", "0 5 291.25"]


@pytest.fixture
def written(aiida_localhost: Any, dataset: Any) -> RemoteData:
    """The folder of a zif.frames job on the dataset."""
    maker = CalcJobNode(computer=aiida_localhost, process_type="aiida.calculations:zif.frames")
    maker.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 1})
    maker.base.links.add_incoming(dataset.store(), LinkType.INPUT_CALC, "dataset")
    folder = RemoteData("/scratch/frames", computer=aiida_localhost)
    folder.base.links.add_incoming(maker.store(), LinkType.CREATE, "remote_folder")
    return folder.store()


def test_frames_that_lie_there_are_linked(
    prepare: Callable[..., Any], codes: dict[str, Any], model: Any, dataset: Any, written: RemoteData
) -> None:
    """They are not written again, and the job's hash is that of the job which writes them."""
    inputs = {"code": codes["evaluate"], "model": model.store(), "dataset": dataset}
    with_them, without = (prepare(NequipEvaluateCalculation, **inputs, **more) for more in ({"frames": written}, {}))
    links = {(source, name) for _, source, name in with_them.calcinfo.remote_symlink_list}
    assert ("/scratch/frames/held_out.xyz", "held_out.xyz") in links
    assert "held_out.xyz" not in with_them.files
    assert "labels.txt" in with_them.files
    hashes = [one.process.node.base.caching.get_hash() for one in (with_them, without)]
    assert hashes[0] == hashes[1] is not None


def test_frames_of_another_dataset_are_refused(
    refusal: Callable[..., str], codes: dict[str, Any], model: Any, dataset: Any, written: RemoteData
) -> None:
    """A link would lead to other frames."""
    other = dataset.clone()
    other.base.attributes.set("sha256", "0" * 64)
    found = refusal(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=other, frames=written)
    assert "run zif.frames again, or leave `frames` out" in found


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"split": "test"}, "train, validation, held_out"),
        ({"cost_calls": 0}, "at least 1 call must be timed"),
        ({"warm_up": -1}, "must be 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(
    wrong: dict[str, Any], sentence: str, refusal: Callable[..., str], codes: dict[str, Any], model: Any, dataset: Any
) -> None:
    """Each with the value and what is allowed."""
    assert sentence in refusal(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset, **wrong)


def test_model_that_does_not_know_an_element_is_refused(
    refusal: Callable[..., str], codes: dict[str, Any], make_compiled: Callable[..., Any], dataset: Any
) -> None:
    """Before anything is submitted."""
    model = make_compiled(type_names="C H N Cu")
    found = refusal(NequipEvaluateCalculation, code=codes["evaluate"], model=model, dataset=dataset)
    assert "the model knows C H N Cu, but the dataset holds Zn" in found

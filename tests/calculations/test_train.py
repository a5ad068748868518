# SPDX-License-Identifier: MIT
"""`zif.train`: settings and frames are a pure function of dataset and run; train, then package."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from aiida.common.datastructures import CodeRunMode
from aiida.orm import Dict, SinglefileData

from aiida_zif.calculations.train import NequipTrainCalculation

RUN = {"architecture": "nequip", "epochs": 4, "seed": 5, "features": 8}


@pytest.fixture
def inputs(codes: dict[str, Any], dataset: Any) -> dict[str, Any]:
    return {"code": codes["train"], "package_code": codes["package"], "dataset": dataset, "run": Dict(RUN)}


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


def test_package_follows_training(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Two programs one after the other in one job, since torch takes seconds to start and nothing is decided between them."""
    calcinfo = prepare(NequipTrainCalculation, **inputs).calcinfo
    assert calcinfo.codes_run_mode == CodeRunMode.SERIAL
    assert [code.cmdline_params[0] for code in calcinfo.codes_info] == ["-cn", "build"]
    assert {"train.xyz", "validation.xyz"} == set(calcinfo.provenance_exclude_list)


def test_restart_goes_on_from_the_checkpoint(prepare: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """The same settings, and the checkpoint under a name that holds no path of another machine."""
    restart = SinglefileData(io.BytesIO(b"checkpoint"), filename="last.ckpt").store()
    first, second = prepare(NequipTrainCalculation, **inputs), prepare(NequipTrainCalculation, **inputs, restart=restart)
    assert second.files == first.files
    assert "++ckpt_path=last.ckpt" in second.calcinfo.codes_info[0].cmdline_params
    assert second.calcinfo.local_copy_list == [(restart.uuid, "last.ckpt", "last.ckpt")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"architecture": "mace"}, "must be one of nequip, allegro"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"epoch": 5}, "no setting epoch"),
    ],
)
def test_bad_run_is_refused(refusal: Callable[..., str], inputs: dict[str, Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence with the value and what is allowed, before anything runs."""
    assert sentence in refusal(NequipTrainCalculation, **{**inputs, "run": Dict({**RUN, **change})})

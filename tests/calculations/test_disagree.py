# SPDX-License-Identifier: MIT
"""`zif.disagree`: all members of an ensemble on the frames of a dataset or a trajectory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida_zif.calculations.disagree import ZifDisagreeCalculation

MEMBERS = ["--model", "member_01.nequip.zip", "--model", "member_02.nequip.zip"]
FILES = ["--output", "disagreement.json", "--arrays", "disagreement.npz"]


def test_frames_of_a_dataset_are_calibrated(prepare: Callable[..., Any], codes: dict[str, Any], ensemble: Any, dataset: Any) -> None:
    """The members and the dataset's file go along as they are; the daemon writes nothing."""
    prepared = prepare(ZifDisagreeCalculation, code=codes["disagree"], ensemble=ensemble, dataset=dataset, seed=5)
    assert prepared.calcinfo.codes_info[0].cmdline_params == [
        "frames.h5",
        *MEMBERS,
        "--split",
        "held_out",
        "--calibrate",
        "--resamples",
        "200",
        "--seed",
        "5",
        *FILES,
    ]
    assert [name for _, _, name in prepared.calcinfo.local_copy_list] == ["frames.h5", "member_01.nequip.zip", "member_02.nequip.zip"]
    assert prepared.files == {}


def test_trajectory_is_not_calibrated(prepare: Callable[..., Any], codes: dict[str, Any], ensemble: Any, make_trajectory: Any) -> None:
    """Its forces are those of a model."""
    prepared = prepare(ZifDisagreeCalculation, code=codes["disagree"], ensemble=ensemble, trajectory=make_trajectory(), stride=3)
    assert prepared.calcinfo.codes_info[0].cmdline_params == ["frames.h5", *MEMBERS, "--stride", "3", *FILES]


def test_refusals(refusal: Callable[..., str], codes: dict[str, Any], ensemble: Any, dataset: Any, make_trajectory: Any) -> None:
    """No frames, two kinds of them, an unknown split or element, too few."""
    given = {"code": codes["disagree"], "ensemble": ensemble}
    trajectory = make_trajectory()
    assert "either a dataset or a trajectory" in refusal(ZifDisagreeCalculation, **given)
    assert "but 2 of them came" in refusal(ZifDisagreeCalculation, **given, dataset=dataset, trajectory=trajectory)
    assert "no test" in refusal(ZifDisagreeCalculation, **given, dataset=dataset, split="test")
    assert "needs two or more" in refusal(ZifDisagreeCalculation, **given, dataset=dataset, split="validation")
    assert "stride is 0" in refusal(ZifDisagreeCalculation, **given, trajectory=trajectory, stride=0)
    trajectory.base.attributes.set("elements", ["C", "Cu"])
    assert "the frames hold Cu" in refusal(ZifDisagreeCalculation, **given, trajectory=trajectory)

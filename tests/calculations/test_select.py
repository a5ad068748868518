# SPDX-License-Identifier: MIT
"""Datasets out of datasets: with provenance, each frame once, what was held out stays so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida.orm import Dict

from aiida_zif.calculations.functions.select import filter_dataset, merge_datasets
from aiida_zif.data.dataset import Origin, ZifDatasetData


@pytest.fixture
def make(make_frames: Callable[..., Any]) -> Callable[..., ZifDatasetData]:
    """Return ``make(uuids, split, owner, step, **fields)``: a stored dataset whose frames are those of ``make_frames``."""

    def made(uuids: list[str], split: list[str], owner: list[int], step: list[int], change: Any = None) -> ZifDatasetData:
        frames = make_frames(len(split), seed=sum(map(ord, uuids[0])))
        origin = Origin(np.array(owner), np.array(step))
        audits = [{"trajectory": uuid, "mean_temperature_k": 300.0 + 1000 * k} for k, uuid in enumerate(uuids)]
        frames = frames if change is None else change(frames)
        return ZifDatasetData.from_frames(frames, split, origin, trajectories=uuids, drawing={"method": "random"}, audits=audits).store()

    return made


def test_merged_frames_keep_split_and_origin(make: Callable[..., Any]) -> None:
    """Two datasets of different trajectories: all frames, splits as before, origins by uuid."""
    first = make(["a", "b"], ["train", "validation", "held_out"], [0, 1, 0], [5, 5, 7])
    second = make(["c", "a"], ["train", "validation"], [0, 1], [1, 9])
    found = merge_datasets(one=first, two=second)
    assert found.counts == {"train": 2, "validation": 2, "held_out": 1}
    assert found.base.attributes.get("trajectories") == ["a", "b", "c"]
    assert found.origin("train").trajectory.tolist() == [0, 2]
    assert found.origin("validation").step.tolist() == [5, 9]
    assert np.array_equal(found.frames("train").positions[1], second.frames("train").positions[0])
    assert [audit["trajectory"] for audit in found.base.attributes.get("audits")] == ["a", "b", "c"]
    assert found.base.links.get_incoming(link_label_filter="result").one().node.process_label == "merge_datasets"


def test_what_is_held_out_stays_held_out(make: Callable[..., Any]) -> None:
    """A frame that one dataset trains on and another holds out is held out, once."""
    first = make(["a"], ["train", "train", "validation"], [0, 0, 0], [1, 2, 3])
    second = make(["a"], ["train", "validation", "held_out"], [0, 0, 0], [4, 1, 2])
    found = merge_datasets(one=first, two=second)
    assert {split: found.origin(split).step.tolist() for split in found.counts} == {"train": [4], "validation": [3, 1], "held_out": [2]}
    drawing = found.base.attributes.get("drawing")
    assert (drawing["repeated"], drawing["moved"]) == (2, 2)


def test_two_systems_are_not_merged(make: Callable[..., Any]) -> None:
    """Other atoms, or stresses that hold something else."""
    first = make(["a"], ["train", "validation"], [0, 0], [1, 2])
    other = make(["b"], ["train", "validation"], [0, 0], [1, 2], lambda frames: replace(frames, species=frames.species[::-1]))
    with pytest.raises(ValueError, match="a dataset is of one system"):
        merge_datasets(one=first, two=other)
    total = make(["c"], ["train", "validation"], [0, 0], [1, 2], lambda frames: replace(frames, stress_content="total"))
    with pytest.raises(ValueError, match="different parts"):
        merge_datasets(one=first, two=total)
    with pytest.raises(ValueError, match="at least two"):
        merge_datasets(one=first)


@pytest.mark.parametrize(
    ("criteria", "kept"),
    [
        ({"max_force_ev_per_angstrom": 10}, [1, 2, 4, 5]),
        ({"max_energy_ev_per_atom": -100 + 2.5 / 34}, [0, 1, 2]),
        ({"min_energy_ev_per_atom": -100 + 2.5 / 34, "max_energy_ev_per_atom": -100 + 4.5 / 34}, [3, 4]),
        ({"max_temperature_k": 1000}, [0, 2, 4]),
        ({"min_temperature_k": 1000}, [1, 3, 5]),
        ({"trajectories": ["bb"]}, [1, 3, 5]),
        ({"elements": ["Zn", "N", "C", "H"]}, [0, 1, 2, 3, 4, 5]),
        ({"max_force_ev_per_angstrom": 10, "trajectories": ["aa"]}, [2, 4]),
    ],
)
def test_only_frames_that_meet_all_criteria_stay(make: Callable[..., Any], criteria: dict[str, Any], kept: list[int]) -> None:
    """Force, energy, temperature, origin, elements; each frame keeps its split."""

    def change(frames: Any) -> Any:
        forces = np.ones_like(frames.forces)
        forces[[0, 3], 7, 2] = 11
        return replace(frames, forces=forces, energies=-3400 + np.arange(6.0))

    split = ["train", "train", "validation", "validation", "train", "validation"]
    dataset = make(["aaa", "bbb"], split, [0, 1] * 3, [10, 11, 12, 13, 14, 15], change)
    if not {"train", "validation"} <= {split[k] for k in kept}:
        with pytest.raises(ValueError, match="to train on and to validate with"):
            filter_dataset(dataset, Dict(criteria))
        return
    found = filter_dataset(dataset, Dict(criteria))
    steps = sorted(step for name in found.counts for step in found.origin(name).step.tolist())
    assert steps == [10 + k for k in kept]
    assert found.base.attributes.get("drawing")["filtered_out"] == 6 - len(kept)
    assert set(found.base.attributes.get("drawing")["criteria"]) == set(criteria)


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ({"max_energy": 3}, "'max_energy' is no criterion"), ({"max_force_ev_per_angstrom": 0}, "no frame of the dataset meets"),
        ({"elements": ["Zn"]}, "and not of Zn"), ({"trajectories": ["cc"]}, "no frame came from trajectory cc"),
    ],
)  # fmt: skip
def test_senseless_criteria_are_refused(make: Callable[..., Any], criteria: dict[str, Any], said: str) -> None:
    """One sentence."""
    dataset = make(["aaa"], ["train", "validation"], [0, 0], [1, 2])
    with pytest.raises(ValueError, match=said):
        filter_dataset(dataset, Dict(criteria))


def test_unmeasured_temperature_filters_nothing(dataset: Any) -> None:
    """A dataset that does not know the temperatures says so."""
    with pytest.raises(ValueError, match="was not measured"):
        filter_dataset(dataset.store(), Dict({"max_temperature_k": 400}))

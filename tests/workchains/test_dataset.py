# SPDX-License-Identifier: MIT
"""`zif.dataset`: frames drawn by a seed, the end of each trajectory held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.engine import run_get_node
from aiida.orm import Dict

from aiida_zif.workchains.dataset import DatasetWorkChain

HOW = {"method": "flat_histogram", "n_train": 8, "n_validation": 3, "held_out_fraction": 0.2, "gap": 2, "seed": 4}


@pytest.fixture
def trajectories(make_trajectory: Callable[..., Any]) -> dict[str, Any]:
    first = make_trajectory(20, seed=1, first_used_step=4)
    return {
        "first": first,
        "second": make_trajectory(20, seed=2, unconverged_steps=[3, 5]),
        "label": make_trajectory(3, seed=3, kind="label"),
    }


def draw(trajectories: dict[str, Any], **changes: Any) -> Any:
    return run_get_node(DatasetWorkChain, trajectories=trajectories, parameters=Dict({**HOW, **changes}))


def test_draw_is_recorded(trajectories: dict[str, Any]) -> None:
    """Counts, method, seed, bins asked and filled, where each frame came from; singly labelled frames all train."""
    outputs, node = draw(trajectories)
    assert node.is_finished_ok
    dataset = outputs["dataset"]
    drawing = dataset.base.attributes.get("drawing")
    assert (drawing["method"], drawing["seed"], drawing["labelled_singly"]) == ("flat_histogram", 4, 3)
    assert drawing["train"]["asked"] == 8
    assert drawing["train"]["filled"] + drawing["train"]["empty"] == 8
    assert dataset.counts["train"] == drawing["train"]["filled"] + 3
    uuids = dataset.base.attributes.get("trajectories")
    origin = dataset.origin("train")
    for frame, (owner, step) in enumerate(zip(origin.trajectory, origin.step, strict=True)):
        source = next(t for t in trajectories.values() if t.uuid == uuids[owner]).frames()
        found = source.positions[source.steps.tolist().index(step)]
        assert np.array_equal(dataset.frames("train").positions[frame], found)


def test_held_out_frames_are_the_end(trajectories: dict[str, Any]) -> None:
    """The last block of each trajectory, further from what is trained on than the gap: no neighbour in time leaks."""
    dataset = draw(trajectories)[0]["dataset"]
    held, trained = dataset.origin("held_out"), dataset.origin("train")
    uuids = dataset.base.attributes.get("trajectories")
    for name in ("first", "second"):
        owner = uuids.index(trajectories[name].uuid)
        first_held = held.step[held.trajectory == owner].min()
        assert held.step[held.trajectory == owner].max() == 19
        assert trained.step[trained.trajectory == owner].max() < first_held - HOW["gap"]


def test_unfit_frames_are_not_drawn(trajectories: dict[str, Any]) -> None:
    """Neither equilibration nor unconverged frames."""
    dataset = draw(trajectories, n_train=11, method="random")[0]["dataset"]
    uuids = dataset.base.attributes.get("trajectories")
    for split in ("train", "validation", "held_out"):
        origin = dataset.origin(split)
        assert not np.isin(origin.step[origin.trajectory == uuids.index(trajectories["second"].uuid)], [3, 5]).any()
        assert (origin.step[origin.trajectory == uuids.index(trajectories["first"].uuid)] >= 4).all()


def test_seed_decides(trajectories: dict[str, Any]) -> None:
    """One seed, one dataset; another seed, another."""
    first, second, third = (draw(trajectories, seed=seed)[0]["dataset"].base.attributes.get("content_hash") for seed in (4, 4, 5))
    assert first == second != third


@pytest.mark.parametrize(
    ("change", "sentence"), [({"method": "clever"}, "must be flat_histogram or random"), ({"seed": None}, "lack seed")]
)
def test_bad_parameters_are_refused(
    refusal: Callable[..., str], trajectories: dict[str, Any], change: dict[str, Any], sentence: str
) -> None:
    """One sentence, before anything runs."""
    parameters = {key: value for key, value in {**HOW, **change}.items() if value is not None}
    assert sentence in refusal(DatasetWorkChain, trajectories=trajectories, parameters=parameters)

# SPDX-License-Identifier: MIT
"""Dataset nodes: split and origin beside the frames, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida.orm import QueryBuilder, load_node

from aiida_zif.data.dataset import Origin, ZifDatasetData

SPLIT = ["train", "validation", "held_out", "train"]
ORIGIN = Origin(np.array([0, 0, 1, 1]), np.array([7, 9, 2, 4]))
HOW: dict[str, Any] = {"trajectories": ["first", "second"], "drawing": {"method": "flat_histogram", "seed": 3}}


def test_splits_survive_the_repository(make_frames: Callable[..., Any]) -> None:
    """Each split gives back its own frames, and from which step of which trajectory they came."""
    frames = make_frames(4)
    node = load_node(ZifDatasetData.from_frames(frames, SPLIT, ORIGIN, **HOW).store().pk)
    assert np.array_equal(node.frames("train").positions, frames.positions[[0, 3]])
    assert np.array_equal(node.frames("held_out").forces, frames.forces[[2]])
    assert node.origin("train").trajectory.tolist() == [0, 1]
    assert node.origin("train").step.tolist() == [7, 4]
    assert node.counts == {"train": 2, "validation": 1, "held_out": 1}
    assert node.elements == ["C", "H", "N", "Zn"]


def test_equal_content_gives_an_equal_hash(make_frames: Callable[..., Any]) -> None:
    """Two nodes made apart have one hash; another split of the same frames has another."""
    first, second = (ZifDatasetData.from_frames(make_frames(4), SPLIT, ORIGIN, **HOW) for _ in range(2))
    assert first.store().base.caching.compute_hash() == second.store().base.caching.compute_hash()
    other = ZifDatasetData.from_frames(make_frames(4), ["train", "validation", "train", "held_out"], ORIGIN, **HOW)
    assert other.store().base.caching.compute_hash() != first.store().base.caching.compute_hash()


def test_drawing_answers_a_query(make_frames: Callable[..., Any]) -> None:
    """How it was drawn, from what, and how many are of each split are attributes that a query filters by."""
    node = ZifDatasetData.from_frames(make_frames(4), SPLIT, ORIGIN, **HOW).store()
    filters = {"attributes.counts.train": 2, "attributes.drawing.method": "flat_histogram", "attributes.stress": "virial"}
    assert node.pk in QueryBuilder().append(ZifDatasetData, filters=filters, project="id").all(flat=True)
    assert node.base.attributes.get("trajectories") == ["first", "second"]


def test_unknown_stresses_are_said(make_frames: Callable[..., Any]) -> None:
    """Where no frame has a stress, the dataset says so."""
    node = ZifDatasetData.from_frames(make_frames(4, stresses=np.full((4, 6), np.nan)), SPLIT, ORIGIN, **HOW)
    assert node.base.attributes.get("stress") == "none"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"split": ["train"] * 4}, "to train on and to validate with"),
        ({"split": ["train", "validation", "test", "train"]}, "but not for test"),
        ({"split": SPLIT[:3]}, "each needs one of both"),
        ({"origin": Origin(ORIGIN.trajectory[:2], ORIGIN.step[:2])}, "each needs one of both"),
        ({"energies": None}, "lacks them"),
        ({"forces": None}, "lacks them"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(make_frames: Callable[..., Any], change: dict[str, Any], sentence: str) -> None:
    """One sentence for a split that is empty, unknown or too short, and for labels that are missing."""
    frames = replace(make_frames(4), **{name: value for name, value in change.items() if name in ("energies", "forces")})
    with pytest.raises(ValueError, match=sentence):
        ZifDatasetData.from_frames(frames, change.get("split", SPLIT), change.get("origin", ORIGIN), **HOW)


def test_unknown_split_is_refused_on_reading(dataset: Any) -> None:
    """Only the three words are splits."""
    with pytest.raises(ValueError, match="but no rest"):
        dataset.frames("rest")

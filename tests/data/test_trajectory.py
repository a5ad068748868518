# SPDX-License-Identifier: MIT
"""Trajectory nodes: what goes in comes out, what a query asks is there, equal content is equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import QueryBuilder, load_node

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.frames import FIELDS


def test_frames_survive_the_repository(make_frames: Callable[..., Any]) -> None:
    """Every field of every frame comes back from a stored node, to the last bit."""
    frames = make_frames(5)
    node = ZifTrajectoryData.from_frames(frames).store()
    found = load_node(node.pk).frames()
    for name in FIELDS:
        expected, value = getattr(frames, name), getattr(found, name)
        assert (value is None) == (expected is None), name
        assert value is None or np.array_equal(np.asarray(value), np.asarray(expected)), name


def test_equal_content_gives_an_equal_hash(make_frames: Callable[..., Any]) -> None:
    """Two nodes made apart of the same frames have one hash; one frame of another seed changes it."""
    first, second = (ZifTrajectoryData.from_frames(make_frames(3), kind="aimd") for _ in range(2))
    assert first.store().base.caching.compute_hash() == second.store().base.caching.compute_hash()
    other = ZifTrajectoryData.from_frames(make_frames(3, seed=2), kind="aimd")
    assert other.store().base.caching.compute_hash() != first.store().base.caching.compute_hash()


def test_scalars_answer_a_query(make_frames: Callable[..., Any]) -> None:
    """Number of frames, elements, temperature, energies, volume and steps are attributes that a query filters by."""
    frames = make_frames(4, first_step=10)
    node = ZifTrajectoryData.from_frames(frames, kind="aimd", asked_temperature_k=300.0).store()
    filters = {
        "attributes.n_frames": 4, "attributes.n_atoms": 34, "attributes.elements": {"contains": ["Zn"]},
        "attributes.temperature_k": {"and": [{">": 250}, {"<": 350}]}, "attributes.step_first": 10, "attributes.step_last": 13,
        "attributes.asked_temperature_k": 300.0,
    }  # fmt: skip
    assert node.pk in QueryBuilder().append(ZifTrajectoryData, filters=filters, project="id").all(flat=True)
    facts = node.base.attributes.all
    assert facts["energy_ev"]["mean"] == pytest.approx(frames.energies.mean())
    assert facts["volume_angstrom3"] == pytest.approx(frames.volumes.mean())
    assert facts["fields"] == sorted(["positions", "cells", "energies", "forces", "stresses", "steps", "temperatures"])


def test_one_file_holds_all(make_trajectory: Callable[..., Any]) -> None:
    """One copy, under a fixed name."""
    assert make_trajectory().base.repository.list_object_names() == ["trajectory.h5"]


def test_frames_are_read_by_choice(make_trajectory: Callable[..., Any]) -> None:
    """Indices choose frames, names choose fields; a field that is not there is left out, not an error."""
    node = make_trajectory(6)
    found = node.frames([1, 4], fields=("positions", "steps", "velocities"))
    assert found.steps.tolist() == [1, 4]
    assert found.energies is None
    assert found.velocities is None


def test_equilibration_is_not_used(make_trajectory: Callable[..., Any]) -> None:
    """The used frames begin at ``first_used_step``."""
    assert make_trajectory(6, first_used_step=4).used_frames().steps.tolist() == [4, 5]


def test_no_frame_is_refused(make_frames: Callable[..., Any]) -> None:
    """A trajectory of nothing is refused in one sentence."""
    with pytest.raises(ValueError, match="at least one frame"):
        ZifTrajectoryData.from_frames(make_frames(2).select([]))

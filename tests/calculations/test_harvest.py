# SPDX-License-Identifier: MIT
"""Active learning on nodes: frames picked, datasets extended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict

from aiida_zif.calculations.functions.harvest import extend_dataset, pick_frames

LEARN = {"max_force_ev_per_angstrom": 20.0, "validation_every": 4}


def test_picked_frames_say_where_they_came_from(crystal: Any, make_trajectory: Callable[..., Any]) -> None:
    """A run that blew up, beside one that did not: its last frames, without labels, each with trajectory and step."""
    runs = {f"md_{k}": make_trajectory(6, seed=k, kind="md", timestep_fs=1.0) for k in (1, 2)}
    parameters = Dict({"rule": {"before": 2, "min_rmsd_angstrom": 0.0}, "skip_ps": 0.0, "blew_up": {"md_2": "lost atoms"}})
    found = pick_frames(reference=crystal, parameters=parameters, **runs)
    assert found["found"]["broken"] == 1
    assert found["found"]["runs"]["md_2"]["reason"] == "lost atoms"
    assert found["frames"].base.attributes.get("origins") == [[runs["md_2"].uuid, 4], [runs["md_2"].uuid, 5]]
    assert found["frames"].frames().energies is None
    np.testing.assert_allclose(found["frames"].frames().positions, runs["md_2"].frames().positions[4:])


def test_nothing_is_picked_where_all_is_whole(crystal: Any, make_trajectory: Callable[..., Any]) -> None:
    """No node of no frames; what an ensemble disagrees on is picked all the same."""
    run = make_trajectory(6, kind="md", timestep_fs=1.0).store()
    rule = {"max_disagreement_ev_per_angstrom": 1.0, "min_rmsd_angstrom": 0.0}
    parameters = Dict({"rule": rule, "skip_ps": 0.0, "blew_up": {}})
    assert "frames" not in pick_frames(reference=crystal, parameters=parameters, md_1=run)
    apart = ArrayData()
    apart.set_array("step", np.array([1, 3]))
    apart.set_array("max", np.array([0.2, 1.5]))
    found = pick_frames(reference=crystal, parameters=parameters, md_1=run, disagreement_md_1=apart)
    assert found["frames"].base.attributes.get("origins") == [[run.uuid, 3]]


def test_labels_extend_training_and_validation(dataset: Any, make_trajectory: Callable[..., Any]) -> None:
    """Every fourth validates; what is held out stays; no stress is invented; each frame says where it came from."""
    labels = make_trajectory(5, seed=7, fields={"stresses": None, "temperatures": None}, kind="label")
    before = dataset.frames("held_out").positions
    found = extend_dataset(dataset=dataset, parameters=Dict(LEARN), label_01=labels)
    assert found.counts == {"train": 7, "validation": 2, "held_out": 2}
    np.testing.assert_array_equal(found.frames("held_out").positions, before)
    stresses = found.frames("train").stresses
    assert np.isfinite(stresses).all(axis=1).sum() == 3
    assert labels.uuid in found.base.attributes.get("trajectories")
    assert found.origin("validation").step.tolist() == [3, 2]
    assert found.base.attributes.get("drawing")["extended_from"] == dataset.uuid
    assert found.held_out_places == dataset.held_out_places


def test_collisions_are_left_out(dataset: Any, make_trajectory: Callable[..., Any]) -> None:
    """A force above the bound; where nothing is left, a sentence."""
    forces = np.zeros((5, 34, 3))
    forces[[1, 2], 3, 0] = 30.0
    labels = make_trajectory(5, seed=7, fields={"forces": forces}, kind="label").store()
    found = extend_dataset(dataset=dataset, parameters=Dict(LEARN), label_01=labels)
    assert found.base.attributes.get("drawing")["too_large_forces_added"] == 2
    assert sum(found.counts.values()) == 6 + 3
    with pytest.raises(ValueError, match="nothing is left to learn from"):
        extend_dataset(dataset=dataset, parameters=Dict({**LEARN, "max_force_ev_per_angstrom": -1.0}), label_01=labels)

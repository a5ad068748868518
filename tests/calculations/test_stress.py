# SPDX-License-Identifier: MIT
"""Stress labels with and without the kinetic part: the same frames, there and back, and nothing that is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiida.orm import ArrayData, Dict, Str

from aiida_zif.calculations.functions.dataset import draw_dataset
from aiida_zif.calculations.functions.stress import relabel_stress, relabelled, stress_question
from aiida_zif.science.frames import kinetic_stress

DRAW = {"method": "random", "n_train": 6, "n_validation": 3, "held_out_fraction": 0.3, "gap": 1, "seed": 1}


@pytest.fixture
def trajectory(make_trajectory: Callable[..., Any]) -> Any:
    """Twenty stored frames with velocities."""
    velocities = np.random.default_rng(2).normal(0, 5, (20, 34, 3))
    return make_trajectory(20, fields={"velocities": velocities}).store()


@pytest.fixture
def drawn(trajectory: Any) -> Any:
    return draw_dataset(Dict(DRAW), aimd=trajectory)


def test_total_is_virial_without_the_kinetic_part(drawn: Any, trajectory: Any) -> None:
    """σ_total = σ_virial − Σ m v v / V; all else, and the order of the frames, is as it was; the graph knows what it was made of."""
    total = relabel_stress(drawn, Str("total"), aimd=trajectory)
    before, after = drawn.frames("held_out"), total.frames("held_out")
    steps = drawn.origin("held_out").step
    frames = trajectory.frames(steps)
    assert before.stresses - after.stresses == pytest.approx(kinetic_stress(frames.velocities, frames.masses, frames.volumes))
    assert np.array_equal(before.positions, after.positions)
    assert total.origin("held_out").step.tolist() == steps.tolist()
    assert total.counts == drawn.counts
    assert total.base.attributes.get("stress") == after.stress_content == "total"
    assert total.base.attributes.get("drawing")["kinetic_from"] == {str(trajectory.uuid): "velocities"}


def test_there_and_back(drawn: Any, trajectory: Any) -> None:
    """By velocities the virial comes back, and is called so."""
    back = relabelled(relabel_stress(drawn, Str("total"), aimd=trajectory), "virial", {"aimd": trajectory})
    assert back.base.attributes.get("stress") == "virial"
    assert back.frames("train").stresses == pytest.approx(drawn.frames("train").stresses)


def test_without_velocities_it_is_estimated(make_trajectory: Callable[..., Any]) -> None:
    """What was taken out by a temperature is not called virial."""
    node = make_trajectory(20, fields={"stress_content": "total"}, timestep_fs=20.0).store()
    found = relabelled(draw_dataset(Dict(DRAW), aimd=node), "virial", {"aimd": node})
    assert found.base.attributes.get("stress") == "estimated"
    assert list(found.base.attributes.get("drawing")["kinetic_from"].values()) == ["temperatures"]


def test_what_cannot_be_relabelled_is_refused(drawn: Any, trajectory: Any, make_trajectory: Callable[..., Any]) -> None:
    """What it is already, what nobody knows, what has none, and what came from elsewhere."""
    with pytest.raises(ValueError, match="are virial already"):
        relabelled(drawn, "virial", {"aimd": trajectory})
    with pytest.raises(ValueError, match="can hold virial or total"):
        relabelled(drawn, "kinetic", {"aimd": trajectory})
    with pytest.raises(ValueError, match="which was not given"):
        relabelled(drawn, "total", {"aimd": make_trajectory(20)})
    bare = make_trajectory(20, fields={"stresses": None}).store()
    with pytest.raises(ValueError, match="no stress that could be relabelled"):
        relabelled(draw_dataset(Dict(DRAW), aimd=bare), "total", {"aimd": bare})


def test_answer_is_one_of_the_frames_held_out(drawn: Any, trajectory: Any) -> None:
    """A model that says its labels has no error against them; predictions of other frames are refused."""
    total = relabel_stress(drawn, Str("total"), aimd=trajectory)
    origin = drawn.origin("held_out")
    said = ArrayData({"step": origin.step, "stress_predicted": drawn.frames("held_out").stresses}).store()
    found = stress_question(drawn, total, virial_1=said)
    assert found["models"]["virial_1"]["stress_mae_against_virial_mpa"] == [0, 0]
    assert found["kinetic_pressure_mpa"][0] > 0
    with pytest.raises(ValueError, match="not those of the frames held out"):
        stress_question(drawn, total, virial_1=ArrayData({"step": origin.step + 1, "stress_predicted": said.get_array("step")}).store())

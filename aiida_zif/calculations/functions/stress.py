# SPDX-License-Identifier: MIT
"""Stress labels with and without their kinetic part, on the same frames; and what learning from the one or the other does to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Str
from numpy.typing import NDArray

from aiida_zif.calculations.plain import plain
from aiida_zif.data.dataset import SPLITS, ZifDatasetData
from aiida_zif.data.kinetic import kinetic_of
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.breakdown import Origins
from aiida_zif.science.stress_labels import answer


@calcfunction
def relabel_stress(dataset: ZifDatasetData, content: Str, **trajectories: ZifTrajectoryData) -> ZifDatasetData:
    """Return ``dataset`` with stresses that hold ``content``: ``virial`` or ``total``. See ``relabelled``."""
    return relabelled(dataset, content.value, trajectories)


def relabelled(dataset: ZifDatasetData, content: str, trajectories: Mapping[str, ZifTrajectoryData]) -> ZifDatasetData:
    """Return the same frames, split and origin, their stresses with the kinetic part put in (``total``) or taken out (``virial``).

    σ_total = σ_virial − Σ m v v / V, tension positive. ``trajectories`` are those that the dataset was drawn from: they know how the atoms
    moved (``data.kinetic``). What was taken out by anything but velocities is ``estimated``, and the dataset says what it is from. Frames
    labelled one by one do not move: they have no stress of this kind, and lose theirs.

    Raises ``ValueError`` with one sentence where there is no stress, it is so already, or a trajectory is missing.
    """
    attributes = dataset.base.attributes
    now = attributes.get("stress", "none")
    if content not in ("virial", "total"):
        raise ValueError(f"the stresses are to hold {content!r}, but can hold virial or total")
    if now == "none":
        raise ValueError("the dataset has no stress that could be relabelled; draw from trajectories with stress")
    if (now == "total") == (content == "total"):
        raise ValueError(f"the stresses of the dataset are {now} already")
    frames, split, origin = dataset.all_frames()
    assert frames.stresses is not None
    given = {str(node.uuid): node for node in trajectories.values()}
    kinetic: NDArray[np.float64] = np.full((len(frames), 6), np.nan)
    sources: dict[str, str] = {}
    for number, uuid in enumerate(attributes.get("trajectories")):
        mine = np.flatnonzero(origin.trajectory == number)
        if not len(mine):
            continue
        if uuid not in given:
            raise ValueError(f"the dataset was drawn from trajectory {uuid}, which was not given: give all that it names")
        if given[uuid].base.attributes.get("kind", "aimd") != "label":
            kinetic[mine], sources[uuid] = kinetic_of(given[uuid], origin.step[mine])
    stresses = frames.stresses + (kinetic if content == "virial" else -kinetic)
    without: Literal["virial", "estimated"] = "virial" if set(sources.values()) <= {"velocities"} else "estimated"
    changed = replace(frames, stresses=stresses, stress_content="total" if content == "total" else without)
    drawing = {**attributes.get("drawing"), "relabelled_from": str(dataset.uuid), "kinetic_from": sources}
    histograms = {name: found for name in SPLITS[:2] if (found := dataset.histogram(name)) is not None}
    return ZifDatasetData.from_frames(
        changed, split, origin, trajectories=attributes.get("trajectories"), drawing=drawing, audits=attributes.get("audits", []),
        histograms=histograms,
    )  # fmt: skip


@calcfunction
def stress_question(virial: ZifDatasetData, total: ZifDatasetData, **predictions: ArrayData) -> Dict:
    """Return what the labels that models learned from do to their stresses and mean pressures (``science.stress_labels``).

    ``virial`` and ``total`` are the same frames with either label; ``predictions`` are those of models on the held-out ones.
    Raises ``ValueError`` where the frames are not the same.
    """
    split = "held_out"
    origin, other = virial.origin(split), total.origin(split)
    if not (np.array_equal(origin.step, other.step) and np.array_equal(origin.trajectory, other.trajectory)):
        raise ValueError("the two datasets do not hold out the same frames: make one of the other by relabel_stress")
    predicted = {}
    for name, node in predictions.items():
        if not np.array_equal(node.get_array("step"), origin.step):
            raise ValueError(f"the predictions of {name} are not those of the frames held out: evaluate the model on them")
        predicted[name] = node.get_array("stress_predicted")
    origins = Origins(origin.trajectory, origin.step, virial.measured_temperatures()[origin.trajectory])
    return Dict(plain(answer(_stresses(virial, split), _stresses(total, split), predicted, origins)))


def _stresses(node: ZifDatasetData, split: str) -> NDArray[np.float64]:
    found = node.frames(split, ("stresses",)).stresses
    if found is None or not np.isfinite(found).all():
        raise ValueError("some of the frames held out have no stress: draw from trajectories with stress only")
    return found

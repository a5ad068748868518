# SPDX-License-Identifier: MIT
"""Trajectories: joining segments, and the audit of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Float

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import audit
from aiida_zif.science.frames import concatenate


@calcfunction
def join_trajectories(**segments: ZifTrajectoryData) -> ZifTrajectoryData:
    """Return one trajectory of all segments in the order of their names; a step that two of them hold counts once, as last run."""
    nodes = [segments[name] for name in sorted(segments)]
    frames = concatenate([node.frames() for node in nodes])
    if frames.steps is not None:
        _, last = np.unique(frames.steps[::-1], return_index=True)
        frames = frames.select(len(frames) - 1 - last)
    inherited = ("kind", "timestep_fs", "asked_temperature_k", "method", "first_used_step", "stress", "unwrapped")
    facts = {name: value for name in inherited if (value := nodes[0].base.attributes.get(name, None)) is not None}
    bad = sorted({step for node in nodes for step in node.base.attributes.get("unconverged_steps", [])})
    return ZifTrajectoryData.from_frames(frames, **facts, unconverged_steps=bad)


@calcfunction
def join_arrays(**segments: ArrayData) -> ArrayData:
    """Return one ArrayData: the rows of all segments in the order of their names, unique by their ``step`` column."""
    nodes = [segments[name] for name in sorted(segments)]
    names = [name for name in nodes[0].get_arraynames() if all(name in node.get_arraynames() for node in nodes)]
    joined = {name: np.concatenate([node.get_array(name) for node in nodes]) for name in names}
    _, last = np.unique(joined["step"][::-1], return_index=True)
    result = ArrayData()
    for name, values in joined.items():
        result.set_array(name, values[len(values) - 1 - last])
    result.base.attributes.set_many({key: value for key, value in nodes[0].base.attributes.all.items() if key.startswith("units|")})
    result.base.attributes.set("stages", nodes[-1].base.attributes.get("stages", []))
    return result


@calcfunction
def audit_trajectory(trajectory: ZifTrajectoryData, tolerance: Float) -> Dict:
    """Say whether the labels of the used part are fit to train on (``science.audit``)."""
    frames = trajectory.used_frames()
    attributes = trajectory.base.attributes
    found = audit.audit(
        frames, attributes.get("asked_temperature_k"), tolerance=tolerance.value, unconverged_steps=attributes.get("unconverged_steps", [])
    )
    verdict: dict[str, Any] = {
        "passed": found.passed,
        "sentences": list(found.sentences),
        "mean_temperature_k": found.mean_temperature,
        "asked_temperature_k": attributes.get("asked_temperature_k"),
        "frames_used": int(found.usable.sum()),
        "first_used_step": trajectory.first_used_step,
        "duplicates": found.duplicates,
        "unconverged": found.n_unconverged,
    }
    return Dict(verdict)

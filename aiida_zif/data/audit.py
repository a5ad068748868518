# SPDX-License-Identifier: MIT
"""The audit of a trajectory node, batch by batch from its file: memory does not grow with its length but for some 60 bytes a frame."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.audit import Audit, judge
from aiida_zif.science.evidence import Evidence

LOOKED_AT = ("energies", "forces", "stresses", "steps", "times", "temperatures")


def audit_node(node: ZifTrajectoryData, tolerance: float = 0.15) -> Audit:
    """Return the verdict on the used part of a trajectory (``science.audit``), by what its attributes say of the run."""
    attributes, evidence = node.base.attributes, Evidence()
    with node.h5md() as file:
        fields = [name for name in LOOKED_AT if name in file.fields]
        if "temperatures" not in fields and "velocities" in file.fields:
            fields.append("velocities")
        for frames in file.batches(used(node, file), fields):
            evidence.add(frames)
    return judge(
        evidence, attributes.get("asked_temperature_k", None), tolerance, attributes.get("unconverged_steps", []),
        attributes.get("conserved_drift_ev", None), attributes.get("timestep_fs", None),
    )  # fmt: skip


def used(node: ZifTrajectoryData, file: Any) -> Any:
    """Return which frames are not equilibration, as indices or all of them."""
    if "steps" not in file.fields or not node.first_used_step:
        return slice(None)
    return np.flatnonzero(file.array("steps") >= node.first_used_step)


def facts(found: Audit) -> dict[str, Any]:
    """Return the verdict as plain Python, without the series."""
    return {
        "passed": found.passed,
        "failed": list(found.failed),
        "sentences": list(found.sentences),
        "reasons": list(found.reasons),
        "mean_temperature_k": found.mean_temperature,
        "frames": found.evidence.n_frames,
        "frames_used": int(found.usable.sum()),
        "unusable": ranges(~found.usable),
        "labels_wrong": found.labels_wrong,
        "duplicates": found.duplicates,
        "unconverged": found.n_unconverged,
        "not_finite": found.n_not_finite,
        "missing_steps": found.n_missing,
        "consistency": None if found.consistency is None else asdict(found.consistency),
        "autocorrelation_frames": found.autocorrelation_frames,
        "drift_ev_per_atom_ps": found.drift_ev_per_atom_ps,
        "stress": {
            "content": found.evidence.stress_content, "whole": found.evidence.n_stress, "diagonal": found.evidence.n_stress_diagonal,
        },
    }  # fmt: skip


def ranges(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[list[int]]:
    """Return ``[first, behind the last]`` of each run of entries that are set."""
    change = np.flatnonzero(np.diff(np.r_[0, mask.astype(np.int8), 0]))
    return change.reshape(-1, 2).tolist()


def mask_of(runs: list[list[int]], length: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the mask of ``length`` entries of which ``ranges`` are ``runs``."""
    mask = np.zeros(length, dtype=np.bool_)
    for begin, end in runs:
        mask[begin:end] = True
    return mask

# SPDX-License-Identifier: MIT
"""`zif.dataset`: frames drawn from trajectories into training, validation and held-out sets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict

from aiida_zif.data.dataset import Origin, ZifDatasetData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import audit, sampling
from aiida_zif.science.frames import Frames, concatenate


@calcfunction
def draw_dataset(parameters: Dict, **trajectories: ZifTrajectoryData) -> ZifDatasetData:
    """Return the dataset that ``parameters`` (method, n_train, n_validation, held_out_fraction,
    gap, seed; max_force_ev_per_angstrom of frames labelled singly) draw from ``trajectories``.

    The last block in time of each AIMD trajectory is held out. Frames labelled one by one (``kind: label``) all go into training: they
    were chosen by hand where a model had failed, and belong to no stretch of time that could leak.
    """
    wanted = parameters.get_dict()
    names = sorted(trajectories)
    dynamic = [name for name in names if trajectories[name].base.attributes.get("kind", "aimd") != "label"]
    single = [name for name in names if name not in dynamic]
    parts = [trajectories[name].used_frames() for name in dynamic]
    frames = concatenate(parts)
    if frames.energies is None:
        raise ValueError("a draw needs the energy of each frame, but one trajectory has none")
    usable = np.concatenate([_usable(trajectories[name], part) for name, part in zip(dynamic, parts, strict=True)])
    masks = sampling.split_by_time([_steps(part) for part in parts], wanted["held_out_fraction"], wanted["gap"])
    split, first, second = sampling.split(
        frames.energies, masks, wanted["n_train"], wanted["n_validation"], wanted["method"], np.random.default_rng(wanted["seed"]), usable
    )
    chosen = np.concatenate([split.train, split.validation, split.held_out])
    labels = ["train"] * len(split.train) + ["validation"] * len(split.validation) + ["held_out"] * len(split.held_out)
    owner = np.concatenate([np.full(len(part), names.index(name)) for name, part in zip(dynamic, parts, strict=True)])[chosen]
    steps = np.concatenate([_steps(part) for part in parts])[chosen]

    singly = [trajectories[name].frames() for name in single]
    extra = [_gentle(part, wanted.get("max_force_ev_per_angstrom")) for part in singly]
    for name, part in zip(single, extra, strict=True):
        labels += ["train"] * len(part)
        owner = np.concatenate([owner, np.full(len(part), names.index(name))])
        steps = np.concatenate([steps, _steps(part)])
    drawing: dict[str, Any] = {
        "method": wanted["method"], "seed": wanted["seed"], "gap_frames": wanted["gap"],
        "held_out_fraction": wanted["held_out_fraction"], "train": _counts(first), "validation": _counts(second),
        "labelled_singly": sum(map(len, extra)), "too_large_forces": sum(map(len, singly)) - sum(map(len, extra)), "left": len(split.rest),
    }  # fmt: skip
    joined = concatenate([_labels_only(part) for part in (frames.select(chosen), *extra)])
    uuids = [str(trajectories[name].uuid) for name in names]
    return ZifDatasetData.from_frames(joined, labels, Origin(owner, steps), trajectories=uuids, drawing=drawing)


def _steps(frames: Frames) -> np.ndarray[Any, Any]:
    return np.arange(len(frames)) if frames.steps is None else frames.steps


def _usable(node: ZifTrajectoryData, frames: Frames) -> np.ndarray[Any, Any]:
    unconverged = node.base.attributes.get("unconverged_steps", [])
    return audit.audit(frames, None, unconverged_steps=unconverged).usable


def _gentle(frames: Frames, max_force: float | None) -> Frames:
    """Return the frames without an atom on which a force exceeds ``max_force``, eV/Å: a collision teaches a small model nothing else."""
    if max_force is None or frames.forces is None:
        return frames
    return frames.select(np.linalg.norm(frames.forces, axis=2).max(axis=1) <= max_force)


def _labels_only(frames: Frames) -> Frames:
    """Return what is learned from: velocities and steps belong to a trajectory; a stress that is not known is NaN."""
    stresses = frames.stresses if frames.stresses is not None else np.full((len(frames), 6), np.nan)
    return Frames(frames.species, frames.positions, frames.cells, frames.energies, frames.forces, stresses, masses=frames.masses)


def _counts(draw: sampling.Draw) -> dict[str, int]:
    return {key: value for key, value in asdict(draw).items() if key != "indices"}

# SPDX-License-Identifier: MIT
"""Datasets out of datasets: merged, or filtered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict
from numpy.typing import NDArray

from aiida_zif.data.dataset import SPLITS, Origin, ZifDatasetData
from aiida_zif.science.frames import Frames, concatenate

CRITERIA: dict[str, str] = {
    "max_force_ev_per_angstrom": "the largest force on an atom",
    "min_energy_ev_per_atom": "the energy",
    "max_energy_ev_per_atom": "the energy",
    "min_temperature_k": "the measured mean temperature of the trajectory",
    "max_temperature_k": "the measured mean temperature of the trajectory",
    "elements": "the elements of the system, all of them",
    "trajectories": "uuids (or their beginnings) of the trajectories whose frames stay",
}
"""What frames are kept by."""


@calcfunction
def merge_datasets(**datasets: ZifDatasetData) -> ZifDatasetData:
    """Return all frames of ``datasets``; see ``merged``."""
    return merged(datasets)


@calcfunction
def filter_dataset(dataset: ZifDatasetData, criteria: Dict) -> ZifDatasetData:
    """Return the frames of ``dataset`` that meet all ``criteria``; see ``filtered``."""
    return filtered(dataset, criteria.get_dict())


def merged(datasets: Mapping[str, ZifDatasetData]) -> ZifDatasetData:
    """Return all frames of ``datasets``, each with its split.

    A frame (trajectory and step) that several hold counts once; where they use it differently it stays furthest from training: held out
    before validation before training. Raises ``ValueError`` for different systems, or stresses that do not hold the same.
    """
    names = sorted(datasets)
    if len(names) < 2:
        raise ValueError("merging needs at least two datasets")
    read = [datasets[name].all_frames() for name in names]
    first = read[0][0]
    for name, (frames, _, _) in zip(names, read, strict=True):
        if frames.species != first.species:
            raise ValueError(f"{name} ({datasets[name].uuid}) is of other atoms than {names[0]}, but a dataset is of one system")
    uuids = sorted({uuid for name in names for uuid in datasets[name].base.attributes.get("trajectories")})
    owner = np.concatenate(
        [
            np.array([uuids.index(uuid) for uuid in datasets[name].base.attributes.get("trajectories")])[origin.trajectory]
            for name, (_, _, origin) in zip(names, read, strict=True)
        ]
    )
    step = np.concatenate([origin.step for _, _, origin in read])
    code = np.array([SPLITS.index(label) for _, labels, _ in read for label in labels])
    order = np.lexsort((-code, step, owner))
    new = np.r_[True, (np.diff(owner[order]) != 0) | (np.diff(step[order]) != 0)]
    kept = np.sort(order[new])
    kept = kept[np.argsort(code[kept], kind="stable")]
    strictest = {(int(owner[k]), int(step[k])): int(code[k]) for k in kept}
    moved = sum(strictest[int(a), int(b)] != int(c) for a, b, c in zip(owner, step, code, strict=True))
    drawing = {
        "method": "merged", "merged": [str(datasets[name].uuid) for name in names], "repeated": len(code) - len(kept), "moved": moved,
    }  # fmt: skip
    audits = {audit["trajectory"]: audit for name in names for audit in datasets[name].base.attributes.get("audits", [])}
    return ZifDatasetData.from_frames(
        concatenate([frames for frames, _, _ in read]).select(kept), [SPLITS[k] for k in code[kept]], Origin(owner[kept], step[kept]),
        trajectories=uuids, drawing=drawing, audits=[audits[uuid] for uuid in uuids if uuid in audits],
    )  # fmt: skip


def filtered(dataset: ZifDatasetData, wanted: dict[str, Any]) -> ZifDatasetData:
    """Return the frames of ``dataset`` that meet all criteria ``wanted`` (``CRITERIA``), each with its split.

    Raises ``ValueError`` for an unknown criterion, or where nothing is left to train on or to validate with.
    """
    if unknown := sorted(set(wanted) - set(CRITERIA)):
        raise ValueError(f"{unknown[0]!r} is no criterion; choose from {', '.join(CRITERIA)}")
    frames, labels, origin = dataset.all_frames()
    kept = np.flatnonzero(_meets(dataset, frames, origin, wanted))
    if not len(kept):
        raise ValueError(f"no frame of the dataset meets {wanted}: relax it")
    attributes = dataset.base.attributes
    drawing = {**attributes.get("drawing"), "filtered_from": str(dataset.uuid), "criteria": wanted, "filtered_out": len(labels) - len(kept)}
    return ZifDatasetData.from_frames(
        frames.select(kept), [labels[k] for k in kept], Origin(origin.trajectory[kept], origin.step[kept]),
        trajectories=attributes.get("trajectories"), drawing=drawing, audits=attributes.get("audits", []),
    )  # fmt: skip


def _meets(dataset: ZifDatasetData, frames: Frames, origin: Origin, wanted: dict[str, Any]) -> NDArray[np.bool_]:
    attributes = dataset.base.attributes
    if (elements := wanted.get("elements")) is not None and sorted(elements) != sorted(set(frames.species)):
        raise ValueError(f"the dataset is of {' '.join(sorted(set(frames.species)))}, and not of {' '.join(sorted(elements))}")
    assert frames.forces is not None
    assert frames.energies is not None
    energy = frames.energies / len(frames.species)
    good = np.linalg.norm(frames.forces, axis=2).max(axis=1) <= wanted.get("max_force_ev_per_angstrom", np.inf)
    good &= (energy >= wanted.get("min_energy_ev_per_atom", -np.inf)) & (energy <= wanted.get("max_energy_ev_per_atom", np.inf))
    uuids = attributes.get("trajectories")
    if {"min_temperature_k", "max_temperature_k"} & set(wanted):
        measured = {audit["trajectory"]: audit["mean_temperature_k"] for audit in attributes.get("audits", [])}
        if any(measured.get(uuids[number]) is None for number in np.unique(origin.trajectory)):
            raise ValueError("the temperature of a trajectory of this dataset was not measured: filter by trajectories instead")
        temperature = np.array([measured.get(uuid) or np.nan for uuid in uuids])[origin.trajectory]
        good &= (temperature >= wanted.get("min_temperature_k", 0)) & (temperature <= wanted.get("max_temperature_k", np.inf))
    if (wanted_uuids := wanted.get("trajectories")) is not None:
        if lost := [text for text in wanted_uuids if not any(uuid.startswith(text) for uuid in uuids)]:
            raise ValueError(f"no frame came from trajectory {lost[0]}; the dataset was drawn from {', '.join(uuids)}")
        numbers = [k for k, uuid in enumerate(uuids) if any(uuid.startswith(text) for text in wanted_uuids)]
        good &= np.isin(origin.trajectory, numbers)
    return np.asarray(good)

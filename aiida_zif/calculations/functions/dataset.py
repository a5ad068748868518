# SPDX-License-Identifier: MIT
"""`zif.dataset`: frames drawn from trajectories into training, validation and held-out sets; datasets merged and filtered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict
from numpy.typing import NDArray

from aiida_zif.calculations.plain import plain
from aiida_zif.data.dataset import SPLITS, Origin, ZifDatasetData
from aiida_zif.data.gather import BEST_STRESS, check_one_system, gather
from aiida_zif.data.offer import Offer, offer
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science.drawing import Chosen, Recipe, choose
from aiida_zif.science.sampling import Draw

SUMMARY = (
    "passed", "failed", "sentences", "frames", "frames_used", "mean_temperature_k", "autocorrelation_frames", "consistency",
    "drift_ev_per_atom_ps", "stress",
)  # fmt: skip
"""What a dataset keeps of the audit of each of its trajectories."""


@calcfunction
def draw_dataset(parameters: Dict, **given: ZifTrajectoryData | Dict) -> ZifDatasetData:
    """Return the dataset that ``parameters`` (``science.drawing.Recipe``) draw from the trajectories ``given``.

    The audit of a trajectory NAME comes as ``audit_NAME``; one that is not given is made here. Frames labelled one by one
    (``kind: label``) all go into training: they were chosen by hand where a model had failed, and belong to no stretch of time that
    could leak. Only energies are looked at before the choice; frames are read once they are chosen.
    """
    recipe = Recipe.from_dict(parameters.get_dict())
    trajectories = {name: node for name, node in sorted(given.items()) if isinstance(node, ZifTrajectoryData)}
    audits = {name: node.get_dict() for name, node in given.items() if isinstance(node, Dict)}
    names, nodes = list(trajectories), list(trajectories.values())
    check_one_system(nodes)
    offers = [offer(name, node, audits.get(f"audit_{name}")) for name, node in trajectories.items()]
    dynamic = [number for number, found in enumerate(offers) if found.is_dynamic]
    chosen = choose([offers[number].source for number in dynamic], recipe)

    parts = [(name, getattr(chosen.split, name)) for name in SPLITS]
    labels = [name for name, indices in parts for _ in indices]
    together = np.concatenate([indices for _, indices in parts])
    starts = np.cumsum([0, *(len(offers[number].index) for number in dynamic)])
    place = np.searchsorted(starts, together, side="right") - 1
    owner, local = np.array(dynamic)[place], together - starts[place]

    single = [number for number, found in enumerate(offers) if not found.is_dynamic]
    gentle = {number: _gentle(offers[number], recipe.max_force_ev_per_angstrom) for number in single}
    for number, kept in gentle.items():
        labels += ["train"] * len(kept)
        owner, local = np.concatenate([owner, np.full(len(kept), number)]), np.concatenate([local, kept])
    index, step = (_looked_up([getattr(found, what) for found in rows], owner, local) for what, rows in (
        ("index", offers), ("steps", [found.source for found in offers])
    ))  # fmt: skip

    keep, note = _one_stress(offers, recipe.mixed_stress)
    kept_singly = sum(map(len, gentle.values()))
    offered_singly = sum(int(offers[number].source.usable.sum()) for number in single)
    groups = {names[number]: group for number, group in zip(dynamic, chosen.groups, strict=True)}
    drawing = {
        **_drawing(recipe, chosen), "labelled_singly": kept_singly, "too_large_forces": offered_singly - kept_singly, "stress_note": note,
        "groups": groups,
    }  # fmt: skip
    return ZifDatasetData.from_frames(
        gather(nodes, owner, index, keep), labels, Origin(owner, step), trajectories=[str(node.uuid) for node in nodes],
        drawing=plain(drawing), audits=[_summary(found) for found in offers],
        histograms={name: draw.histogram for name, draw in _draws(chosen).items() if draw.histogram is not None},
    )  # fmt: skip


def _looked_up(tables: Sequence[NDArray[Any]], owner: NDArray[Any], local: NDArray[Any]) -> NDArray[np.int64]:
    """Return ``tables[owner][local]`` for each pair."""
    found = np.empty(len(owner), dtype=np.int64)
    for number, table in enumerate(tables):
        found[owner == number] = table[local[owner == number]]
    return found


def _gentle(found: Offer, max_force: float | None) -> NDArray[np.intp]:
    """Return the usable frames without an atom on which a force exceeds ``max_force``, eV/Å."""
    usable = np.flatnonzero(found.source.usable)
    if max_force is None or not len(usable):
        return usable
    with found.node.h5md() as file:
        forces = file.array("forces", found.index[usable])
    return usable[np.linalg.norm(forces, axis=2).max(axis=1) <= max_force]


def _one_stress(offers: Sequence[Offer], mixed: str) -> tuple[str | None, str | None]:
    """Return what the stresses of the dataset hold, and a sentence where those of some trajectories were given up for it."""
    contents = sorted({found.stress_content for found in offers} - {"none"}, key=BEST_STRESS.index)
    if len(contents) < 2:
        return (contents[0] if contents else None), None
    held = "; ".join(f"{content}: {', '.join(found.name for found in offers if found.stress_content == content)}" for content in contents)
    if mixed == "refuse":
        raise ValueError(
            f"the stresses of these trajectories do not hold the same ({held}): draw from one kind, or give mixed_stress nan to learn no "
            f"stress from any but the {contents[0]} ones"
        )
    return contents[0], f"The stresses did not hold the same ({held}): those that are not {contents[0]} were left out."


def _summary(found: Offer) -> dict[str, Any]:
    return {"trajectory": str(found.node.uuid), "name": found.name, **{key: found.audit[key] for key in SUMMARY}}


def _draws(chosen: Chosen) -> dict[str, Draw]:
    return {"train": chosen.train, "validation": chosen.validation}


def _drawing(recipe: Recipe, chosen: Chosen) -> dict[str, Any]:
    bins = {name: {"asked": draw.asked, "filled": draw.filled, "empty": draw.empty} for name, draw in _draws(chosen).items()}
    leakage = {**asdict(chosen.leakage), "sentence": chosen.leakage.sentence}
    return {
        **asdict(recipe), **bins, "gap_frames": max(chosen.gaps, default=0), "gaps_frames": list(chosen.gaps), "leakage": leakage,
        "left": len(chosen.split.rest),
    }  # fmt: skip

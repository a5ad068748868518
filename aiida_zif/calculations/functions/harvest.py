# SPDX-License-Identifier: MIT
"""Active learning, one step each: frames picked where a model fails, a dataset extended by their labels, the table of rounds."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, StructureData
from numpy.typing import NDArray

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.dataset import Origin, ZifDatasetData
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import harvest, linkers
from aiida_zif.science.frames import Frames, concatenate

DISAGREEMENT, KNOWN = "disagreement_", "known_"
"""How the names of what is given beside the runs begin."""


@calcfunction
def pick_frames(reference: StructureData, parameters: Dict, **given: ZifTrajectoryData | ArrayData) -> dict[str, Any]:
    """Return ``found``, how each run went, and ``frames``, those to label, where there are any (``science.harvest``).

    Runs come under their names, the disagreement along a run NAME as ``disagreement_NAME``, frames picked before as ``known_…``.
    ``parameters`` are ``rule``, ``skip_ps`` and ``blew_up``, the reason by name of each run that did not reach its last step.
    """
    wanted = parameters.get_dict()
    rule = harvest.Rule.from_dict(wanted["rule"])
    names = sorted(name for name in given if not name.startswith((DISAGREEMENT, KNOWN)))
    topology = linkers.perceive(*structure_arrays(reference))
    runs = []
    for name in names:
        frames = given[name].frames(fields=("positions", "cells", "steps", "temperatures"))
        facts = {"timestep_fs": given[name].base.attributes.get("timestep_fs"), "skip_ps": wanted["skip_ps"]}
        runs.append((frames, harvest.survival(topology, frames, blew_up=wanted["blew_up"].get(name), **facts)))
    known = [given[name].frames(fields=("positions",)).positions for name in sorted(given) if name.startswith(KNOWN)]
    apart = [_along(frames, given.get(DISAGREEMENT + name)) for name, (frames, _) in zip(names, runs, strict=True)]
    picked = harvest.pick(topology, runs, rule, np.concatenate(known) if known else None, apart)
    rate = harvest.hazard([run for _, run in runs], topology.n_linkers)
    told = [{key: value for key, value in asdict(run).items() if key != "end"} for _, run in runs]
    found = {
        "runs": dict(zip(names, told, strict=True)),
        "broken": sum(not run.whole for _, run in runs), "hazard": asdict(rate), "picked": len(picked), "n_linkers": topology.n_linkers,
    }  # fmt: skip
    result: dict[str, Any] = {"found": Dict(plain(found))}
    if picked:
        parts = [replace(runs[number][0].select([frame]), steps=None, temperatures=None) for number, frame in picked]
        origins = [[str(given[names[number]].uuid), int(_steps(runs[number][0])[frame])] for number, frame in picked]
        result["frames"] = ZifTrajectoryData.from_frames(concatenate(parts), kind="harvested", origins=origins)
    return result


@calcfunction
def extend_dataset(dataset: ZifDatasetData, parameters: Dict, **labels: ZifTrajectoryData) -> ZifDatasetData:
    """Return ``dataset`` with the frames of ``labels`` to train on, every ``validation_every``-th of them to validate with.

    What is held out stays as it is. Without a share in the validation the best epoch would be that which learned least of them. A frame
    with a force above ``max_force_ev_per_angstrom`` is left out: a collision teaches a small model nothing else.
    Raises ``ValueError`` for other atoms, or where no label is left.
    """
    wanted = parameters.get_dict()
    frames, split, origin = dataset.all_frames()
    uuids: list[str] = list(dataset.base.attributes.get("trajectories"))
    parts, owner, step, too_large = [frames], [origin.trajectory], [origin.step], 0
    for name in sorted(labels):
        mine = labels[name].frames()
        steps = _steps(mine)
        largest = np.linalg.norm(_forces(mine), axis=2).max(axis=1)
        kept = np.flatnonzero(largest <= wanted["max_force_ev_per_angstrom"])
        too_large += len(mine) - len(kept)
        if len(kept):
            parts.append(_like(frames, mine.select(kept)))
            uuids.append(str(labels[name].uuid))
            owner.append(np.full(len(kept), len(uuids) - 1))
            step.append(steps[kept])
    added = sum(map(len, parts[1:]))
    if not added:
        raise ValueError(f"none of the labels has forces below {wanted['max_force_ev_per_angstrom']} eV/Å: nothing is left to learn from")
    every = wanted["validation_every"]
    split += ["validation" if every and k % every == every // 2 else "train" for k in range(added)]
    new = {"extended_from": str(dataset.uuid), "added": added, "too_large_forces_added": too_large}
    drawing = {**dataset.base.attributes.get("drawing"), **new}
    return ZifDatasetData.from_frames(
        concatenate(parts), split, Origin(np.concatenate(owner), np.concatenate(step)), trajectories=uuids, drawing=drawing,
        audits=dataset.base.attributes.get("audits", []),
    )  # fmt: skip


@calcfunction
def gather_rounds(verdict: Dict, **rounds: Dict) -> Dict:
    """Return the table of all rounds, in their order, with the verdict."""
    return Dict({**verdict.get_dict(), "rounds": [rounds[name].get_dict() for name in sorted(rounds)]})


def _along(frames: Frames, node: Any) -> NDArray[np.float64] | None:
    """Return the largest disagreement of each frame; NaN where it was not asked for."""
    if node is None:
        return None
    known = dict(zip(node.get_array("step").tolist(), node.get_array("max").tolist(), strict=True))
    return np.array([known.get(int(step), np.nan) for step in _steps(frames)], dtype=float)


def _steps(frames: Frames) -> NDArray[np.int64]:
    return np.arange(len(frames)) if frames.steps is None else frames.steps


def _forces(frames: Frames) -> NDArray[np.float64]:
    if frames.forces is None or frames.energies is None:
        raise ValueError("a label needs energy and forces; frames of zif.label have both")
    return frames.forces


def _like(frames: Frames, mine: Frames) -> Frames:
    """Return ``mine`` with the fields of ``frames``; a stress that is not known is NaN."""
    stresses = None if frames.stresses is None else np.full((len(mine), 6), np.nan)
    if stresses is not None and mine.stresses is not None and mine.stress_content == frames.stress_content:
        stresses = mine.stresses
    return replace(
        mine, stresses=stresses, stress_content=frames.stress_content, masses=frames.masses, velocities=None, steps=None, times=None,
        temperatures=None,
    )  # fmt: skip

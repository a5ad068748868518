# SPDX-License-Identifier: MIT
"""Linkers watched and melts judged, on trajectory nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, Float, StructureData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import linkers, melting
from aiida_zif.science.frames import Frames
from aiida_zif.science.melt_evidence import Evidence
from aiida_zif.science.msd import unwrap


@calcfunction
def scale_volume(structure: StructureData, factor: Float) -> StructureData:
    """Return the structure at ``factor`` times its volume, each linker moved as a rigid body."""
    species, positions, cell = structure_arrays(structure)
    return to_structure(species, *linkers.scale_volume(species, positions, cell, factor.value))


@calcfunction
def watch_linkers(reference: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> Dict:
    """Follow every linker of ``reference`` through ``trajectory``; broken means in ``consecutive`` frames or more in a row.

    With ``before_step`` only the frames before it count: what is torn by a run that blew up says nothing of the linkers.
    """
    wanted = parameters.get_dict()
    before = wanted.pop("before_step", None)
    topology = linkers.perceive(*structure_arrays(reference))
    frames = trajectory.frames(fields=("positions", "cells", "steps", "temperatures"))
    if before is not None and frames.steps is not None:
        frames = frames.select(np.flatnonzero(frames.steps < before))
    if not len(frames):
        return Dict({"whole": True, "n_linkers": topology.n_linkers, "frames": 0, "breaks": [], **parameters.get_dict()})
    report = linkers.watch(topology, frames, **wanted)
    share = report.intact_share
    result = {
        "whole": report.whole, "n_linkers": report.n_linkers, "frames": len(frames), "breaks": report.breaks,
        "intact_share_min": share.min(), "intact_share_end": share[-1], "transients": report.transients,
        "shortest_distance_angstrom": report.shortest_distance, **parameters.get_dict(),
    }  # fmt: skip
    return Dict(plain(result))


@calcfunction
def judge_melt(crystal: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> dict[str, Any]:
    """Judge the plateau (``first_step`` on) against the crystal (``science.melting``).

    Returns ``verdict``, with what was found by each criterion, and ``evidence``, the plateau in time.
    """
    wanted = parameters.get_dict()
    first, temperature = wanted.pop("first_step"), wanted.pop("temperature_k")
    with trajectory.h5md() as file:
        steps = file.array("steps")
        melt = file.read(np.flatnonzero(steps >= first), [name for name in ("steps", "times") if name in file.fields])
        if not file.unwrapped:
            melt = unwrap(melt)
    species, positions, cell = structure_arrays(crystal)
    before = Frames(species=species, positions=positions[None], cells=cell[None])
    topology = linkers.perceive(species, positions, cell)
    found, evidence = melting.judge(before, melt, temperature, melting.Criteria.from_dict(wanted), topology)
    return {"verdict": Dict({**plain(found), "temperature_k": temperature, "frames": len(melt)}), "evidence": _arrays(evidence)}


def _arrays(evidence: Evidence) -> ArrayData:
    """Return the evidence as arrays with units, and the thresholds as attributes."""
    node = ArrayData()
    columns: dict[str, tuple[Any, str]] = {name: (values, "1") for name, values in evidence.series.items()}
    if evidence.times_ps is not None:
        columns["time"] = (evidence.times_ps, "ps")
    for name, motion in (("zinc", evidence.zinc), ("linker", evidence.linker)):
        if motion is not None:
            columns |= {f"{name}_lag": (motion.lags_ps, "ps"), f"{name}_msd": (motion.msd, "angstrom^2")}
    distance, pmf = evidence.pmf
    columns |= {"distance": (distance, "angstrom"), "pmf": (pmf, "kJ/mol")}
    for name, (values, unit) in columns.items():
        node.set_array(name, np.asarray(values))
        node.base.attributes.set(f"units|{name}", unit)
    node.base.attributes.set("thresholds", evidence.thresholds)
    return node

# SPDX-License-Identifier: MIT
"""Linkers watched and melts judged, on trajectory nodes."""

from __future__ import annotations

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, Float, StructureData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import linkers, melting
from aiida_zif.science.frames import Frames


@calcfunction
def scale_volume(structure: StructureData, factor: Float) -> StructureData:
    """Return the structure at ``factor`` times its volume, each linker moved as a rigid body."""
    species, positions, cell = structure_arrays(structure)
    return to_structure(species, *linkers.scale_volume(species, positions, cell, factor.value))


@calcfunction
def watch_linkers(reference: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> Dict:
    """Follow every linker of ``reference`` through ``trajectory``; broken means in ``consecutive`` frames or more in a row."""
    frames = trajectory.frames(fields=("positions", "cells", "steps", "temperatures"))
    report = linkers.watch(linkers.perceive(*structure_arrays(reference)), frames, **parameters.get_dict())
    share = report.intact_share
    result = {
        "whole": report.whole, "n_linkers": report.n_linkers, "frames": len(frames), "breaks": report.breaks,
        "intact_share_min": share.min(), "intact_share_end": share[-1], "transients": report.transients,
        "shortest_distance_angstrom": report.shortest_distance, **parameters.get_dict(),
    }  # fmt: skip
    return Dict(plain(result))


@calcfunction
def judge_melt(crystal: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> Dict:
    """Judge the plateau (``first_step`` on) against the crystal: bonds exchanged, coordination at Tmax (``science.melting``)."""
    wanted = parameters.get_dict()
    first, temperature = wanted.pop("first_step"), wanted.pop("temperature_k")
    with trajectory.h5md() as file:
        steps = file.array("steps")
        melt = file.read(np.flatnonzero(steps >= first), ("steps",))
    species, positions, cell = structure_arrays(crystal)
    before = Frames(species=species, positions=positions[None], cells=cell[None])
    found = melting.judge(before, melt, temperature, **wanted)
    return Dict(plain(found))

# SPDX-License-Identifier: MIT
"""`zif.analysis`: the structure of a crystal or a glass, averaged over a trajectory, on nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, StructureData

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science import angles, coordination, linkers, rdf, rings, statistics
from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3


@calcfunction
def analyse_structure(reference: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> dict[str, Any]:
    """Return ``summary`` (numbers with error bars) and ``curves`` (RDF, angles) of the frames from ``first_step`` to ``last_step``.

    ``reference`` is where the linkers are whole; the Zn–N criterion, the strides and the ring depth are parameters.
    """
    wanted = parameters.get_dict()
    with trajectory.h5md() as file:
        steps = file.array("steps")
        chosen = (steps >= wanted["first_step"]) & (steps <= wanted.get("last_step", steps[-1]))
        frames = file.read(np.flatnonzero(chosen), ("steps",))
    topology = linkers.perceive(*structure_arrays(reference))
    cutoff = wanted["zn_n_cutoff_angstrom"]
    found = coordination.coordination(frames, "Zn", "N", cutoff)
    pairs = rdf.radial_distribution(frames, "Zn", "N", wanted["rdf_max_angstrom"], wanted["rdf_bins"])
    bend = angles.angle_distribution(frames, "N", "Zn", "N", cutoff, wanted["angle_bins"])
    whole = linkers.watch(topology, frames)
    ring = [
        rings.primitive_rings(topology, frames.positions[k], frames.cells[k], cutoff, wanted["ring_depth"]).per_cell
        for k in np.linspace(0, len(frames) - 1, min(len(frames), wanted["ring_frames"])).astype(int)
    ]
    sizes = sorted({size for one in ring for size in one})
    counts = {size: np.array([one.get(size, 0.0) for one in ring]) for size in sizes}
    masses = standard_masses(sorted(set(frames.species)))
    mass = sum(masses[symbol] for symbol in frames.species)
    density = statistics.mean_with_error(mass * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3 / frames.volumes)
    summary = {
        "frames": len(frames),
        "density_g_per_cm3": density,
        "zn_n_coordination": found.estimate,
        "zn_n_coordination_histogram": found.histogram,
        "zn_n_cutoff_angstrom": cutoff,
        "zn_n_first_peak_angstrom": float(pairs.r[np.argmax(pairs.g)]),
        "n_zn_n_angle_deg": {"mean": bend.mean, "std": bend.std},
        "linkers": {"n": whole.n_linkers, "whole": whole.whole, "intact_share_end": whole.intact_share[-1]},
        "rings_per_cell": {size: {"mean": values.mean(), "std": values.std()} for size, values in counts.items()},
    }
    curves = ArrayData()
    for name, values, unit in (
        ("r", pairs.r, "angstrom"), ("g_zn_n", pairs.g, ""), ("n_zn_n", pairs.running_coordination, ""),
        ("angle", bend.degrees, "degree"), ("angle_density", bend.density, "1/degree"), ("coordination", found.mean, ""),
    ):  # fmt: skip
        curves.set_array(name, np.asarray(values))
        curves.base.attributes.set(f"units|{name}", unit)
    return {"summary": Dict(plain(summary)), "curves": curves}

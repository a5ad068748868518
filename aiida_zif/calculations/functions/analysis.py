# SPDX-License-Identifier: MIT
"""`zif.analysis`: the structure of a crystal or a glass, averaged over a trajectory or over glasses, on nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, StructureData

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import analysis_run
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science import ensemble_average, linkers
from aiida_zif.science.analysis import Result
from aiida_zif.science.frames import Frames


@calcfunction
def analyse_structure(reference: StructureData, trajectory: ZifTrajectoryData, parameters: Dict) -> dict[str, Any]:
    """Return ``summary`` (numbers with error bars) and ``curves`` of the frames from ``first_step`` to ``last_step``.

    ``reference`` is where the linkers are whole; ``parameters`` are the fields of ``science.analysis.Plan``.
    """
    with trajectory.h5md() as file:
        return to_nodes(analysis_run.run(file, job_of(reference, parameters.get_dict())))


@calcfunction
def to_trajectory(structure: StructureData) -> ZifTrajectoryData:
    """Return the one frame of a structure as a trajectory."""
    species, positions, cell = structure_arrays(structure)
    return ZifTrajectoryData.from_frames(Frames(species, positions[None], cell[None]), kind="structure")


@calcfunction
def average_over_glasses(**summaries: Dict) -> Dict:
    """Return mean and standard error over several solids of every number of their analyses."""
    return Dict(plain(ensemble_average.over([node.get_dict() for _, node in sorted(summaries.items())])))


def job_of(reference: StructureData, parameters: Mapping[str, Any]) -> analysis_run.Job:
    """Return the job of an analysis: linkers of the reference, standard masses. Raises ``ValueError`` in one sentence."""
    plan, first, last = analysis_run.parameters_of(parameters)
    species, positions, cell = structure_arrays(reference)
    masses = standard_masses(sorted(set(species)))
    topology = linkers.perceive(species, positions, cell, plan.framework)
    return analysis_run.Job(topology, np.array([masses[symbol] for symbol in species]), plan, first, last)


def to_nodes(result: Result) -> dict[str, Any]:
    """Return ``summary`` and ``curves``, unstored."""
    curves = ArrayData()
    for name, (values, unit) in result.curves.items():
        curves.set_array(name, np.asarray(values))
        curves.base.attributes.set(f"units|{name}", unit)
    return {"summary": Dict(plain(result.summary)), "curves": curves}

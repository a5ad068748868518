# SPDX-License-Identifier: MIT
"""Whether an MD can run where it is to run: model, GPUs, ranks and cell, said before anything is submitted."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import numpy as np
from aiida.orm import Int

from aiida_zif.calculations.job import structure_arrays
from aiida_zif.formats import lammps_gpu
from aiida_zif.formats.lammps_force_field import ForceField
from aiida_zif.formats.lammps_potential import Potential
from aiida_zif.formats.lammps_run import MdRun
from aiida_zif.science import neighbours

OVERLAP = 0.5
"""Å; nothing is bonded so short, and two atoms on one another make forces that no time step follows."""
OURS = "zif-lmp"
"""The program that runs a model on a LAMMPS that has no pair style for it, serially."""


def validate_gpus(node: Any, _: Any) -> str | None:
    """Say in one sentence what is wrong with a number of GPUs."""
    if node is not None and node.value < 1:
        return f"gpus is {node.value}, but must be 1 or more; leave it out for a run on the processor"
    return None


def overlap(species: tuple[str, ...], positions: Any, cell: Any) -> str | None:
    """Say in one sentence which two atoms lie on one another, images counted; ``None`` where none do."""
    try:
        first, second, distances, _ = neighbours.pairs(positions, cell, OVERLAP)
    except ValueError as found:
        return f"the structure cannot be run: {found}"
    if not len(first):
        return None
    k = int(np.argmin(distances))
    a, b = int(first[k]), int(second[k])
    return (
        f"atoms {a + 1} ({species[a]}) and {b + 1} ({species[b]}) of the structure are {distances[k]:.2f} Å apart, less than {OVERLAP} Å: "
        "they overlap; was a disordered site expanded, or an atom given twice?"
    )


def problem(inputs: Any, potential: Potential | ForceField) -> str | None:
    """Say in one sentence why the run cannot be where it is to be."""
    species, positions, cell = structure_arrays(inputs["structure"])
    if "restart" not in inputs and (found := overlap(species, positions, cell)):
        return found
    gpus = inputs["gpus"].value if "gpus" in inputs else 0
    if isinstance(potential, ForceField):
        return "gpus are for models: a classical force field runs on the processor here, leave `gpus` out" if gpus else None
    model, code = inputs["potential"], inputs.get("code")
    ours = code is not None and PurePath(str(getattr(code, "filepath_executable", ""))).name == OURS
    if potential.style == "mliap" and not gpus:
        return "the model is in the ML-IAP form, which LAMMPS runs with Kokkos on GPUs: give `gpus`, or the compiled model for a processor"
    if not gpus:
        return None
    if ours:
        return f"{OURS} is no LAMMPS with Kokkos: give a code of `lmp` with the model's pair style, or leave `gpus` out"
    if model.form == "package":
        return "a package is run by zif-lmp alone: compile it for the GPU (zif.compile), and give what it makes"
    device = model.base.attributes.get("device", None)
    if model.form == "compiled" and device not in (None, "cuda"):
        return f"the model was compiled for {device}, but `gpus` were given: compile it for cuda"
    resources = inputs["metadata"]["options"]["resources"] if "metadata" in inputs else {}
    ranks, machines = int(resources.get("num_mpiprocs_per_machine", 1)), int(resources.get("num_machines", 1))
    if ranks * machines > 1 and not inputs["metadata"]["options"].get("withmpi"):
        return f"{ranks * machines} ranks are started by MPI: set `withmpi: true` in the options"
    skin = MdRun.from_dict(inputs["run"].get_dict()).neighbour_skin if "run" in inputs else 0.0
    try:
        lammps_gpu.check(potential, gpus, ranks, machines, cell, model.base.attributes.get("cutoff_angstrom", 0.0), skin)
    except ValueError as found_problem:
        return str(found_problem)
    return None


def gpus_of(options: Any, code: Any) -> dict[str, Int]:
    """Return the ``gpus`` input of a job whose user wrote ``gpus`` among its options: zif-lmp needs no word of it."""
    count = int((options or {}).get("gpus", 0))
    named = PurePath(str(getattr(code, "filepath_executable", ""))).name
    return {"gpus": Int(count)} if count and named != OURS else {}


def remarks(potential: Any, structure: Any) -> list[str]:
    """Return what is worth saying of a run that is possible."""
    cutoff = potential.base.attributes.get("cutoff_angstrom", None)
    said = lammps_gpu.small_cell(structure.cell, cutoff) if cutoff else None
    return [said] if said else []

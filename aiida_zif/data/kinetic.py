# SPDX-License-Identifier: MIT
"""The kinetic part of the stress of frames of a trajectory, by the best that its node knows of how the atoms moved."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.formats import h5md
from aiida_zif.formats.lammps_data import standard_masses
from aiida_zif.science.frames import kinetic_stress, kinetic_temperature
from aiida_zif.science.kinetic import MAX_SPACING_FS, estimated_velocities, isotropic_kinetic_stress, linked
from aiida_zif.science.units import FS_IN_PS

SOURCES: tuple[str, ...] = ("velocities", "positions", "temperatures", "thermostat")
"""What the kinetic part was taken from, the best first; the last two know its trace only, of each frame or on average."""
_FRAMES = 1000
"""Frames whose neighbours are held at once."""


def kinetic_of(node: ZifTrajectoryData, steps: NDArray[np.int64]) -> tuple[NDArray[np.float64], str]:
    """Return ``(n_frames, 6)`` the kinetic part of the *pressure* tensor of the frames at ``steps``, eV/Å³, Voigt; and what it is from.

    ``velocities``: Σ m v v / V. ``positions``: the same with velocities by central differences, where two frames are at most
    ``MAX_SPACING_FS`` apart, scaled to the temperature of the frame where it was recorded. ``temperatures`` and ``thermostat``:
    (N − 1) kT / V on the diagonal, T that of the frame or the asked one.

    Raises ``ValueError`` with one sentence where a step is not in the trajectory, or nothing of all this is known.
    """
    with node.h5md() as file:
        index = _places(node, file, steps)
        volumes = np.abs(np.linalg.det(file.array("cells", index)))
        masses = file.masses
        if masses is None:
            known = standard_masses(file.species)
            masses = np.array([known[symbol] for symbol in file.species])
        if "velocities" in file.fields:
            parts = [kinetic_stress(file.array("velocities", part), masses, volumes[at]) for at, part in _chunks(index)]
            return np.concatenate(parts), "velocities"
        isotropic, source = _isotropic(node, file, index, volumes)
        spacing = _spacing_fs(node, file)
        if spacing is None or spacing > MAX_SPACING_FS * (1 + 1e-9):
            if isotropic is None:
                raise ValueError(
                    f"trajectory {node.uuid} has no velocities, no temperatures, and no frames near enough to each other to estimate them: "
                    "its kinetic stress is not known; import it with its temperature"
                )
            return isotropic, source
        parts = [_estimated(file, part, masses, volumes[at], spacing * FS_IN_PS) for at, part in _chunks(index)]
        tensor = np.concatenate(parts)
        lost = ~np.isfinite(tensor).all(axis=1)
        if lost.any() and isotropic is None:
            raise ValueError(f"{lost.sum()} frames of trajectory {node.uuid} have no neighbour in time, and no temperature is known")
        if isotropic is not None:
            tensor[lost] = isotropic[lost]
        return tensor, "positions"


def _places(node: ZifTrajectoryData, file: h5md.H5md, steps: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return where the frames at ``steps`` lie in the file; without steps a frame's number is its step."""
    known = file.array("steps") if "steps" in file.fields else np.arange(file.n_frames)
    order = np.argsort(known, kind="stable")
    places = order[np.minimum(np.searchsorted(known, steps, sorter=order), len(known) - 1)]
    if (lost := steps[known[places] != steps]).size:
        raise ValueError(f"trajectory {node.uuid} has no frame at step {lost[0]}, which the dataset was drawn from: give the right one")
    return np.asarray(places)


def _chunks(index: NDArray[np.intp]) -> list[tuple[slice, NDArray[np.intp]]]:
    return [(slice(begin, begin + _FRAMES), index[begin : begin + _FRAMES]) for begin in range(0, len(index), _FRAMES)]


def _isotropic(
    node: ZifTrajectoryData, file: h5md.H5md, index: NDArray[np.intp], volumes: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, str]:
    """Return what temperatures alone tell, and which; ``None`` where there are none."""
    n_atoms = len(file.species)
    if "temperatures" in file.fields and np.isfinite(found := file.array("temperatures", index)).all():
        return isotropic_kinetic_stress(found, n_atoms, volumes), "temperatures"
    asked: Any = node.base.attributes.get("asked_temperature_k", None)
    if asked is None:
        return None, ""
    return isotropic_kinetic_stress(np.full(len(index), float(asked)), n_atoms, volumes), "thermostat"


def _spacing_fs(node: ZifTrajectoryData, file: h5md.H5md) -> float | None:
    """Return the usual distance of two frames in time; ``None`` where the file tells no steps, or nothing tells how long one is."""
    if "steps" not in file.fields or file.n_frames < 2:
        return None
    gaps = np.diff(file.array("steps"))
    if not (gaps > 0).any():
        return None
    usual = int(gaps[gaps > 0].min())
    timestep = node.base.attributes.get("timestep_fs", None)
    if timestep is not None:
        return float(timestep) * usual
    if "times" not in file.fields:
        return None
    between = np.diff(file.array("times"))[gaps == usual]
    return float(np.median(between)) / FS_IN_PS


def _estimated(
    file: h5md.H5md, index: NDArray[np.intp], masses: NDArray[np.float64], volumes: NDArray[np.float64], spacing_ps: float
) -> NDArray[np.float64]:
    """Return the kinetic part by the positions before and after each frame; NaN for a frame that has neither."""
    around = np.unique(np.clip(np.concatenate([index - 1, index, index + 1]), 0, file.n_frames - 1))
    mine = np.searchsorted(around, index)
    # the first and the last frame of the file have neighbours on one side only, and need the forces
    more = [name for name in ("forces", "temperatures") if name in file.fields]
    frames = file.read(around, ["steps", *more])
    assert frames.steps is not None
    # frames that are no neighbours in the file may be as far apart in steps as those that are, but not after sorting: steps rise
    links = linked(frames.steps, np.zeros(len(around), dtype=np.int32)) & (np.diff(around) == 1)
    velocities = estimated_velocities(frames.positions, frames.cells, spacing_ps, links, masses, frames.forces)[mine]
    tensor = kinetic_stress(velocities, masses, volumes)
    if frames.temperatures is not None:
        recorded, found = frames.temperatures[mine], kinetic_temperature(velocities, masses)
        known = np.isfinite(recorded) & (found > 0)
        tensor[known] *= (recorded[known] / found[known])[:, None]
    return tensor

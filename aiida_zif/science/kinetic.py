# SPDX-License-Identifier: MIT
"""The kinetic part of a stress of a run that did not print velocities: by velocities from its positions, or by its temperature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.units import BOLTZMANN, KINETIC_ENERGY_IN_EV

MAX_SPACING_FS = 1.0
"""Distance of two frames beyond which velocities are not estimated.

The central difference over ±Δ of a vibration of angular frequency ω is its velocity times sin(ωΔ)/(ωΔ). At 1 fs a C–H stretch of
3100 cm⁻¹ loses 11 % of its kinetic energy, a C–D stretch 6 %, all atoms of dia-Zn(Im)₂ with deuterium together 1.1 % (measured), which
is 14 MPa at 1500 K; at 2 fs it is four times as much. At the time step itself nothing is lost, whatever it is: the velocities of the
velocity Verlet algorithm *are* central differences.
"""


def isotropic_kinetic_stress(temperatures: NDArray[np.float64], n_atoms: int, volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_frames, 6)`` the kinetic part of the *pressure* tensor that a temperature stands for: (N − 1) kT / V, eV/Å³, no shear.

    ``temperatures`` ``(n_frames,)`` K, ``volumes`` ``(n_frames,)`` Å³. Its trace is right; how it is spread over the directions at an
    instant is not known.
    """
    pressure = (n_atoms - 1) * BOLTZMANN * temperatures / volumes
    return np.stack([*([pressure] * 3), *([np.zeros_like(pressure)] * 3)], axis=1)


def linked(steps: NDArray[np.int64], segments: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return ``(n_frames - 1,)``: do a frame and the next belong to one run and stand at the usual, smallest distance in steps?"""
    gaps = np.diff(steps)
    usual = gaps[gaps > 0].min(initial=np.iinfo(np.int64).max)
    near: NDArray[np.bool_] = (gaps == usual) & (np.diff(segments) == 0)
    return near


def estimated_velocities(
    positions: NDArray[np.float64],
    cells: NDArray[np.float64],
    spacing_ps: float,
    links: NDArray[np.bool_],
    masses: NDArray[np.float64],
    forces: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return ``(n_frames, n_atoms, 3)`` velocities in Å/ps: v(t) = [x(t+Δ) − x(t−Δ)] / 2Δ.

    ``positions`` ``(n_frames, n_atoms, 3)`` Å; of two frames that ``links`` ``(n_frames - 1,)`` joins, Δ = ``spacing_ps`` apart, each atom
    went to the nearest image. The motion is that within the cell, cells ``(n_frames, 3, 3)``, rows, Å: what a barostat does to all atoms
    is no thermal velocity. Where only one neighbour is there (ends, gaps), it is [x(t+Δ) − x(t)]/Δ − Δ a/2, or its mirror image, with
    the acceleration of ``forces`` ``(n_frames, n_atoms, 3)`` eV/Å and ``masses`` amu; without forces, or without neighbours, NaN.
    """
    velocities = np.full(positions.shape, np.nan)
    if len(positions) < 2:
        return velocities
    regular = np.abs(np.linalg.det(cells)) > 0
    inverse = np.linalg.inv(np.where(regular[:, None, None], cells, np.eye(3)))
    moved = np.diff(positions @ inverse, axis=0)
    moved -= np.rint(moved)
    moved /= spacing_ps
    links = links & regular[1:] & regular[:-1]
    before, after = np.append(False, links), np.append(links, False)
    both = before & after
    velocities[both] = (moved[both[1:]] + moved[both[:-1]]) @ cells[both] / 2
    if forces is not None:
        kick = forces / (masses[:, None] * KINETIC_ENERGY_IN_EV) * (spacing_ps / 2)
        first, last = after & ~before, before & ~after
        velocities[first] = moved[first[:-1]] @ cells[first] - kick[first]
        velocities[last] = moved[last[1:]] @ cells[last] + kick[last]
    return velocities

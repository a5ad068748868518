# SPDX-License-Identifier: MIT
"""Strains as changes of LAMMPS's six numbers of a cell, from first to last step of a stage and from anywhere between.

LAMMPS keeps cells lower triangular: a along x, b in the xy plane. Under a strain ε, that is a stretch F = 1 + ε, the rows h of the cell
become h U up to a rotation, where U is lower triangular and U Uᵀ = F Fᵀ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import VOIGT


def stretch(strain: Sequence[float]) -> NDArray[np.float64]:
    """Return U, ``(3, 3)``, lower triangular, of a strain in Voigt order xx yy zz yz xz xy, as the components of ε (not twice of them).

    The axes are those of LAMMPS. Raises ``ValueError`` with one sentence for a strain that turns a cell inside out.
    """
    tensor = np.eye(3)
    for (i, j), value in zip(VOIGT, strain, strict=True):
        tensor[i, j] += value
        if i != j:
            tensor[j, i] += value
    if np.linalg.eigvalsh(tensor).min() <= 0:
        raise ValueError(f"the strain {list(strain)} shrinks a length to nothing: components are fractions, such as 0.01 for a percent")
    found: NDArray[np.float64] = np.linalg.cholesky(tensor @ tensor.T)
    return found


def of_strain(strain: Sequence[float], done: float) -> str:
    """Return the fix that strains the cell over a stage of which the share ``done`` lies behind.

    x, y, z: LAMMPS takes the lengths at the stage's first step from the restart file. The tilts it takes from there too, but their ends as
    absolute numbers, which are worked out from the present ones: all six numbers are linear in the step.
    """
    u = stretch(strain)
    now = {
        axis: f"({name}/{_number(1 + done * (u[k, k] - 1))})" for k, (axis, name) in enumerate(zip("xyz", ("lx", "ly", "lz"), strict=True))
    }
    xx, yy = (_number(1 + done * (u[k, k] - 1)) for k in (0, 1))
    yz = f"((yz-{_number(done * u[2, 1])}*{now['z']})/{yy})"
    xy = f"((xy-{_number(done * u[1, 0])}*{now['y']})/{xx})"
    xz = f"((xz-{_number(done * u[1, 0])}*{yz}-{_number(done * u[2, 0])}*{now['z']})/{xx})"
    ends = {
        "xy": f"{xy}*{_number(u[0, 0])}+{_number(u[1, 0])}*{now['y']}",
        "xz": f"{xz}*{_number(u[0, 0])}+{_number(u[1, 0])}*{yz}+{_number(u[2, 0])}*{now['z']}",
        "yz": f"{yz}*{_number(u[1, 1])}+{_number(u[2, 1])}*{now['z']}",
    }
    return _fix([float(u[k, k]) for k in range(3)], ends)


def of_factors(factors: Sequence[float], done: float) -> str:
    """Return the fix that makes each cell vector so many times as long, direction kept, over a stage of which ``done`` lies behind."""
    left = [factor / (1 + done * (factor - 1)) for factor in factors]
    ends = {tilt: f"{tilt}*{left[row]:.16g}" for tilt, row in (("xy", 1), ("xz", 2), ("yz", 2))}
    return _fix(factors, ends)


def _fix(factors: Sequence[float], ends: dict[str, str]) -> str:
    lengths = " ".join(f"{axis} scale {factor:.16g}" for axis, factor in zip("xyz", factors, strict=True))
    tilts = " ".join(f"{tilt} final $({formula}:%.16g)" for tilt, formula in ends.items())
    return f"deform 1 {lengths} {tilts} remap x flip no"


def _number(value: float) -> str:
    return f"({value:.16g})"  # a minus sign after an operator is none to LAMMPS

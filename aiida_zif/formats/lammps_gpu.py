# SPDX-License-Identifier: MIT
"""A model on GPUs: what LAMMPS is told on its command line, and which ranks, GPUs and cells go together.

The authors' pair styles: `nequip` runs on one rank and has no Kokkos variant, `allegro` is cut into domains, one rank for each GPU, with
Kokkos, ``newton on`` and ``neigh half`` (its variant refuses full lists). ML-IAP is for either, with Kokkos and the same switches; models
of several layers exchange the features of ghosts, so that they are cut into domains, too.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.formats.lammps_potential import Potential


def switches(potential: Potential, gpus: int) -> list[str]:
    """Return the options of ``lmp`` for ``gpus`` on each machine, one rank for each."""
    if potential.style == "nequip":
        return []
    return ["-k", "on", "g", str(gpus), "-sf", "kk", "-pk", "kokkos", "newton", "on", "neigh", "half"]


def widths(cell: ArrayLike) -> NDArray[np.float64]:
    """Return ``(3,)``, the distances between opposite faces of a cell, Å."""
    rows = np.asarray(cell, dtype=float)
    normals = np.cross(rows[[1, 2, 0]], rows[[2, 0, 1]])
    found: NDArray[np.float64] = abs(np.linalg.det(rows)) / np.linalg.norm(normals, axis=1)
    return found


def domains(cell: ArrayLike, ranks: int) -> tuple[int, int, int]:
    """Return into how many domains LAMMPS cuts the three edges: of all ways for ``ranks`` that with the least surface between them."""
    a, b, c = widths(cell)
    ways = [way for way in product(range(1, ranks + 1), repeat=2) if ranks % (way[0] * way[1]) == 0]
    grids = [(x, y, ranks // (x * y)) for x, y in ways]
    return min(grids, key=lambda grid: a * b / (grid[0] * grid[1]) + a * c / (grid[0] * grid[2]) + b * c / (grid[1] * grid[2]))


def check(potential: Potential, gpus: int, ranks_per_machine: int, machines: int, cell: ArrayLike, cutoff: float, skin: float) -> None:
    """Raise ``ValueError`` with one sentence where ranks, GPUs and cell do not go together; lengths in Å."""
    ranks = ranks_per_machine * machines
    if ranks_per_machine != gpus:
        raise ValueError(
            f"{gpus} GPUs on each machine and {ranks_per_machine} MPI ranks do not go together: there is one rank for each GPU, ask for "
            f"num_mpiprocs_per_machine: {gpus}"
        )
    if potential.style == "nequip" and ranks > 1:
        raise ValueError(
            f"pair_style nequip runs on one rank and one GPU, not on {ranks}: take its ML-IAP form (zif.compile, target mliap), or Allegro"
        )
    cut = domains(cell, ranks)
    thinnest = float((widths(cell) / cut).min())
    if ranks > 1 and thinnest < cutoff + skin:
        raise ValueError(
            f"{ranks} ranks cut the cell into {' × '.join(map(str, cut))} domains, {thinnest:.1f} Å thin, less than cutoff and skin, "
            f"{cutoff + skin:.1f} Å: every rank would compute most of its neighbours' atoms, too; take fewer GPUs or a larger cell"
        )


def small_cell(cell: ArrayLike, cutoff: float) -> str | None:
    """Say in one sentence that a cell is thinner than twice the cutoff, Å; ``None`` where it is not."""
    thinnest = float(widths(cell).min())
    if thinnest >= 2 * cutoff:
        return None
    return (
        f"the cell is {thinnest:.1f} Å thin, less than twice the cutoff of {cutoff:g} Å: atoms interact with their own images, which is "
        "right for a crystal, but correlates the disorder of a glass"
    )

# SPDX-License-Identifier: MIT
"""Structures from structures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import List, StructureData
from numpy.typing import ArrayLike

from aiida_zif.calculations.job import structure_arrays


@calcfunction
def make_supercell(structure: StructureData, repeats: List) -> StructureData:
    """Return ``repeats`` (three integers) copies along the cell vectors."""
    species, positions, cell = structure_arrays(structure)
    shifts = [np.dot(shift, cell) for shift in np.ndindex(*repeats.get_list())]
    return to_structure(
        species * len(shifts), np.concatenate([positions + shift for shift in shifts]), cell * np.array(repeats.get_list())[:, None]
    )


def to_structure(species: Sequence[str], positions: ArrayLike, cell: ArrayLike) -> StructureData:
    """Return an unstored StructureData of Cartesian ``positions`` (n, 3) in Å and cell rows in Å."""
    structure = StructureData(cell=np.asarray(cell).tolist())
    for symbol, position in zip(species, np.asarray(positions).tolist(), strict=True):
        structure.append_atom(symbols=symbol, position=position)
    return structure


def read_structure(path: Any) -> StructureData:
    """Return an unstored StructureData of any file that ASE reads.

    Raises ``ValueError`` in one sentence where there is no such file, or it cannot be read.
    """
    from pathlib import Path

    import ase.io

    if not Path(path).is_file():
        raise ValueError(f"there is no structure file {str(path)!r}")
    try:
        atoms: Any = ase.io.read(path, index=0)
    except Exception as problem:
        raise ValueError(f"{str(path)!r} could not be read as a structure: {str(problem) or type(problem).__name__}") from problem
    if not atoms.cell.rank == 3:
        raise ValueError(f"{str(path)!r} has no periodic cell in three dimensions")
    return to_structure(atoms.get_chemical_symbols(), atoms.positions, atoms.cell[:])

# SPDX-License-Identifier: MIT
"""Tables of pressures and files of cells that people bring from their own runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats import extxyz
from aiida_zif.formats.h5md import H5md

Floats = NDArray[np.float64]
TABLE = "columns volume (Å³ of the cell), pressure (GPa, compression positive) and its standard error (GPa)"
CELLS = (
    "rows of 9 numbers (vectors a, b, c, Å) or 6 (LAMMPS: lx ly lz xy xz yz), with or without a step before them, "
    "CP2K's .cell file, .npy of shape (n, 3, 3), H5MD or extended XYZ"
)


@dataclass(frozen=True, eq=False)
class PressureTable:
    """A row per volume."""

    volumes: Floats
    """Å³, of the cell."""
    pressures_gpa: Floats
    """Compression positive."""
    errors_gpa: Floats | None
    """Standard errors; ``None`` where the table has no third column."""


def read_pressures(path: Path) -> PressureTable:
    """Return a table of text, commas or blanks between columns, one line of names allowed. Raises ``ValueError`` in one sentence."""
    rows = _numbers(path, TABLE)
    if rows.shape[1] not in (2, 3):
        raise ValueError(f"{path} has {rows.shape[1]} columns; give {TABLE}")
    return PressureTable(rows[:, 0], rows[:, 1], rows[:, 2] if rows.shape[1] == 3 else None)


def read_cells(path: Path) -> Floats:
    """Return ``(n_cells, 3, 3)``, vectors as rows, Å. Raises ``ValueError`` in one sentence, also for steps that are not equally spaced."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give {CELLS}")
    kind = path.suffix.lower()
    try:
        if kind == ".npy":
            array = np.load(path, allow_pickle=False)
            if array.ndim != 3 or array.shape[1:] != (3, 3):
                raise ValueError(f"holds an array of shape {array.shape}; give (n, 3, 3)")
            return np.asarray(array, dtype=np.float64)
        if kind in (".xyz", ".extxyz"):
            return np.concatenate([np.broadcast_to(batch.cells, (len(batch), 3, 3)) for batch in extxyz.batches(path, 256)])
        if kind in (".h5", ".h5md"):
            with H5md(path) as file:
                return np.concatenate([np.broadcast_to(batch.cells, (len(batch), 3, 3)) for batch in file.batches(fields=[])])
    except (ValueError, OSError, EOFError) as problem:
        raise ValueError(f"{path}: {' '.join(str(problem).split()) or 'cannot be read'}") from problem
    rows = _numbers(path, CELLS)
    columns = rows.shape[1]
    if columns == 12:  # CP2K: step, time, nine components, volume
        rows, columns = np.column_stack([rows[:, 0], rows[:, 2:11]]), 10
    if columns in (7, 10):
        _check_steps(path, rows[:, 0])
        rows, columns = rows[:, 1:], columns - 1
    if columns == 9:
        return rows.reshape(-1, 3, 3)
    if columns == 6:
        cells = np.zeros((len(rows), 3, 3))
        cells[:, [0, 1, 2, 1, 2, 2], [0, 1, 2, 0, 0, 1]] = rows
        return cells
    raise ValueError(f"{path} has {columns} columns; give {CELLS}")


def _check_steps(path: Path, steps: Floats) -> None:
    gaps = np.diff(steps)
    if len(gaps) and not (gaps[0] > 0 and np.allclose(gaps, gaps[0], rtol=1e-6)):
        row = int(np.argmax(~np.isclose(gaps, gaps[0], rtol=1e-6))) if gaps[0] > 0 else 0
        raise ValueError(
            f"{path}: step {steps[row + 1]:g} follows {steps[row]:g}, but cells must be equally spaced in time: leave out repeated rows"
        )


def _numbers(path: Path, wanted: str) -> Floats:
    """Return the rows of numbers of a text file; comments begin with #, one first line of names is passed over."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give {wanted}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path} is no text file; give {wanted}") from problem
    rows: list[list[float]] = []
    named = False
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError as problem:
            if not rows and not named:
                named = True
                continue
            raise ValueError(f"{path}, line {number}: {line.strip()[:60]!r} is not a row of numbers") from problem
        if rows and len(row) != len(rows[0]):
            raise ValueError(f"{path}, line {number}: {len(row)} numbers where the rows before have {len(rows[0])}: is the file cut?")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} holds no row of numbers; give {wanted}")
    return np.array(rows, dtype=np.float64)

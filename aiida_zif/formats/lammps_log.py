# SPDX-License-Identifier: MIT
"""What LAMMPS says of a run: all its tables, each under the label of its stage, and the file of the cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.formats.lammps_units import METAL, Units

_NAMES = {
    "E_vdwl": "evdwl", "E_coul": "ecoul", "E_long": "elong", "E_bond": "ebond", "E_angle": "eangle", "E_dihed": "edihed", "E_impro": "eimp",
    "PotEng": "pe", "KinEng": "ke", "TotEng": "etotal", "Volume": "vol", "E_pair": "epair", "E_mol": "emol",
}  # fmt: skip
_PRESSURES = frozenset({"press", "pxx", "pyy", "pzz", "pyz", "pxz", "pxy"})
_ENERGIES = frozenset({"pe", "ke", "etotal", "epair", "emol", "evdwl", "ecoul", "elong", "ebond", "eangle", "edihed", "eimp"})
_VOIGT = ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")

_STAGE = re.compile(r"ZIF STAGE (\w+)\s*$")
_LAST = re.compile(r"ZIF LAST STEP (\d+) OF (\d+)\s*$")
_VERSION = re.compile(r"LAMMPS \((.+)\)\s*$")
_LOOP = re.compile(r"Loop time of (\S+) on (\d+) procs for (\d+) steps")
_THREADS = re.compile(r"\s*using (\d+) OpenMP thread")
_WALL = re.compile(r"Total wall time: (\d+):(\d+):(\d+)")


@dataclass(frozen=True, eq=False)
class Thermo:
    """One thermodynamic table."""

    label: str
    """Label of the stage; empty for a run without one."""
    columns: dict[str, NDArray[np.float64]]
    """``(n_rows,)`` by LAMMPS's thermo keyword (``step``, ``time``, ``temp``, ``press``, ``pxx`` …): ps, eV, K, Å, Å³; pressures,
    which are virial plus kinetic part, in eV/Å³."""

    def __len__(self) -> int:
        return len(self.columns["step"])

    @property
    def pressure_tensor(self) -> NDArray[np.float64]:
        """``(n_rows, 6)``, virial plus kinetic part, *pressure* positive, Voigt order xx yy zz yz xz xy, eV/Å³."""
        return np.stack([self.columns[name] for name in _VOIGT], axis=-1)

    @property
    def cells(self) -> NDArray[np.float64]:
        """``(n_rows, 3, 3)``, vectors as rows, Å."""
        return _cells(self.columns)


@dataclass(frozen=True, eq=False)
class LammpsLog:
    """What one log file holds."""

    tables: tuple[Thermo, ...]
    """In order, one per run or minimisation that printed at least one whole row."""
    finished: bool
    """Whether the last step is the asked one; for a log without our marks, whether the program came to its end."""
    error: str | None
    """The first error, one line, or ``None``."""
    steps_per_second: float | None
    """Over all loops that came to their end; ``None`` if none did."""
    version: str | None
    """As the program prints it, such as ``22 Jul 2025 - Update 4``."""
    wall_s: float | None
    """Total wall time, s; ``None`` for a log that is cut."""
    timeout: bool
    """Whether the program stopped at its own time limit."""
    last_step: int | None = None
    """The last step that the log shows."""
    asked_step: int | None = None
    """The step at which the run is complete; ``None`` for a log that is cut."""
    ranks: int | None = None
    """MPI ranks."""
    threads: int | None = None
    """OpenMP threads per rank."""
    warnings: tuple[str, ...] = ()
    """Each warning once, without the place in the source."""

    def table(self, label: str) -> Thermo:
        """Return the rows of one stage, joined. Raises ``KeyError`` if it has none."""
        return {table.label: table for table in join([self])}[label]

    def at_steps(self, steps: ArrayLike, column: str) -> NDArray[np.float64]:
        """Return ``(n_steps,)`` the values of one column at these steps; NaN where the log has no row."""
        return at_steps(self.tables, steps, column)


@dataclass(frozen=True, eq=False)
class CellLog:
    """The rows of the cells file, unique and ascending in the step."""

    steps: NDArray[np.int64]
    """``(n_rows,)``."""
    cells: NDArray[np.float64]
    """``(n_rows, 3, 3)``, vectors as rows, Å."""
    volumes: NDArray[np.float64]
    """``(n_rows,)``, Å³."""
    pressures: NDArray[np.float64]
    """``(n_rows, 6)``, virial plus kinetic part, *pressure* positive, Voigt order xx yy zz yz xz xy, eV/Å³."""

    def between(self, first: int, last: int) -> CellLog:
        """Return the rows with ``first < step <= last``: those of the stage that spans these steps."""
        mask = (self.steps > first) & (self.steps <= last)
        return CellLog(self.steps[mask], self.cells[mask], self.volumes[mask], self.pressures[mask])


def parse(text: str, units: Units = METAL) -> LammpsLog:
    """Return what a log holds, wherever it was cut: a row counts when all its columns and its newline are there.

    Times, energies and pressures are converted from ``units``. Rows of one run are never put under the header of another.
    """
    lines = text.splitlines(keepends=True)
    tables: list[Thermo] = []
    label, names, rows = "", None, []  # type: str, list[str] | None, list[list[str]]
    error = version = wall = last = asked = ranks = threads = None
    timeout = False
    seconds, steps = 0.0, 0
    warnings: dict[str, None] = {}
    for line in lines:
        first = line[:1]
        if names is not None and first in " -0123456789" and (row := _row(line, len(names))):
            rows.append(row)
            continue
        words = line.split()
        if words[:1] == ["Step"] and line.endswith("\n"):
            _close(tables, label, names, rows, units)
            names, rows = words, []
        elif match := _LOOP.match(line):
            _close(tables, label, names, rows, units)
            names, rows = None, []
            seconds, steps, ranks = seconds + float(match[1]), steps + int(match[3]), int(match[2])
        elif first == "Z" and (match := _STAGE.match(line)):
            label = match[1]
        elif first == "Z" and line.endswith("\n") and (match := _LAST.match(line)):
            last, asked = int(match[1]), int(match[2])
        elif line.startswith("ERROR"):
            error = error or " ".join(words)
        elif line.startswith("WARNING"):
            warnings[re.sub(r" \(\S+:\d+\)$", "", line.strip()).removeprefix("WARNING: ")] = None
            timeout = timeout or "Wall time limit reached" in line
        elif version is None and (match := _VERSION.match(line)):
            version = match[1]
        elif threads is None and (match := _THREADS.match(line)):
            threads = int(match[1])
        elif match := _WALL.match(line):
            wall = 3600.0 * int(match[1]) + 60.0 * int(match[2]) + int(match[3])
    _close(tables, label, names, rows, units)
    if last is None and tables:
        last = int(max(table.columns["step"][-1] for table in tables))
    ended = last == asked if asked is not None else wall is not None and not timeout
    return LammpsLog(
        tables=tuple(tables),
        finished=ended and error is None,
        error=error,
        steps_per_second=steps / seconds if seconds > 0 else None,
        version=version,
        wall_s=wall,
        timeout=timeout,
        last_step=last,
        asked_step=asked,
        ranks=ranks,
        threads=threads,
        warnings=tuple(warnings),
    )


def join(logs: Sequence[LammpsLog]) -> tuple[Thermo, ...]:
    """Return one table per label, of a run and its restarts in order, rows unique by step: the later run counts.

    Only the columns that all tables of a label share are kept.
    """
    by_label: dict[str, list[Thermo]] = {}
    for log in logs:
        for table in log.tables:
            by_label.setdefault(table.label, []).append(table)
    joined = []
    for label, parts in by_label.items():
        shared = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in shared}
        order = _last_of_each(columns["step"])
        joined.append(Thermo(label, {name: column[order] for name, column in columns.items()}))
    return tuple(joined)


def at_steps(tables: Iterable[Thermo], steps: ArrayLike, column: str) -> NDArray[np.float64]:
    """Return ``(n_steps,)`` the values of one column at these steps, the last table counting; NaN where none has a row."""
    known: dict[int, float] = {}
    for table in tables:
        if column in table.columns:
            known.update(zip(table.columns["step"].astype(int).tolist(), table.columns[column].tolist(), strict=True))
    return np.array([known.get(int(step), np.nan) for step in np.asarray(steps).tolist()])


def read_cells(text: str, units: Units = METAL) -> CellLog:
    """Return the rows of the cells file of ``lammps_input``; comments and a last row without its newline are left out."""
    names = ("step", "lx", "ly", "lz", "xy", "xz", "yz", "vol", *_VOIGT)
    rows = [row for line in text.splitlines(keepends=True) if line[:1] != "#" and (row := _row(line, len(names)))]
    table = np.array(rows, dtype=float).reshape(len(rows), len(names))
    table = table[_last_of_each(table[:, 0])]
    columns = dict(zip(names, table.T, strict=True))
    pressures = table[:, 8:] * units.pressure
    return CellLog(columns["step"].astype(np.int64), _cells(columns), columns["vol"], pressures)


def _row(line: str, n_columns: int) -> list[str] | None:
    """Return the words of a whole row of numbers, else ``None``."""
    words = line.split()
    if len(words) != n_columns or not line.endswith("\n"):
        return None
    try:
        for word in words:
            float(word)
    except ValueError:
        return None
    return words


def _close(tables: list[Thermo], label: str, names: list[str] | None, rows: list[list[str]], units: Units) -> None:
    if not names or not rows:
        return
    values = np.array(rows, dtype=float)
    columns = {}
    for name, column in zip(names, values.T, strict=True):
        key = _NAMES.get(name, name.lower())
        columns[key] = column * _factor(key, units)
    tables.append(Thermo(label, columns))


def _factor(column: str, units: Units) -> float:
    if column in _PRESSURES:
        return units.pressure
    return units.time_ps if column == "time" else units.energy_ev if column in _ENERGIES else 1.0


def _last_of_each(steps: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the last row of each step, ascending in the step."""
    reverse: NDArray[np.intp] = np.unique(steps[::-1], return_index=True)[1]
    return np.asarray(len(steps) - 1 - reverse)


def _cells(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    cells = np.zeros((len(columns["lx"]), 3, 3))
    for name, (row, column) in {"lx": (0, 0), "ly": (1, 1), "lz": (2, 2), "xy": (1, 0), "xz": (2, 0), "yz": (2, 1)}.items():
        cells[:, row, column] = columns[name]
    return cells

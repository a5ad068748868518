# SPDX-License-Identifier: MIT
"""Frames of a LAMMPS text dump: read by whole frames, wherever the file was cut."""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.lammps_units import METAL, Units
from aiida_zif.science.frames import Frames

_START = b"ITEM: TIMESTEP\n"
_UNWRAPPED, _VELOCITIES, _FORCES = ("xu", "yu", "zu"), ("vx", "vy", "vz"), ("fx", "fy", "fz")


class _Frame(NamedTuple):
    step: int
    cell: NDArray[np.float64]
    columns: tuple[str, ...]
    table: NDArray[np.float64]


def read(
    path: Path | str,
    type_names: Sequence[str],
    timestep_ps: float,
    masses: Mapping[str, float] | None = None,
    units: Units = METAL,
) -> Frames:
    """Return the whole frames of a dump, unique by step (of a repeated step the later counts), ascending.

    The dump has the columns ``id type xu yu zu``, in any order, perhaps ``vx vy vz`` and ``fx fy fz``; others are passed over. Positions
    are unwrapped and not shifted by the box's origin; cells are LAMMPS's own, lower triangular, vectors as rows. Times are
    step × ``timestep_ps``, velocities and forces are converted from ``units``. A frame counts when every one of its lines ends in
    a newline: what was cut is left out in silence, a file without one whole frame gives none. So is what comes after atoms were lost.

    Raises ``ValueError`` if the dump is of another kind (wrapped positions, atoms that come and go, a type without a name) and
    if it has no whole frame from which to know the atoms.
    """
    frames: dict[int, _Frame] = {}
    first: _Frame | None = None
    for frame in _frames(Path(path)):
        if first is None:
            first = frame
        elif frame.columns == first.columns and len(frame.table) < len(first.table):
            break  # atoms that flew apart are dumped as lost before LAMMPS counts them and stops: what came before is whole
        elif frame.columns != first.columns or len(frame.table) != len(first.table):
            raise ValueError(f"the dump's frame of step {frame.step} has other atoms or columns than its first: it is of two runs")
        frames[frame.step] = frame
    if first is None:
        raise ValueError(f"{Path(path).name} holds no whole frame: the run ended before its first was written, or it is no dump")
    missing = [name for name in ("id", "type", *_UNWRAPPED) if name not in first.columns]
    if missing:
        raise ValueError(f"the dump has the columns {' '.join(first.columns)}, but {' '.join(missing)} are needed too")
    steps = sorted(frames)
    table = np.stack([frames[step].table for step in steps])
    table = _sorted_by_id(table, first.columns.index("id"))
    kinds = table[:, :, first.columns.index("type")]
    if (kinds != kinds[0]).any():
        raise ValueError("the atoms change their types between the frames of the dump: it is of two runs")
    types = kinds[0].astype(int)
    if types.min() < 1 or types.max() > len(type_names):
        raise ValueError(f"the dump has the atom type {types.max()}, but {len(type_names)} names were given: name each type in order")
    species = tuple(type_names[kind - 1] for kind in types)
    velocities = None
    if all(name in first.columns for name in _VELOCITIES):
        velocities = table[:, :, [first.columns.index(name) for name in _VELOCITIES]] / units.time_ps
    forces = None
    if all(name in first.columns for name in _FORCES):
        forces = table[:, :, [first.columns.index(name) for name in _FORCES]] * units.energy_ev
    return Frames(
        forces=forces,
        species=species,
        positions=table[:, :, [first.columns.index(name) for name in _UNWRAPPED]],
        cells=np.stack([frames[step].cell for step in steps]),
        velocities=velocities,
        steps=np.array(steps, dtype=np.int64),
        times=np.array(steps) * timestep_ps,
        masses=None if masses is None else np.array([masses[symbol] for symbol in species]),
    )


def _frames(path: Path) -> Iterator[_Frame]:
    """Yield the whole frames one after another. After a crash and a restart into the same file a cut one may lie between."""
    with path.open("rb") as handle:
        if not handle.seek(0, 2):
            return
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = data.find(_START)
            while start >= 0:
                following = data.find(_START, start + len(_START))
                frame = _frame(data[start : following if following >= 0 else len(data)])
                if frame is not None:
                    yield frame
                start = following


def _frame(text: bytes) -> _Frame | None:
    """Return the frame that ``text`` holds, or ``None`` if it is cut."""
    lines = text.split(b"\n", 9)
    if len(lines) < 10 or not lines[8].startswith(b"ITEM: ATOMS "):
        return None
    n_atoms, columns = int(lines[3]), tuple(lines[8].decode().split()[2:])
    body = lines[9][: lines[9].rfind(b"\n") + 1]  # what follows the last newline is the cut title of the next frame
    if body.count(b"\n") != n_atoms:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's word for "not all of it are numbers", counted below
        numbers = np.fromstring(body, sep=" ")
    if numbers.size != n_atoms * len(columns):
        raise ValueError(f"the dump's frame of step {int(lines[1])} holds a word where a number is due: dump the type, not the element")
    return _Frame(int(lines[1]), _cell(lines[4], lines[5:8]), columns, numbers.reshape(n_atoms, len(columns)))


def _cell(title: bytes, bounds: Sequence[bytes]) -> NDArray[np.float64]:
    """Return the cell of ``ITEM: BOX BOUNDS``, whose bounds of a triclinic box are those of the cuboid around it."""
    rows = np.array([line.split() for line in bounds], dtype=float)
    if b"xy xz yz" not in title:
        return np.diag(rows[:, 1] - rows[:, 0])
    xy, xz, yz = rows[:, 2]
    low_x, high_x = min(0.0, xy, xz, xy + xz), max(0.0, xy, xz, xy + xz)
    lx = (rows[0, 1] - high_x) - (rows[0, 0] - low_x)
    ly = (rows[1, 1] - max(0.0, yz)) - (rows[1, 0] - min(0.0, yz))
    return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, rows[2, 1] - rows[2, 0]]])


def _sorted_by_id(table: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    """Return ``(n_frames, n_atoms, n_columns)`` with the atoms of each frame ascending in their id."""
    ids = table[:, :, column]
    if (np.diff(ids, axis=1) > 0).all():
        ordered = table
    else:
        ordered = np.take_along_axis(table, np.argsort(ids, axis=1, kind="stable")[:, :, None], axis=1)
    if (ordered[:, :, column] != ordered[0, :, column]).any():
        raise ValueError("the atoms of the dump are not the same in all its frames: it is of two runs")
    return ordered

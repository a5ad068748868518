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

from aiida_zif.formats import lammps_columns
from aiida_zif.formats.h5md_layout import frames_per_block
from aiida_zif.formats.lammps_units import METAL, Units
from aiida_zif.science.frames import Frames, concatenate

_START, _ATOMS = b"ITEM: TIMESTEP\n", b"ITEM: ATOMS "
_HEAD = 1000
"""Bytes that hold all that stands before the atoms."""
_PIECE = 250_000
"""Bytes that are parsed at once: they stay in the processor's cache."""
_KEPT = 64_000_000
"""Bytes of the file that may stay in memory while it is looked through."""
_UNWRAPPED, _VELOCITIES, _FORCES = ("xu", "yu", "zu"), ("vx", "vy", "vz"), ("fx", "fy", "fz")


class Columns(NamedTuple):
    """What all frames of a dump share."""

    names: tuple[str, ...]
    """As its title gives them."""
    species: tuple[str, ...]
    """``(n_atoms,)``, ascending in the atoms' ids."""
    types: NDArray[np.int64]
    """``(n_atoms,)``."""
    ids: NDArray[np.float64]
    """``(n_atoms,)``."""


def batches(
    path: Path | str,
    type_names: Sequence[str],
    timestep_ps: float,
    masses: Mapping[str, float] | None = None,
    units: Units = METAL,
) -> Iterator[Frames]:
    """Yield the whole frames of a dump, unique by step (of a repeated step the later counts), ascending, some MB at a time.

    The dump has the columns ``id type xu yu zu``, in any order, perhaps ``vx vy vz`` and ``fx fy fz``; others are passed over. Positions
    are unwrapped and not shifted by the box's origin; cells are LAMMPS's own, lower triangular, vectors as rows. Times are
    step × ``timestep_ps``, velocities and forces are converted from ``units``. A frame counts when every one of its lines ends in a
    newline: what was cut is left out in silence, a file without one whole frame gives none. So is what comes after atoms were lost.

    Raises ``ValueError`` if the dump is of another kind (wrapped positions, atoms that come and go, a type without a name) and
    if it has no whole frame from which to know the atoms.
    """
    path = Path(path)
    with path.open("rb") as handle:
        if not handle.seek(0, 2):
            raise ValueError(f"{path.name} holds no whole frame: it is empty, the run ended before its first was written")
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            places = _places(data)
            if not places:
                raise ValueError(f"{path.name} holds no whole frame: the run ended before its first was written, or it is no dump")
            wanted = sorted(places)
            first = data[places[wanted[0]].start : places[wanted[0]].end].split(b"\n", 9)
            names = tuple(first[8].decode().split()[2:])
            shared = _shared(names, numbers(first[9], int(first[3]), len(names), wanted[0]), type_names)
            block = frames_per_block(len(shared.ids))
            for begin in range(0, len(wanted), block):
                chosen = wanted[begin : begin + block]
                table, cells = _tables(data, [places[step] for step in chosen], chosen, shared)
                data.madvise(mmap.MADV_DONTNEED)  # else all of the file stays with this process
                yield _convert(shared, table, cells, np.array(chosen, dtype=np.int64), timestep_ps, masses, units)


def read(
    path: Path | str,
    type_names: Sequence[str],
    timestep_ps: float,
    masses: Mapping[str, float] | None = None,
    units: Units = METAL,
) -> Frames:
    """Return the frames of ``batches`` at once. Raises as it does."""
    return concatenate(list(batches(path, type_names, timestep_ps, masses, units)))


def steps(path: Path | str) -> list[int]:
    """Return the steps of the frames that ``batches`` yields, none of which is read. Raises ``ValueError`` where there is none."""
    path = Path(path)
    with path.open("rb") as handle:
        if handle.seek(0, 2):
            with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if places := _places(data):
                    return sorted(places)
    raise ValueError(f"{path.name} holds no whole frame: the run ended before its first was written, or it is no dump")


class _Place(NamedTuple):
    """Bytes of a frame."""

    start: int
    atoms: int
    """Where the line of the first atom begins."""
    end: int


def _places(data: mmap.mmap) -> dict[int, _Place]:
    """Return where each whole frame is by its step, up to the first with fewer atoms than the first of all.

    After a crash and a restart into the same file a cut one may lie between.
    """
    found: dict[int, _Place] = {}
    kind: tuple[int, bytes] | None = None
    start = seen = data.find(_START)
    while start >= 0:
        following = data.find(_START, start + len(_START))
        end = following if following >= 0 else len(data)
        head = data[start : min(end, start + _HEAD)].split(b"\n", 9)
        if len(head) == 10 and head[8].startswith(_ATOMS):
            n_atoms, step = int(head[3]), int(head[1])
            body = start + sum(map(len, head[:9])) + 9
            last = data.rfind(b"\n", body, end) + 1  # what follows the last newline is the cut title of the next frame
            if last and data[body:last].count(b"\n") == n_atoms:
                kind = kind or (n_atoms, head[8])
                if n_atoms < kind[0] and head[8] == kind[1]:
                    return found  # atoms that flew apart are dumped as lost before LAMMPS counts them and stops
                if (n_atoms, head[8]) != kind:
                    raise ValueError(f"the dump's frame of step {step} has other atoms or columns than its first: it is of two runs")
                found[step] = _Place(start, body, last)
        if end - seen > _KEPT:
            data.madvise(mmap.MADV_DONTNEED)
            seen = end
        start = following
    return found


def _tables(
    data: mmap.mmap, places: Sequence[_Place], steps: Sequence[int], shared: Columns
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``(n_frames, n_atoms, n_columns)`` and ``(n_frames, 3, 3)``: many at once where the lines are columns in one order."""
    heads = [data[place.start : place.atoms].split(b"\n") for place in places]
    cells = np.stack([_cell(head[4], head[5:8]) for head in heads])
    n_atoms, n_columns = len(shared.ids), len(shared.names)
    table = np.empty((len(places), n_atoms, n_columns))
    length = places[0].end - places[0].atoms
    known = numbers(data[places[0].atoms : places[0].end], n_atoms, n_columns, steps[0])[:, :2]
    piece = max(1, _PIECE // length)
    for begin in range(0, len(places), piece):
        some = places[begin : begin + piece]
        if shared.names[:2] == ("id", "type") and length % n_atoms == 0 and all(one.end - one.atoms == length for one in some):
            text = np.frombuffer(b"".join(data[one.atoms : one.end] for one in some), np.uint8).reshape(len(some), n_atoms, -1)
            if begin == 0:
                template = text[0]
            floats = lammps_columns.parse(text, template, n_columns - 2)
            if floats is not None:
                table[begin : begin + piece, :, :2] = known
                table[begin : begin + piece, :, 2:] = floats
                continue
        for k, one in enumerate(some, start=begin):
            table[k] = numbers(data[one.atoms : one.end], n_atoms, n_columns, steps[k])
    return table, cells


def numbers(body: bytes, n_atoms: int, n_columns: int, step: int) -> NDArray[np.float64]:
    """Return the numbers of a frame's lines. Raises ``ValueError`` where a word is among them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's word for "not all of it are numbers", counted below
        found = np.fromstring(body, sep=" ")
    if found.size != n_atoms * n_columns:
        raise ValueError(f"the dump's frame of step {step} holds a word where a number is due: dump the type, not the element")
    return found.reshape(n_atoms, n_columns)


def _shared(names: tuple[str, ...], table: NDArray[np.float64], type_names: Sequence[str]) -> Columns:
    missing = [name for name in ("id", "type", *_UNWRAPPED) if name not in names]
    if missing:
        raise ValueError(f"the dump has the columns {' '.join(names)}, but {' '.join(missing)} are needed too")
    order = np.argsort(table[:, names.index("id")], kind="stable")
    types = table[order, names.index("type")].astype(np.int64)
    if types.min() < 1 or types.max() > len(type_names):
        raise ValueError(f"the dump has the atom type {types.max()}, but {len(type_names)} names were given: name each type in order")
    return Columns(names, tuple(type_names[kind - 1] for kind in types), types, table[order, names.index("id")])


def _convert(
    shared: Columns,
    table: NDArray[np.float64],
    cells: NDArray[np.float64],
    steps: NDArray[np.int64],
    timestep_ps: float,
    masses: Mapping[str, float] | None,
    units: Units,
) -> Frames:
    """Return the frames of ``(n_frames, n_atoms, n_columns)`` numbers, atoms ascending in their ids."""
    names = shared.names
    ids = table[:, :, names.index("id")]
    if not (np.diff(ids, axis=1) > 0).all():
        table = np.take_along_axis(table, np.argsort(ids, axis=1, kind="stable")[:, :, None], axis=1)
    if (table[:, :, names.index("id")] != shared.ids).any():
        raise ValueError("the atoms of the dump are not the same in all its frames: it is of two runs")
    if (table[:, :, names.index("type")] != shared.types).any():
        raise ValueError("the atoms change their types between the frames of the dump: it is of two runs")

    def columns(wanted: tuple[str, ...], factor: float = 1.0) -> NDArray[np.float64] | None:
        return table[:, :, [names.index(name) for name in wanted]] * factor if all(name in names for name in wanted) else None

    positions = columns(_UNWRAPPED)
    if positions is None:
        raise ValueError(f"the dump has no {' '.join(_UNWRAPPED)}")
    return Frames(
        species=shared.species,
        positions=positions,
        cells=cells,
        velocities=columns(_VELOCITIES, 1 / units.time_ps),
        forces=columns(_FORCES, units.energy_ev),
        steps=steps,
        times=steps * timestep_ps,
        masses=None if masses is None else np.array([masses[symbol] for symbol in shared.species]),
    )


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

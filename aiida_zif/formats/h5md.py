# SPDX-License-Identifier: MIT
"""Frames ⇄ one HDF5 file in the H5MD 1.1 layout: chunked, read lazily, equal bytes for equal content.

The layout follows https://nongnu.org/h5md/h5md.html, the unit strings its units module. Forces stand under
``observables/trajectory/force`` and not under ``particles``: MDAnalysis refuses any file whose particles carry a
force in eV/Å, and a force written in another unit would not come back bit by bit. An unknown step or time is
written as a running number marked ``unknown``, since MDAnalysis opens no file without them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.frames import PER_FRAME, Frames

VERSION: tuple[int, int] = (1, 1)
CHUNK_BYTES: int = 64 * 1024
"""Frames share a chunk up to this size: one frame costs one small read, a whole trajectory few large ones."""

_PARTICLES = "particles/trajectory"
_POSITION = f"{_PARTICLES}/position"
_PLACES: dict[str, tuple[str, str]] = {
    "positions": (_POSITION, "Angstrom"),
    "cells": (f"{_PARTICLES}/box/edges", "Angstrom"),
    "velocities": (f"{_PARTICLES}/velocity", "Angstrom ps-1"),
    "forces": ("observables/trajectory/force", "eV Angstrom-1"),
    "energies": ("observables/potential_energy", "eV"),
    "stresses": ("observables/stress", "eV Angstrom-3"),
    "temperatures": ("observables/temperature", "K"),
}
"""Where each field of Frames with a value per frame stands, and its unit; ``steps`` and ``times`` stand beside each."""


def write(path: str | Path | IO[bytes], frames: Frames, *, unwrapped: bool = False, creator_version: str) -> None:
    """Write ``frames`` to ``path`` (or a binary handle); ``unwrapped`` says that positions were not folded into the cell.

    Raises ``ValueError`` without any atom or frame.
    """
    if not frames.species or not len(frames):
        raise ValueError(f"{len(frames)} frames of {len(frames.species)} atoms were given, but a trajectory needs at least one of each")
    target = path if hasattr(path, "write") else str(path)
    with h5py.File(target, "w", libver="earliest") as file:
        _write_metadata(file, creator_version)
        particles = file.create_group(_PARTICLES)
        box = particles.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array([b"periodic"] * 3)
        _fixed(particles, "species", *_enumerated(frames.species))
        if frames.masses is not None:
            _fixed(particles, "mass", frames.masses, np.dtype("<f8"), unit="amu")
        position = file.create_group(_POSITION)
        position.attrs["unwrapped"] = bool(unwrapped)
        _series(position, "step", frames.steps, len(frames), np.dtype("<i8"))
        _series(position, "time", frames.times, len(frames), np.dtype("<f8")).attrs["unit"] = "ps"
        for name, (place, unit) in _PLACES.items():
            values = getattr(frames, name)
            if values is None:
                continue
            group = file.require_group(place)
            if place != _POSITION:
                group["step"], group["time"] = position["step"], position["time"]
            _per_frame(group, "value", np.asarray(values), np.dtype("<f8")).attrs["unit"] = unit
        if "observables/stress" in file:
            file["observables/stress"].attrs["convention"] = "virial part only, tension positive, Voigt xx yy zz yz xz xy"


class H5md:
    """A trajectory file, read lazily: only what is asked for leaves the disk. A context manager.

    ``source`` is a path, an open binary handle (for example of an AiiDA repository) or an open ``h5py.File``.
    Raises ``ValueError`` where it is no H5MD file of this layout.
    """

    def __init__(self, source: str | Path | IO[bytes] | h5py.File) -> None:
        self._owned = not isinstance(source, h5py.File)
        try:
            if isinstance(source, h5py.File):
                self._file = source
            else:
                self._file = h5py.File(str(source) if isinstance(source, Path) else source, "r")
        except OSError as error:
            raise ValueError(f"{source} cannot be read as an HDF5 file ({error}); give a whole trajectory file") from error
        places = (f"{_POSITION}/value", f"{_PARTICLES}/box/edges/value", f"{_PARTICLES}/species")
        missing = [place for place in places if place not in self._file]
        if missing:
            self.close()
            raise ValueError(f"the file lacks {missing[0]}, which every trajectory of this project has; give an H5MD file written by it")

    def __enter__(self) -> H5md:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if it was opened here."""
        if self._owned:
            self._file.close()

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols, ``(n_atoms,)``."""
        dataset = self._file[f"{_PARTICLES}/species"]
        names = {number: symbol for symbol, number in h5py.check_enum_dtype(dataset.dtype).items()}
        return tuple(names[number] for number in dataset[()].tolist())

    @property
    def masses(self) -> NDArray[np.float64] | None:
        """``(n_atoms,)``, those of the run, amu; ``None`` where unknown."""
        place = f"{_PARTICLES}/mass"
        return np.asarray(self._file[place][()], float) if place in self._file else None

    @property
    def n_frames(self) -> int:
        """The number of frames."""
        return int(self._file[f"{_POSITION}/value"].shape[0])

    @property
    def unwrapped(self) -> bool:
        """True if the positions were not folded into the cell."""
        return bool(self._file[_POSITION].attrs.get("unwrapped", False))

    @property
    def creator_version(self) -> str:
        """The version of the program that wrote the file."""
        value = self._file["h5md/creator"].attrs["version"]
        return value.decode() if isinstance(value, bytes) else str(value)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of Frames with an entry per frame that this file holds."""
        return tuple(name for name in PER_FRAME if self._dataset(name) is not None)

    def array(self, name: str, which: ArrayLike | slice = slice(None)) -> NDArray[Any]:
        """Return one field of the frames that ``which`` (indices, mask or slice) names, in that order, in our units.

        Raises ``ValueError`` where the file does not hold the field, ``IndexError`` beyond the last frame.
        """
        dataset = self._dataset(name)
        if dataset is None:
            raise ValueError(f"the file holds no {name}, only {', '.join(self.fields)}")
        indices = np.atleast_1d(np.arange(self.n_frames)[which if isinstance(which, slice) else np.asarray(which)])
        if not len(indices):
            return np.empty((0, *dataset.shape[1:]), dataset.dtype)
        wanted, inverse = np.unique(indices, return_inverse=True)
        first, last = int(wanted[0]), int(wanted[-1])
        if last - first < 8 * len(wanted):  # near neighbours: one read of the span beats h5py's list of single frames
            return np.asarray(dataset[first : last + 1][wanted - first][inverse])
        return np.asarray(np.stack([dataset[int(i)] for i in wanted])[inverse])

    def read(self, which: ArrayLike | slice = slice(None), fields: Iterable[str] | None = None) -> Frames:
        """Return the frames that ``which`` names with positions, cells and ``fields`` (all that the file holds, if ``None``).

        Raises ``ValueError`` for a field that the file does not hold.
        """
        names = set(self.fields if fields is None else fields) | {"positions", "cells"}
        names.discard("masses")
        names.discard("species")
        return Frames(species=self.species, masses=self.masses, **{name: self.array(name, which) for name in sorted(names)})

    def _dataset(self, name: str) -> h5py.Dataset | None:
        if name in ("steps", "times"):
            dataset = self._file[f"{_POSITION}/{name[:-1]}"]
            return None if dataset.attrs.get("unknown", False) else dataset
        if name not in _PLACES:
            raise ValueError(f"{name!r} is no field of a trajectory; choose from {', '.join(PER_FRAME)}")
        return self._file.get(f"{_PLACES[name][0]}/value")


def content_hash(frames: Frames) -> str:
    """Return the sha256 (hex) over species and arrays, the same on every machine and for every file that carries them."""
    digest = hashlib.sha256("\n".join(frames.species).encode())
    for name in (*PER_FRAME, "masses"):
        values = getattr(frames, name)
        if values is None:
            continue
        array = np.ascontiguousarray(values, dtype="<i8" if name == "steps" else "<f8")
        if name != "steps":
            array = np.where(np.isnan(array), np.nan, array) + 0.0  # one NaN and one zero, whatever their bits
        digest.update(f"\n{name} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write_metadata(file: h5py.File, creator_version: str) -> None:
    root = file.create_group("h5md")
    root.attrs["version"] = np.array(VERSION, "<i4")
    root.create_group("author").attrs["name"] = np.bytes_(b"aiida-zif")
    creator = root.create_group("creator")
    creator.attrs["name"] = np.bytes_(b"aiida-zif")
    creator.attrs["version"] = np.bytes_(creator_version.encode())
    root.create_group("modules/units").attrs["version"] = np.array((1, 0), "<i4")


def _enumerated(species: tuple[str, ...]) -> tuple[NDArray[np.int8], np.dtype[Any]]:
    numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys(species))}
    return np.array([numbers[symbol] for symbol in species], np.int8), h5py.enum_dtype(numbers, basetype="i1")


def _fixed(group: h5py.Group, name: str, values: NDArray[Any], dtype: np.dtype[Any], unit: str | None = None) -> None:
    dataset = group.create_dataset(name, data=values, dtype=dtype, track_times=False)
    if unit is not None:
        dataset.attrs["unit"] = unit


def _series(group: h5py.Group, name: str, values: NDArray[Any] | None, n_frames: int, dtype: np.dtype[Any]) -> h5py.Dataset:
    dataset = _per_frame(group, name, np.arange(n_frames) if values is None else np.asarray(values), dtype)
    dataset.attrs["unknown"] = values is None
    return dataset


def _per_frame(group: h5py.Group, name: str, values: NDArray[Any], dtype: np.dtype[Any]) -> h5py.Dataset:
    bytes_per_frame = max(1, dtype.itemsize * int(np.prod(values.shape[1:])))
    frames_per_chunk = max(1, min(len(values), CHUNK_BYTES // bytes_per_frame))
    return group.create_dataset(
        name, data=values, dtype=dtype, chunks=(frames_per_chunk, *values.shape[1:]), compression="gzip", compression_opts=1, shuffle=True,
        track_times=False,
    )  # fmt: skip

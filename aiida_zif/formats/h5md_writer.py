# SPDX-License-Identifier: MIT
"""Frames → one trajectory file, batch after batch: equal bytes for equal content, whatever the batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.h5md_layout import (
    EVERY_FRAME,
    PARTICLES,
    PLACES,
    POSITION,
    RUNNING,
    STRESS,
    VERSION,
    ContentHash,
    columns,
    frames_per_block,
    frames_per_chunk,
    place_of,
)
from aiida_zif.science.frames import PER_FRAME, Frames, concatenate


class Writer:
    """Write frames into a trajectory file, batch after batch, in bounded memory. A context manager.

    ``unwrapped`` says that positions were not folded into the cell. With ``position_stride`` k, positions, velocities and forces are
    kept of the first frame and of every k-th one from there, everything else of every frame.
    Where something is refused the file is removed, so that nothing of it stays.
    """

    def __init__(
        self, path: str | Path | IO[bytes], *, unwrapped: bool = False, creator_version: str, position_stride: int = 1
    ) -> None:  # fmt: skip
        if position_stride < 1:
            raise ValueError(f"the stride of positions is {position_stride}; give 1 to keep all, or more")
        self._target = path
        self._unwrapped = unwrapped
        self._creator_version = creator_version
        self._stride = position_stride
        self._hash = ContentHash(position_stride)
        self._file: h5py.File | None = None
        self._first: Frames | None = None
        self._pending: list[Frames] = []
        self._written = 0
        self.n_frames = 0
        """Frames given so far."""

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self.close()
        except BaseException:
            self._discard()
            raise

    def append(self, frames: Frames) -> None:
        """Add frames behind those before.

        Raises ``ValueError`` where they are not of the same atoms and fields as those before, or a position or cell is no number.
        """
        if not len(frames):
            return
        self._check(frames)
        if self._first is None:
            self._first = frames.select(slice(0, 0))
        self._pending.append(frames)
        self.n_frames += len(frames)
        block = frames_per_block(len(frames.species))
        if sum(map(len, self._pending)) >= block:
            joined = self._joined()
            whole = len(joined) - len(joined) % block
            for begin in range(0, whole, block):
                self._write(joined.select(slice(begin, begin + block)))
            self._pending = [joined.select(np.arange(whole, len(joined)))] if whole < len(joined) else []

    def close(self) -> str:
        """Write what is left and return the content hash, which the file holds, too. Raises ``ValueError`` without any frame."""
        if self._pending:
            self._write(self._joined())
            self._pending = []
        if self._file is None:
            raise ValueError("0 frames were given, but a trajectory needs at least one frame")
        found = self._hash.hexdigest()
        if self._file:
            self._file.require_group("parameters").attrs["content_hash"] = found
            self._file.close()
        return found

    def _joined(self) -> Frames:
        return self._pending[0] if len(self._pending) == 1 else concatenate(self._pending)

    def _check(self, frames: Frames) -> None:
        if not frames.species:
            raise ValueError(f"{len(frames)} frames of 0 atoms were given, but a trajectory needs at least one atom")
        for name in ("positions", "cells"):
            values = getattr(frames, name)
            if not np.isfinite(values).all():
                bad = int(np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))[0])
                where = f"frame {self.n_frames + bad}" if frames.steps is None else f"step {frames.steps[bad]}"
                raise ValueError(f"the {name} of {where} are not all numbers; leave that frame out, or look at what wrote it")
        if self._first is None:
            return
        if frames.species != self._first.species:
            raise ValueError("frames of other atoms than those before were given; a trajectory has one list of atoms")
        if not np.array_equal(np.asarray(frames.masses, object), np.asarray(self._first.masses, object)):
            raise ValueError("frames with other masses than those before were given; a trajectory has one list of masses")
        known, before = _fields(frames), _fields(self._first)
        if known != before:
            raise ValueError(f"frames with {', '.join(known)} were given after frames with {', '.join(before)}; give the same fields")

    def _write(self, block: Frames) -> None:
        """Write one block: the calls to HDF5, and with them the bytes, depend on the blocks only, which depend on the atoms only."""
        fresh = self._file is None
        if self._file is None:
            self._file = self._create(block)
        file = self._file
        running = np.arange(self._written, self._written + len(block))
        with_numbers = replace(
            block,
            steps=running if block.steps is None else block.steps,
            times=running.astype(float) if block.times is None else block.times,
        )
        for key, values in columns(with_numbers, self._written, self._stride):
            folder, _, name = key.rpartition("/")
            if name in RUNNING:
                place, unit = f"{EVERY_FRAME if folder else POSITION}/{name[:-1]}", "ps" if name == "times" else None
                unknown = getattr(block, name) is None
            else:
                place, unit, unknown = f"{place_of(key)}/value", PLACES[name][1], None
            dataset = file.get(place) or _create_dataset(file, place, values.shape[1:], RUNNING.get(name, np.dtype("<f8")), unit, unknown)
            end = len(dataset)
            dataset.resize(end + len(values), axis=0)
            dataset[end:] = values
        if fresh:
            self._link(block)
        self._hash.update(block)
        self._written += len(block)

    def _create(self, frames: Frames) -> h5py.File:
        file = h5py.File(self._target if hasattr(self._target, "write") else str(self._target), "w", libver="earliest")
        _write_metadata(file, self._creator_version)
        box = file.create_group(f"{PARTICLES}/box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array([b"periodic"] * 3)
        _fixed(file[PARTICLES], "species", *_enumerated(frames.species))
        if frames.masses is not None:
            _fixed(file[PARTICLES], "mass", frames.masses, np.dtype("<f8"), unit="amu")
        position = file.create_group(POSITION)
        position.attrs["unwrapped"] = bool(self._unwrapped)
        position.attrs["stride"] = self._stride
        return file

    def _link(self, frames: Frames) -> None:
        """Let every element have the step and time of its kind, and the stress say what it is."""
        assert self._file is not None
        for key, _ in columns(frames, 0, self._stride):
            folder, _, name = key.rpartition("/")
            if name in RUNNING:
                continue
            source, group = self._file[EVERY_FRAME if folder else POSITION], self._file[place_of(key)]
            if group != source:
                group["step"], group["time"] = source["step"], source["time"]
            if name == "stresses":
                group.attrs["content"] = frames.stress_content
                group.attrs["convention"] = STRESS[frames.stress_content]

    def _discard(self) -> None:
        if self._file:
            self._file.close()
        if isinstance(self._target, str | Path):
            Path(self._target).unlink(missing_ok=True)


def write(
    path: str | Path | IO[bytes], frames: Frames, *, unwrapped: bool = False, creator_version: str, position_stride: int = 1
) -> str:  # fmt: skip
    """Write ``frames`` to ``path`` (or a binary handle) as :class:`Writer` does; return the content hash.

    Raises ``ValueError`` without any atom or frame, or where a position or cell is no number.
    """
    with Writer(path, unwrapped=unwrapped, creator_version=creator_version, position_stride=position_stride) as writer:
        writer.append(frames)
        return writer.close()


def _fields(frames: Frames) -> list[str]:
    known = [name for name in PER_FRAME if getattr(frames, name) is not None]
    return [f"stresses ({frames.stress_content})" if name == "stresses" else name for name in known]


def _create_dataset(
    file: h5py.File, place: str, shape: tuple[int, ...], dtype: np.dtype[Any], unit: str | None, unknown: bool | None
) -> h5py.Dataset:
    dataset = file.create_dataset(
        place, shape=(0, *shape), maxshape=(None, *shape), dtype=dtype, chunks=(frames_per_chunk(shape, dtype.itemsize), *shape),
        compression="gzip", compression_opts=1, shuffle=True, track_times=False,
    )  # fmt: skip
    if unit is not None:
        dataset.attrs["unit"] = unit
    if unknown is not None:
        dataset.attrs["unknown"] = unknown
    return dataset


def _write_metadata(file: h5py.File, creator_version: str) -> None:
    root = file.create_group("h5md")
    root.attrs["version"] = np.array(VERSION, "<i4")
    creator = root.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = np.bytes_("aiida-zif"), np.bytes_(creator_version)
    root.create_group("author").attrs["name"] = np.bytes_("aiida-zif")
    root.create_group("modules/units").attrs["version"] = np.array((1, 0), "<i4")


def _enumerated(species: tuple[str, ...]) -> tuple[NDArray[np.int8], np.dtype[Any]]:
    numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys(species))}
    return np.array([numbers[symbol] for symbol in species], np.int8), h5py.enum_dtype(numbers, basetype="i1")


def _fixed(group: h5py.Group, name: str, values: NDArray[Any], dtype: np.dtype[Any], unit: str | None = None) -> None:
    dataset = group.create_dataset(name, data=values, dtype=dtype, track_times=False)
    if unit is not None:
        dataset.attrs["unit"] = unit

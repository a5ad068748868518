# SPDX-License-Identifier: MIT
"""One HDF5 file in the H5MD 1.1 layout → Frames, read lazily; ``h5md_layout`` says how it is laid out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.formats.h5md_layout import (
    BLOCK_BYTES,
    EVERY_FRAME,
    PARTICLES,
    PLACES,
    POSITION,
    STRESS,
    ContentHash,
    content_hash,
    frames_per_block,
    place_of,
)
from aiida_zif.formats.h5md_writer import Writer, write
from aiida_zif.science.frames import PER_FRAME, Frames

__all__ = ["ContentHash", "H5md", "Writer", "content_hash", "write"]


_CELLS = BLOCK_BYTES // 72
"""Cells read at once."""


class H5md:
    """A trajectory file, read lazily: only what is asked for leaves the disk. A context manager.

    ``source`` is a path, an open binary handle (for example of an AiiDA repository) or an open ``h5py.File``.
    A frame is here one that has positions; ``series`` gives what is known of the others.
    Raises ``ValueError`` where it is no H5MD file of this layout and these units.
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
        try:
            self._check()
        except ValueError:
            self.close()
            raise

    def _check(self) -> None:
        places = (f"{POSITION}/value", f"{PARTICLES}/box/edges/value", f"{PARTICLES}/species")
        missing = [place for place in places if place not in self._file]
        if missing:
            raise ValueError(f"the file lacks {missing[0]}, which every trajectory of this project has; give an H5MD file written by it")
        for name, (place, unit) in PLACES.items():
            dataset = self._dataset(name)
            if dataset is None:
                continue
            found = dataset.attrs.get("unit")
            found = found.decode() if isinstance(found, bytes) else found
            if found != unit:
                raise ValueError(
                    f"the {name} of the file are in {found or 'no unit'}, not in {unit}; give an H5MD file written by this project"
                )
            if len(dataset) != self.n_frames:
                raise ValueError(f"the file has {self.n_frames} frames, but {len(dataset)} {name} at {place}; give a whole trajectory file")

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
        dataset = self._file[f"{PARTICLES}/species"]
        names = {number: symbol for symbol, number in h5py.check_enum_dtype(dataset.dtype).items()}
        return tuple(names[number] for number in dataset[()].tolist())

    @property
    def masses(self) -> NDArray[np.float64] | None:
        """``(n_atoms,)``, those of the run, amu; ``None`` where unknown."""
        place = f"{PARTICLES}/mass"
        return np.asarray(self._file[place][()], float) if place in self._file else None

    @property
    def n_frames(self) -> int:
        """The number of frames that have positions."""
        return int(self._file[f"{POSITION}/value"].shape[0])

    @property
    def position_stride(self) -> int:
        """Positions, velocities and forces are those of every so manieth frame; everything else is known of all."""
        return int(self._file[POSITION].attrs.get("stride", 1))

    @property
    def unwrapped(self) -> bool:
        """True if the positions were not folded into the cell."""
        return bool(self._file[POSITION].attrs.get("unwrapped", False))

    @property
    def stress_content(self) -> str:
        """What the stresses hold: ``virial``, ``estimated`` or ``total``, as in Frames."""
        found = str(self._file[PLACES["stresses"][0]].attrs.get("content", "virial")) if "stresses" in self.fields else "virial"
        if found not in STRESS:
            raise ValueError(f"the stresses of the file are called {found!r}; known are {', '.join(STRESS)}")
        return found

    @property
    def creator_version(self) -> str:
        """The version of the program that wrote the file."""
        value = self._file["h5md/creator"].attrs["version"]
        return value.decode() if isinstance(value, bytes) else str(value)

    @property
    def content_hash(self) -> str | None:
        """The content hash that the writer left in the file; ``None`` in files of before. :meth:`verify` computes it."""
        group = self._file.get("parameters")
        found = None if group is None else group.attrs.get("content_hash")
        return None if found is None else str(found)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of Frames with an entry per frame that this file holds."""
        return tuple(name for name in PER_FRAME if self._dataset(name) is not None)

    def array(self, name: str, which: ArrayLike | slice = slice(None)) -> NDArray[Any]:
        """Return one field of the frames that ``which`` (indices, mask or slice) names, in that order, in our units.

        Raises ``ValueError`` where the file does not hold the field, ``IndexError`` beyond the last frame.
        """
        return self._take(self._held(name), which)

    def series(self, name: str, which: ArrayLike | slice = slice(None)) -> NDArray[Any]:
        """Return all that is known of one field, also of frames without positions; ``steps_of`` says when. Otherwise as ``array``."""
        return self._take(self._held(self._longest(name)), which)

    @property
    def volumes(self) -> NDArray[np.float64]:
        """Volumes of all cells that are known, also of frames without positions, Å³."""
        dataset = self._held(self._longest("cells"))
        parts = [np.abs(np.linalg.det(dataset[begin : begin + _CELLS])) for begin in range(0, len(dataset), _CELLS)]
        return np.concatenate(parts) if parts else np.empty(0)

    def steps_of(self, name: str) -> NDArray[np.int64]:
        """Return the steps at which ``series(name)`` is known. Raises ``ValueError`` where the file holds no field or no steps."""
        self._held(name)
        return self._take(self._held("every_frame/steps" if "/" in self._longest(name) else "steps"), slice(None))

    def read(self, which: ArrayLike | slice = slice(None), fields: Iterable[str] | None = None) -> Frames:
        """Return the frames that ``which`` names with positions, cells and ``fields`` (all that the file holds, if ``None``).

        With a stride for positions these are the frames that have some, and everything else is that of their steps.
        Raises ``ValueError`` for a field that the file does not hold.
        """
        names = set(self.fields if fields is None else fields) | {"positions", "cells"}
        names -= {"masses", "species"}
        arrays = {name: self.array(name, which) for name in sorted(names)}
        return Frames(species=self.species, masses=self.masses, stress_content=self.stress_content, **arrays)  # type: ignore[arg-type]

    def batches(self, which: ArrayLike | slice = slice(None), fields: Iterable[str] | None = None) -> Iterator[Frames]:
        """Yield what ``read`` returns, some MB at a time."""
        indices = self._indices(which, self.n_frames)
        names = None if fields is None else tuple(fields)
        size = frames_per_block(len(self.species))
        for begin in range(0, len(indices), size):
            yield self.read(indices[begin : begin + size], names)

    def verify(self) -> str:
        """Read all of the file, some MB at a time, and return its content hash.

        Raises ``ValueError`` where something cannot be read, a position or cell is no number, or the file says it has another hash.
        """
        digest = ContentHash(self.position_stride)
        keys = [*self.fields, *(key for name in self.fields if (key := self._longest(name)) != name)]
        for key in keys:
            dataset = self._held(key)
            size = max(1, BLOCK_BYTES // max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))))
            for begin in range(0, len(dataset), size):
                try:
                    values = dataset[begin : begin + size]
                except OSError as error:
                    raise ValueError(f"the {key} from frame {begin} on cannot be read ({error}); give a whole trajectory file") from error
                if key in ("positions", "cells") and not np.isfinite(values).all():
                    raise ValueError(f"the {key} from frame {begin} on are not all numbers; give a trajectory of numbers")
                digest.add(key, values)
        digest.describe(self.species, self.masses, self.stress_content if "stresses" in self.fields else None)
        found = digest.hexdigest()
        if self.content_hash not in (None, found):
            raise ValueError(
                f"the file says that its content has the hash {self.content_hash}, but it has {found}: it was changed or damaged"
            )
        return found

    def _longest(self, name: str) -> str:
        key = f"every_frame/{name}"
        return key if self._dataset(key) is not None else name

    def _held(self, key: str) -> h5py.Dataset:
        dataset = self._dataset(key)
        if dataset is None:
            raise ValueError(f"the file holds no {key}, only {', '.join(self.fields)}")
        return dataset

    def _dataset(self, key: str) -> h5py.Dataset | None:
        folder, _, name = key.rpartition("/")
        if name in ("steps", "times"):
            dataset = self._file.get(f"{EVERY_FRAME if folder else POSITION}/{name[:-1]}")
            return None if dataset is None or dataset.attrs.get("unknown", False) else dataset
        if name not in PLACES:
            raise ValueError(f"{name!r} is no field of a trajectory; choose from {', '.join(PER_FRAME)}")
        return self._file.get(f"{place_of(key)}/value")

    @staticmethod
    def _indices(which: ArrayLike | slice, length: int) -> NDArray[np.intp]:
        indices: NDArray[np.intp] = np.arange(length)[which if isinstance(which, slice) else np.asarray(which)]
        return np.atleast_1d(indices)

    @classmethod
    def _take(cls, dataset: h5py.Dataset, which: ArrayLike | slice) -> NDArray[Any]:
        """Read near neighbours together, in spans of bounded size: a read costs as much as the few frames that share a chunk."""
        indices = cls._indices(which, len(dataset))
        if not len(indices):
            return np.empty((0, *dataset.shape[1:]), dataset.dtype)
        wanted, inverse = np.unique(indices, return_inverse=True)
        values = np.empty((len(wanted), *dataset.shape[1:]), dataset.dtype)
        near = dataset.chunks[0] if dataset.chunks else len(dataset)
        longest = max(near, BLOCK_BYTES // max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))))
        begin = 0
        for end in [*(np.flatnonzero(np.diff(wanted) > near) + 1).tolist(), len(wanted)]:
            while begin < end:
                first = int(wanted[begin])
                stop = min(end, int(np.searchsorted(wanted, first + longest)))
                span = dataset[first : int(wanted[stop - 1]) + 1]
                values[begin:stop] = span if len(span) == stop - begin else span[wanted[begin:stop] - first]
                begin = stop
        if len(wanted) == len(indices) and (np.diff(inverse) == 1).all():
            return values
        return values[inverse]

# SPDX-License-Identifier: MIT
"""How a trajectory file is laid out, and the hash of what is in it.

The layout follows https://nongnu.org/h5md/h5md.html, the unit strings its units module. Forces stand under
``observables/trajectory/force`` and not under ``particles``: MDAnalysis refuses any file whose particles carry a
force in eV/Å, and a force written in another unit would not come back bit by bit. An unknown step or time is
written as a running number marked ``unknown``, since MDAnalysis opens no file without them.

With a stride for positions, everything at the places of the standard belongs to the frames that have positions, because readers
such as MDAnalysis match observables to positions by their number and not by their step; what is known of every frame stands under
``parameters/every_frame``, each with its own step and time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import PER_FRAME, Frames

VERSION: tuple[int, int] = (1, 1)
CHUNK_BYTES: int = 64 * 1024
"""Frames share a chunk up to this size: one frame costs one small read, a whole trajectory few large ones."""
BLOCK_BYTES: int = 4 * 1024 * 1024
"""What is written or read at once of one field with an entry per atom."""

PARTICLES = "particles/trajectory"
POSITION = f"{PARTICLES}/position"
EVERY_FRAME = "parameters/every_frame"
PLACES: dict[str, tuple[str, str]] = {
    "positions": (POSITION, "Angstrom"),
    "cells": (f"{PARTICLES}/box/edges", "Angstrom"),
    "velocities": (f"{PARTICLES}/velocity", "Angstrom ps-1"),
    "forces": ("observables/trajectory/force", "eV Angstrom-1"),
    "energies": ("observables/potential_energy", "eV"),
    "stresses": ("observables/stress", "eV Angstrom-3"),
    "temperatures": ("observables/temperature", "K"),
}
"""Where each field of Frames with a value per frame stands, and its unit; ``steps`` and ``times`` stand beside each."""
PER_ATOM: tuple[str, ...] = ("positions", "velocities", "forces")
"""The fields that a stride thins out."""
STRESS: dict[str, str] = {
    "virial": "virial part only, tension positive, Voigt xx yy zz yz xz xy",
    "estimated": "virial part only, the kinetic part by velocities estimated from positions, tension positive, Voigt xx yy zz yz xz xy",
    "total": "virial and kinetic part, tension positive, Voigt xx yy zz yz xz xy",
}
"""``stress_content`` → the convention as a sentence for whoever opens the file."""
RUNNING: dict[str, np.dtype[Any]] = {"steps": np.dtype("<i8"), "times": np.dtype("<f8")}
"""Fields that count the frames, and how; where one is unknown a running number stands for it."""


def columns(frames: Frames, first: int, stride: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield what is kept of ``frames``, the first of which is number ``first`` of all: field name and values, thinned by ``stride``.

    What belongs to every frame, of those with and without positions, comes as ``every_frame/NAME``, if the two differ.
    """
    rows = slice(-first % stride, None, stride)
    for name in PER_FRAME:
        values = getattr(frames, name)
        if values is None:
            continue
        yield name, np.asarray(values)[rows]
        if stride > 1 and name not in PER_ATOM:
            yield f"every_frame/{name}", np.asarray(values)


def place_of(key: str) -> str:
    """Return the group of a column of :func:`columns`."""
    folder, _, name = key.rpartition("/")
    return f"{EVERY_FRAME}/{PLACES[name][0].rsplit('/', 1)[1]}" if folder else PLACES[name][0]


def frames_per_block(n_atoms: int) -> int:
    """Return how many frames are written or read at once: whole chunks, some MB."""
    chunk = frames_per_chunk((n_atoms, 3), 8)
    return max(chunk, BLOCK_BYTES // (24 * n_atoms) // chunk * chunk)


def frames_per_chunk(shape: tuple[int, ...], itemsize: int) -> int:
    """The shape of a chunk is that of a frame's: it must not depend on how many frames there are."""
    return max(1, CHUNK_BYTES // (itemsize * int(np.prod(shape))))


class ContentHash:
    """The sha256 over species, masses and arrays, batch after batch: the same on every machine, for every batch and every file.

    One digest per field, combined at the end, so that a file can be checked field after field.
    """

    def __init__(self, position_stride: int = 1) -> None:
        self._stride = position_stride
        self._digests: dict[str, Any] = {}
        self._facts: tuple[str, ...] = ()
        self._n_frames = 0

    def update(self, frames: Frames) -> None:
        """Add frames behind those before."""
        for key, values in columns(frames, self._n_frames, self._stride):
            self.add(key, values)
        self.describe(frames.species, frames.masses, frames.stress_content if frames.stresses is not None else None)
        self._n_frames += len(frames)

    def add(self, key: str, values: NDArray[Any]) -> None:
        """Add values behind those before of one column alone."""
        array = np.ascontiguousarray(values, dtype="<i8" if key.endswith("steps") else "<f8")
        if array.dtype.kind == "f":
            array = array + 0.0  # one zero and one NaN, whatever their bits
            if np.isnan(array).any():
                array[np.isnan(array)] = np.nan
        self._digests.setdefault(key, hashlib.sha256()).update(array.tobytes())

    def describe(self, species: tuple[str, ...], masses: NDArray[np.float64] | None, stress_content: str | None) -> None:
        """Say what is the same for all frames."""
        known = "unknown" if masses is None else hashlib.sha256(np.ascontiguousarray(masses, "<f8").tobytes()).hexdigest()
        self._facts = (*species, f"masses {known}", f"stress {stress_content}", f"stride {self._stride}")

    def hexdigest(self) -> str:
        """Return the hash of all that was added."""
        lines = [*self._facts, *(f"{key} {digest.hexdigest()}" for key, digest in sorted(self._digests.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def content_hash(frames: Frames) -> str:
    """Return the sha256 (hex) over species, masses and arrays."""
    digest = ContentHash()
    digest.update(frames)
    return digest.hexdigest()

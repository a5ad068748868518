# SPDX-License-Identifier: MIT
"""Frames ⇄ the npz of the published data sets (doi:10.1039/D3DD00236E): Z, positions, energy, force, stress, cell, pbc.

Å, eV, eV/Å, eV/Å³, one row per frame. An npz carries no units: others are converted where whoever gives the file names them.
Nothing in it is unpickled, and it is read row by row: the arrays of a million frames need not fit into memory.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames, concatenate, from_voigt, to_voigt
from aiida_zif.science.units import BOHR_IN_ANGSTROM, EV_IN_KJ_PER_MOL, HARTREE_IN_EV

NEEDED: tuple[str, ...] = ("Z", "positions", "energy", "force", "cell")
UNITS: dict[str, tuple[float, float, float]] = {
    "ev": (1.0, 1.0, 1.0),
    "hartree": (HARTREE_IN_EV, HARTREE_IN_EV / BOHR_IN_ANGSTROM, HARTREE_IN_EV / BOHR_IN_ANGSTROM**3),
    "kcal/mol": (4.184 / EV_IN_KJ_PER_MOL,) * 3,
    "kj/mol": (1 / EV_IN_KJ_PER_MOL,) * 3,
}
"""Name → what an energy, a force and a stress of these units is in eV, eV/Å, eV/Å³; ``hartree`` means Hartree, Hartree/bohr, Hartree/bohr³.
Positions and cells are in Å in all of them."""
BATCH_BYTES = 16 * 1024 * 1024


def write(path: str | Path, frames: Frames, more: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Write ``frames``, with ``more`` arrays beside the published ones. Raises ``ValueError`` without energies or forces.

    A stress is left out where no frame has one, and NaN in a frame that has none.
    """
    if frames.energies is None or frames.forces is None:
        raise ValueError("an npz data set needs the energy and the forces of each frame; these frames lack them")
    numbers = np.array([atomic_numbers[symbol] for symbol in frames.species], dtype=np.int64)
    arrays: dict[str, NDArray[Any]] = {
        "Z": np.tile(numbers, (len(frames), 1)), "positions": frames.positions, "energy": frames.energies, "force": frames.forces,
        "cell": frames.cells, "pbc": np.ones((len(frames), 3), dtype=np.bool_),
    }  # fmt: skip
    if frames.stresses is not None and np.isfinite(frames.stresses).any():
        arrays["stress"] = from_voigt(frames.stresses)
    np.savez(path, **arrays, **(more or {}))  # type: ignore[arg-type]


def read(path: str | Path, units: str = "ev", stress_content: str = "virial") -> Frames:
    """Return all frames of a file; see ``batches``."""
    return concatenate(list(batches(path, units, stress_content)))


def has_stress(path: str | Path) -> bool:
    """Return whether a file holds stresses. Raises ``ValueError`` where it is no npz."""
    with _opened(path) as archive:
        return "stress.npy" in archive.namelist()


def batches(path: str | Path, units: str = "ev", stress_content: str = "virial") -> Iterator[Frames]:
    """Yield the frames of a file in order, some MB at a time; ``stress_content`` is what its stresses hold, as in Frames.

    Raises ``ValueError`` with one sentence for a file that is no npz, lacks an array, is cut, holds several systems or unknown units.
    """
    if units not in UNITS:
        raise ValueError(f"the units are {units!r}; choose from {', '.join(UNITS)}")
    with _opened(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        if missing := [name for name in NEEDED if name not in names]:
            raise ValueError(f"{Path(path).name} lacks {missing[0]}: an npz data set holds {', '.join(NEEDED)} and maybe stress and pbc")
        members = {name: _Rows(archive, name) for name in (*NEEDED, *(("stress",) if "stress" in names else ()))}
        try:
            yield from _batches(Path(path).name, members, UNITS[units], stress_content)
        finally:
            for member in members.values():
                member.close()


def _batches(name: str, members: dict[str, _Rows], units: tuple[float, float, float], stress_content: Any) -> Iterator[Frames]:
    positions = members["positions"]
    if len(positions.shape) != 3 or positions.shape[2:] != (3,) or not positions.shape[0]:
        raise ValueError(f"positions of {name} have the shape {positions.shape}; give (frames, atoms, 3)")
    n_frames, n_atoms, _ = positions.shape
    for key, member in members.items():
        fixed = (key == "Z" and len(member.shape) == 1) or (key == "cell" and member.shape == (3, 3))
        shapes = {"Z": (n_atoms,), "energy": (), "force": (n_atoms, 3), "cell": (3, 3), "stress": (3, 3), "positions": (n_atoms, 3)}
        row = member.shape if fixed else member.shape[1:]
        if (not fixed and member.shape[:1] != (n_frames,)) or np.prod(row, dtype=int) != np.prod(shapes[key], dtype=int):
            raise ValueError(f"{key} of {name} has the shape {member.shape}, which does not fit {n_frames} frames of {n_atoms} atoms")
        member.fixed = fixed
    size = max(1, BATCH_BYTES // (48 * n_atoms))
    energy_in_ev, force_in_ev, stress_in_ev = units
    first: NDArray[Any] | None = None
    for start in range(0, n_frames, size):
        count = min(size, n_frames - start)
        rows = {key: member.take(count) for key, member in members.items()}
        numbers = rows["Z"].reshape(count, n_atoms)
        first = numbers[0] if first is None else first
        if not (numbers == first).all():
            other = start + int(np.flatnonzero((numbers != first).any(axis=1))[0])
            raise ValueError(f"frame {other} of {name} is of other atoms than the first, or in another order: give one system per file")
        if first.min() < 1 or first.max() >= len(chemical_symbols):
            raise ValueError(f"Z of {name} holds {first.min()} to {first.max()}, but must be atomic numbers")
        stress = to_voigt(rows["stress"].reshape(count, 3, 3)) * stress_in_ev if "stress" in rows else None
        yield Frames(
            tuple(chemical_symbols[number] for number in first), rows["positions"], rows["cell"].reshape(count, 3, 3),
            energies=rows["energy"].reshape(count) * energy_in_ev, forces=rows["force"] * force_in_ev, stresses=stress,
            stress_content=stress_content,
        )  # fmt: skip


class _Rows:
    """One array of an archive, its rows read one after the other."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.name, self.fixed = name, False
        self._handle: IO[bytes] = archive.open(f"{name}.npy")
        try:
            known: Any = np.lib.format
            version = known.read_magic(self._handle)
            read_header = known.read_array_header_1_0 if version == (1, 0) else known.read_array_header_2_0
            self.shape, fortran, self._dtype = read_header(self._handle)
        except ValueError as error:
            raise ValueError(f"{name} cannot be read as an array ({error}); give a file written by numpy.savez") from error
        if self._dtype.hasobject or fortran or self._dtype.kind not in "fiu":
            raise ValueError(f"{name} holds {self._dtype}, but must hold plain numbers, row by row")
        self._all: NDArray[Any] | None = None

    def take(self, count: int) -> NDArray[Any]:
        """Return the next rows; of an array that all frames share, that of each."""
        if self.fixed:
            self._all = self._read(self.shape) if self._all is None else self._all
            return np.repeat(self._all[None], count, axis=0)
        return self._read((count, *self.shape[1:]))

    def _read(self, shape: tuple[int, ...]) -> NDArray[Any]:
        wanted = int(np.prod(shape, dtype=int)) * self._dtype.itemsize
        try:
            data = self._handle.read(wanted)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise ValueError(f"{self.name} is damaged ({error}); give a whole file") from error
        if len(data) < wanted:
            raise ValueError(f"{self.name} is cut; give a whole file")
        kind = np.int64 if self.name == "Z" else np.float64
        return np.frombuffer(data, self._dtype).reshape(shape).astype(kind)

    def close(self) -> None:
        self._handle.close()


@contextmanager
def _opened(path: str | Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{Path(path).name} cannot be read as an npz file ({error}); give a whole one") from error
    with archive:
        yield archive

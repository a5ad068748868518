# SPDX-License-Identifier: MIT
"""Structures and trajectories in the files that people have: CIF, extended XYZ, LAMMPS data, H5MD."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats import extxyz, lammps_data
from aiida_zif.formats.h5md import H5md
from aiida_zif.science.frames import Frames

STYLES: dict[int, str] = {5: "atomic", 8: "atomic", 7: "full", 10: "full"}
"""By number of columns, where a LAMMPS data file does not name the style of its atoms."""
KINDS = "CIF (.cif), extended XYZ (.xyz, .extxyz), LAMMPS data (.data, .lmp, .lammps) or H5MD (.h5md, .h5)"


@dataclass(frozen=True)
class StructureFile:
    """One file, which is read when it is asked for."""

    path: Path
    n_frames: int
    first: Frames
    """Its first frame."""

    @property
    def masses(self) -> NDArray[np.float64]:
        """``(n_atoms,)``, those of the file, else the standard atomic weights, amu."""
        if self.first.masses is not None:
            return self.first.masses
        table = lammps_data.standard_masses(sorted(set(self.first.species)))
        return np.array([table[symbol] for symbol in self.first.species])

    def batches(self) -> Iterator[Frames]:
        """Yield all frames, some at a time. Raises ``ValueError`` in one sentence where the file is cut or changes its atoms."""
        kind = self.path.suffix.lower()
        try:
            if kind in (".xyz", ".extxyz"):
                yield from extxyz.batches(self.path, 64)
            elif kind in (".h5md", ".h5"):
                with H5md(self.path) as file:
                    yield from file.batches(fields=[name for name in ("steps", "times", "temperatures") if name in file.fields])
            else:
                yield self.first
        except ValueError as problem:
            raise ValueError(f"{self.path}: {problem}") from problem


def open_file(path: Path) -> StructureFile:
    """Return the file, its first frame read and its frames counted. Raises ``ValueError`` in one sentence for what cannot be read."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give {KINDS}")
    kind = path.suffix.lower()
    try:
        if kind in (".xyz", ".extxyz"):
            return StructureFile(path, _count(path), next(extxyz.batches(path, 1)))
        if kind in (".h5md", ".h5"):
            with H5md(path) as file:
                if not file.n_frames:
                    raise ValueError("the file holds no frame")
                return StructureFile(path, file.n_frames, file.read([0], ()))
        if kind == ".cif":
            return StructureFile(path, 1, _by_ase(path, "cif"))
        if kind in (".data", ".lmp", ".lammps"):
            return StructureFile(path, 1, _lammps(path))
    except (ValueError, OSError, StopIteration) as problem:
        raise ValueError(f"{path}: {' '.join(str(problem).split()) or 'no whole frame'}") from problem
    raise ValueError(f"{path} is of no kind that is read here; give {KINDS}")


def _count(path: Path) -> int:
    """Return the number of frames without reading their numbers; what is not whole shows when they are read."""
    n = 0
    with path.open("rb") as handle:
        while head := handle.readline():
            if not head.strip():
                continue
            if not head.strip().isdigit():
                raise ValueError(f"frame {n + 1} does not begin with its number of atoms: this is no extended XYZ file, or it is cut")
            n += 1
            for _ in range(int(head) + 1):
                handle.readline()
    return n


def _by_ase(path: Path, kind: str, **words: Any) -> Frames:
    import ase.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the settings of a space group that is P1 anyway
            atoms: Any = ase.io.read(path, index=0, format=kind, **words)  # type: ignore[arg-type]
    except Exception as problem:
        raise ValueError(f"this is no whole {kind} file: {problem or type(problem).__name__}") from problem
    if atoms.cell.rank != 3:
        raise ValueError("there is no periodic cell in three dimensions")
    occupied = atoms.info.get("occupancy") or {}
    if any(share < 1 for site in occupied.values() for share in (site.values() if isinstance(site, dict) else [site])):
        raise ValueError("sites are occupied in part: choose one of the possibilities before it is analysed")
    return Frames(tuple(atoms.get_chemical_symbols()), atoms.positions[None], atoms.cell[:][None])


def _lammps(path: Path) -> Frames:
    """Read style ``atomic`` ourselves, others by ASE; elements are told by the comments behind the masses, or the masses."""
    text = path.read_text(encoding="utf-8")
    atoms = re.search(r"^\s*Atoms[^\S\n]*(?:#[^\S\n]*(\w+))?[^\n]*\n\s*\n?([^\n]*)", text, re.MULTILINE)
    if atoms is None:
        raise ValueError("there is no section Atoms: this is no LAMMPS data file, or it is cut")
    rows = re.search(r"^\s*Masses[^\n]*\n((?:[^\S\n]*\n|[^\S\n]*\d+[^\S\n]+[\d.eE+-]+[^\n]*\n)+)", text, re.MULTILINE)
    if rows is None:
        raise ValueError("there is no section Masses, by which the elements are told")
    names = [_element(*row) for row in re.findall(r"^\s*\d+\s+([\d.eE+-]+)[^\S\n]*#?[^\S\n]*([A-Za-z]*)", rows[1], re.MULTILINE)]
    style = atoms[1] or STYLES.get(len(atoms[2].split("#")[0].split()))
    if style == "atomic":
        return lammps_data.read(text, names)
    if style is None:
        raise ValueError("the style of its atoms is not told by the columns; write it behind the word: Atoms # full")
    return _by_ase(path, "lammps-data", atom_style=style, sort_by_id=True)


def _element(mass: str, word: str) -> str:
    from ase.data import atomic_masses, atomic_numbers, chemical_symbols

    if word in atomic_numbers and word != "X":
        return word
    number = int(np.argmin(np.abs(atomic_masses - float(mass))))
    if abs(atomic_masses[number] - float(mass)) > 0.2:
        raise ValueError(f"no element has the mass {mass} amu; write its symbol behind the mass: 1 {mass} # Zn")
    return str(chemical_symbols[number])

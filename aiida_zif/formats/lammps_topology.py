# SPDX-License-Identifier: MIT
"""Who is bonded to whom in a classical force field: read from a LAMMPS data file, repeated, and written again around other positions.

A topology belongs to its atoms in their order. Whether a structure holds them in that order is told by its elements and by the lengths of
its bonds: a bond three times as long as it was made is no strained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.formats import lammps_data

TERMS: dict[str, int] = {"Bonds": 2, "Angles": 3, "Dihedrals": 4, "Impropers": 4}
"""Sections of a data file, and how many atoms a row of each binds."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "atomic": ("id", "type"), "charge": ("id", "type", "q"), "full": ("id", "mol", "type", "q"),
    **dict.fromkeys(("bond", "angle", "molecular"), ("id", "mol", "type")),
}  # fmt: skip
"""What stands before x y z in a row of Atoms, by atom style."""
LONGEST = 2.0
"""A bond longer than so many times its length in the cell of the force field says that the atoms are others."""


@dataclass(frozen=True, eq=False)
class Topology:
    """One cell's worth of a force field's atoms."""

    atom_style: str
    types: NDArray[np.int64]
    """``(n_atoms,)``, from 1."""
    molecules: NDArray[np.int64]
    """``(n_atoms,)``."""
    charges: NDArray[np.float64]
    """``(n_atoms,)``, e."""
    positions: NDArray[np.float64]
    """``(n_atoms, 3)``, Å: those it was made for, which tell the images that a bond crosses to and its length."""
    cell: NDArray[np.float64]
    """``(3, 3)``, vectors as rows, Å."""
    terms: dict[str, NDArray[np.int64]]
    """By section: ``(n_terms, 1 + atoms)``, type and atoms, both from 1."""
    n_types: int
    n_term_types: dict[str, int]
    """By section, as many as the commands give coefficients for."""
    masses: NDArray[np.float64]
    """``(n_types,)``, amu."""

    def __len__(self) -> int:
        return len(self.types)

    def species(self, elements: Sequence[str]) -> tuple[str, ...]:
        """Return the chemical symbols of the atoms, ``elements`` being those of the types."""
        return tuple(elements[kind - 1] for kind in self.types)

    def repeated(self, repeats: Sequence[int]) -> Topology:
        """Return ``repeats`` copies along the cell vectors: all atoms of a cell after one another, the last vector's copies fastest.

        Which copy of a partner a row binds is found along its bonds; in a row whose atoms are not bonded, the nearest is meant.
        """
        shape = np.array(repeats)
        shifts = np.array(list(np.ndindex(*(int(n) for n in repeats))))
        n_atoms, n_copies = len(self), len(shifts)
        terms = {}
        for name, rows in self.terms.items():
            images = self._images(rows)
            copies = []
            for shift in shifts:
                where = (shift + images) % shape
                copy = (where[..., 0] * shape[1] + where[..., 1]) * shape[2] + where[..., 2]
                copies.append(np.concatenate([rows[:, :1], rows[:, 1:] + copy * n_atoms], axis=1))
            terms[name] = np.concatenate(copies)
        highest = int(self.molecules.max()) if len(self) else 0
        return replace(
            self,
            types=np.tile(self.types, n_copies),
            molecules=np.concatenate([np.where(self.molecules > 0, self.molecules + k * highest, 0) for k in range(n_copies)]),
            charges=np.tile(self.charges, n_copies),
            positions=np.concatenate([self.positions + shift @ self.cell for shift in shifts]),
            cell=self.cell * shape[:, None],
            terms=terms,
        )

    def _images(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ``(n_rows, atoms, 3)``: in which copy of the cell each atom of a row lies, seen from its first."""
        fractions = self.positions @ np.linalg.inv(self.cell)
        bonds = {frozenset(pair) for pair in self.terms.get("Bonds", np.empty((0, 3), int))[:, 1:].tolist()}
        result = np.zeros((len(rows), rows.shape[1] - 1, 3), dtype=np.int64)
        for row, found in zip(rows[:, 1:].tolist(), result, strict=True):
            known = [0]
            while len(known) < len(row):
                steps = [(a, b) for a in known for b in range(len(row)) if b not in known]
                a, b = next((step for step in steps if frozenset((row[step[0]], row[step[1]])) in bonds), steps[0])
                found[b] = found[a] - np.rint(fractions[row[b] - 1] - fractions[row[a] - 1]).astype(np.int64)
                known.append(b)
        return result

    def fitted(self, species: Sequence[str], positions: ArrayLike, cell: ArrayLike, elements: Sequence[str]) -> Topology:
        """Return the topology of a structure: as it is, or repeated as often as the structure's cell is longer.

        Raises ``ValueError`` with one sentence where the structure holds other atoms, or these in another order.
        """
        times, rest = divmod(len(species), len(self))
        lengths = np.linalg.norm(np.asarray(cell), axis=1) / np.linalg.norm(self.cell, axis=1)
        repeats = [max(1, round(float(length))) for length in lengths]
        if rest or not times or int(np.prod(repeats)) != times:
            cells = " × ".join(f"{length:.3g}" for length in lengths)
            raise ValueError(
                f"the structure has {len(species)} atoms and {cells} times the edges of the force field's cell of {len(self)} atoms: give "
                "that cell, or whole copies of it as `repeats` makes them"
            )
        found = self if times == 1 else self.repeated(repeats)
        wrong = [k for k, (ours, theirs) in enumerate(zip(species, found.species(elements), strict=True)) if ours != theirs]
        if wrong:
            k = wrong[0]
            theirs = found.species(elements)[k]
            raise ValueError(
                f"atom {k + 1} of the structure is {species[k]}, but {theirs} in the force field: give the atoms in the "
                "order of the data file that the force field was made from"
            )
        found._check_bonds(np.asarray(positions, dtype=float), np.asarray(cell, dtype=float))
        return found

    def _check_bonds(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> None:
        pairs = self.terms.get("Bonds", np.empty((0, 3), int))[:, 1:] - 1
        if not len(pairs):
            return
        made, now = (_lengths(where, box, pairs) for where, box in ((self.positions, self.cell), (positions, cell)))
        worst = int(np.argmax(now / made))
        if now[worst] > LONGEST * made[worst]:
            a, b = pairs[worst] + 1
            raise ValueError(
                f"atoms {a} and {b} are bonded in the force field, {made[worst]:.2f} Å apart, and {now[worst]:.2f} Å in the structure: "
                "its atoms stand in another order, or the bond is broken, which this force field does not know"
            )

    def write(self, positions: ArrayLike, cell: ArrayLike, masses: Sequence[float]) -> str:
        """Return the data file of a structure with this topology, turned as LAMMPS wants the cell. Raises as ``lammps_data.restricted``."""
        lower, rotation = lammps_data.restricted(cell)
        turned = np.asarray(positions, dtype=float) @ rotation
        lines = [f"zif: {len(self)} atoms", "", f"{len(self)} atoms"]
        lines += [f"{len(rows)} {name.lower()}" for name, rows in self.terms.items()]
        lines += [f"{self.n_types} atom types", *(f"{n} {name[:-1].lower()} types" for name, n in self.n_term_types.items()), ""]
        lines += lammps_data.box_lines(lower)
        lines += ["", "Masses", "", *(f"{number} {mass:.16g}" for number, mass in enumerate(masses, start=1))]
        known = {"id": range(1, len(self) + 1), "mol": self.molecules, "type": self.types, "q": self.charges}
        columns = zip(*(known[name] for name in COLUMNS[self.atom_style]), turned, strict=True)  # type: ignore[arg-type]
        lines += ["", f"Atoms  # {self.atom_style}", "", *(_row(row) for row in columns)]
        for name, rows in self.terms.items():
            if len(rows):
                lines += ["", name, "", *(f"{k} {' '.join(map(str, row))}" for k, row in enumerate(rows.tolist(), start=1))]
        return "\n".join(lines) + "\n"


def parse(text: str, atom_style: str) -> tuple[Topology, dict[str, list[list[str]]]]:
    """Return the topology of a data file, and the rows of its sections of coefficients by name.

    Raises ``ValueError`` with one sentence for a file that is cut, of another style, or holds a section that is not known here.
    """
    if atom_style not in COLUMNS:
        raise ValueError(f"atom_style is {atom_style!r}, but must be one of {', '.join(COLUMNS)}")
    header, sections = lammps_data.sections(text)
    n_atoms, n_types = (lammps_data.count(header, what) for what in ("atoms", "atom types"))
    names = COLUMNS[atom_style]
    rows = lammps_data.table(sections, "Atoms", n_atoms, (len(names) + 3, len(names) + 6))
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    if not np.array_equal(rows[:, 0], np.arange(1, n_atoms + 1)):
        raise ValueError(f"the atoms of the data file are not numbered 1 to {n_atoms}: number them in the order of the structure")
    cell, positions = lammps_data.box(header), rows[:, len(names) : len(names) + 3]
    if rows.shape[1] == len(names) + 6:
        positions = positions + rows[:, -3:] @ cell
    column = {name: rows[:, k] for k, name in enumerate(names)}
    mass_rows = lammps_data.table(sections, "Masses", n_types, (2,))
    terms, n_term_types = {}, {}
    for name, n_bound in TERMS.items():
        if lammps_data.has(header, name.lower()):
            found = lammps_data.table(sections, name, lammps_data.count(header, name.lower()), (n_bound + 2,)).astype(np.int64)
            if len(found) and not (found[:, 2:].min() >= 1 and found[:, 2:].max() <= n_atoms):
                raise ValueError(f"a row of {name} names an atom outside 1 to {n_atoms}: the data file is of two systems, or cut")
            terms[name] = found[np.argsort(found[:, 0], kind="stable"), 1:]
            n_term_types[name] = lammps_data.count(header, f"{name[:-1].lower()} types")
    types = column["type"].astype(np.int64)
    if len(types) and not (types.min() >= 1 and types.max() <= n_types):
        raise ValueError(f"the data file gives an atom the type {types.max()}, but it declares {n_types} atom types")
    topology = Topology(
        atom_style, types, column.get("mol", np.zeros(n_atoms)).astype(np.int64), column.get("q", np.zeros(n_atoms)), positions, cell,
        terms, n_types, n_term_types, mass_rows[np.argsort(mass_rows[:, 0]), 1],
    )  # fmt: skip
    known = {"Atoms", "Masses", "Velocities", *TERMS}
    return topology, {name: body for name, body in sections.items() if name not in known}


def _lengths(positions: NDArray[np.float64], cell: NDArray[np.float64], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    between = (positions[pairs[:, 1]] - positions[pairs[:, 0]]) @ np.linalg.inv(cell)
    # of a sheared cell the rounded image is not always the nearest: its neighbours are looked at, too
    near = np.array(list(np.ndindex(3, 3, 3))) - 1
    images = (between - np.rint(between))[:, None] + near
    found: NDArray[np.float64] = np.linalg.norm(images @ cell, axis=-1).min(axis=1)
    return found


def _row(row: Sequence[object]) -> str:
    *words, position = row
    return " ".join([*(f"{word:.16g}" if isinstance(word, float) else str(word) for word in words), *(f"{x:.16g}" for x in position)])  # type: ignore[attr-defined]

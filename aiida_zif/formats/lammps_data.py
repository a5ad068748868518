# SPDX-License-Identifier: MIT
"""Structures as LAMMPS data files (``units metal``, ``atom_style atomic``), in and out.

LAMMPS wants the cell lower triangular: a along x, b in the xy plane. A structure is therefore turned as a whole on its
way in; distances, energies and pressures do not notice, components of forces and stresses do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.frames import Frames

_TERMS = ("Bond", "Angle", "Dihedral", "Improper")
_SECTIONS = frozenset({
    "Masses", "Atoms", "Velocities", "Pair Coeffs", "PairIJ Coeffs", *(f"{name}s" for name in _TERMS),
    *(f"{name} Coeffs" for name in _TERMS), *(f"{name} Type Labels" for name in ("Atom", *_TERMS)), "Ellipsoids", "Lines", "Triangles",
    "Bodies", "BondBond Coeffs", "BondAngle Coeffs", "MiddleBondTorsion Coeffs", "EndBondTorsion Coeffs", "AngleTorsion Coeffs",
    "AngleAngleTorsion Coeffs", "BondBond13 Coeffs", "AngleAngle Coeffs",
})  # fmt: skip
_BOUND = re.compile(r"^\s*(\S+)\s+(\S+)\s+([xyz])lo\s+\3hi\b")
_TILT = re.compile(r"^\s*(\S+)\s+(\S+)\s+(\S+)\s+xy\s+xz\s+yz\b")


def restricted(cell: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``(lower, rotation)``: the cell as LAMMPS wants it and the rotation that leads there.

    ``cell`` is ``(3, 3)``, vectors as rows, Å; ``lower = cell @ rotation`` is lower triangular with a positive diagonal,
    and every vector v of the structure becomes ``v @ rotation``.

    Raises ``ValueError`` if the cell is flat or left-handed: no rotation makes such a cell lower triangular.
    """
    rows = np.asarray(cell, dtype=float)
    if rows.shape != (3, 3) or not np.isfinite(rows).all():
        raise ValueError(f"a cell is three finite vectors as rows, but this one has the shape {rows.shape}: {rows.tolist()}")
    volume = float(np.linalg.det(rows))
    if volume < 1e-6 * float(np.prod(np.linalg.norm(rows, axis=1))):
        raise ValueError(f"the cell has the signed volume {volume:.6g} Å³, but it must be right-handed and not flat: exchange two vectors")
    # cell^T = Q R, so cell @ Q = R^T; signs are chosen so that the diagonal is positive
    orthogonal, upper = np.linalg.qr(rows.T)
    signs = np.sign(np.diag(upper))
    rotation = orthogonal * signs
    lower = np.tril((upper * signs[:, None]).T)
    # A cell that is lower triangular already is kept to the last digit
    if np.allclose(rotation, np.eye(3), rtol=0, atol=1e-14):
        return np.tril(rows), np.eye(3)
    return lower, rotation


def write(
    species: Sequence[str],
    positions: ArrayLike,
    cell: ArrayLike,
    type_names: Sequence[str],
    masses: Mapping[str, float] | ArrayLike | None = None,
    velocities: ArrayLike | None = None,
    charged: bool = False,
) -> str:
    """Return a data file with ``len(type_names)`` atom types, in that order, whether or not the structure has them all.

    ``positions`` ``(n_atoms, 3)``, Å, may lie outside the cell: LAMMPS keeps the images, so they stay unwrapped.
    ``masses``, amu, is a mapping by symbol, one per atom, or ``None``; what it does not name has the standard atomic
    weight. ``velocities`` ``(n_atoms, 3)``, Å/ps. With ``charged`` it is of style ``charge``, all of them 0.

    Raises ``ValueError`` for an element that the model has no type for, shapes that do not fit, or a cell that is left-handed.
    """
    numbers = {name: number for number, name in enumerate(type_names, start=1)}
    if len(numbers) != len(type_names):
        raise ValueError(f"the type names {list(type_names)} name an element twice: give each once, in the order of the model")
    if unknown := sorted(set(species) - set(numbers)):
        raise ValueError(f"the structure holds {', '.join(unknown)}, but the model knows {', '.join(type_names)}: train one with them")
    lower, rotation = restricted(cell)
    turned = _per_atom(positions, len(species), "positions") @ rotation
    of_type = zip(numbers.items(), _masses(species, type_names, masses), strict=True)
    atoms = zip((numbers[symbol] for symbol in species), turned, strict=True)
    lines = [
        f"zif: {len(species)} atoms",
        "",
        f"{len(species)} atoms",
        f"{len(type_names)} atom types",
        "",
        *box_lines(lower),
        "",
        "Masses",
        "",
        *(f"{number} {mass:.16g}  # {name}" for (name, number), mass in of_type),
        "",
        f"Atoms  # {'charge' if charged else 'atomic'}",
        "",
        *(f"{i} {kind} {'0 ' if charged else ''}{x:.16g} {y:.16g} {z:.16g}" for i, (kind, (x, y, z)) in enumerate(atoms, start=1)),
    ]
    if velocities is not None:
        lines += ["", "Velocities", ""]
        turned = _per_atom(velocities, len(species), "velocities") @ rotation
        lines += [f"{i} {x:.16g} {y:.16g} {z:.16g}" for i, (x, y, z) in enumerate(turned, start=1)]
    return "\n".join(lines) + "\n"


def box_lines(lower: NDArray[np.float64]) -> list[str]:
    """Return the lines of a cell that is lower triangular; with tilts always, so that the box is triclinic and may be sheared."""
    edges = [f"0 {lower[axis, axis]:.16g} {name}lo {name}hi" for axis, name in enumerate("xyz")]
    return [*edges, f"{lower[1, 0]:.16g} {lower[2, 0]:.16g} {lower[2, 1]:.16g} xy xz yz"]


def read(text: str, type_names: Sequence[str], before: Sequence[str] = ("id", "type"), time_ps: float = 1.0) -> Frames:
    """Return the one frame of a data file, atoms in the order of their ids, positions unwrapped where it holds images.

    ``before`` names the columns that stand before x y z, ``time_ps`` is the file's unit of time. Masses and, where the file has them,
    velocities (Å/ps) come along; the cell is LAMMPS's own, lower triangular, its origin is not subtracted.

    Raises ``ValueError`` for a file that is cut, is of another atom style or holds a type without a name.
    """
    header, rows = sections(text)
    n_atoms = count(header, "atoms")
    n_types = count(header, "atom types")
    if n_types > len(type_names):
        raise ValueError(f"the data file has {n_types} atom types, but {len(type_names)} names were given: name each in its order")
    cell, n_before = box(header), len(before)
    atoms = table(rows, "Atoms", n_atoms, (n_before + 3, n_before + 6))
    order = np.argsort(atoms[:, 0], kind="stable")
    atoms = atoms[order]
    types = atoms[:, before.index("type")].astype(int)
    if types.min() < 1 or types.max() > n_types:
        raise ValueError(f"the data file gives an atom the type {types.max()}, but it declares {n_types} atom types")
    positions = atoms[:, n_before : n_before + 3]
    if atoms.shape[1] == n_before + 6:
        positions = positions + atoms[:, n_before + 3 :] @ cell
    velocities = None
    if "Velocities" in rows:
        moving = table(rows, "Velocities", n_atoms, (4,))
        velocities = moving[np.argsort(moving[:, 0], kind="stable"), 1:][None] / time_ps
    masses = None
    if "Masses" in rows:
        of_type = {int(row[0]): row[1] for row in table(rows, "Masses", n_types, (2,))}
        masses = np.array([of_type[kind] for kind in types])
    return Frames(
        species=tuple(type_names[kind - 1] for kind in types),
        positions=positions[None],
        cells=cell[None],
        velocities=velocities,
        masses=masses,
    )


def standard_masses(symbols: Sequence[str]) -> dict[str, float]:
    """Return the standard atomic weights, amu. Raises ``ValueError`` for what is no element."""
    from ase.data import atomic_masses, atomic_numbers  # ase takes 0.1 s to import

    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} is no chemical element: give symbols such as Zn")
    return {symbol: float(atomic_masses[atomic_numbers[symbol]]) for symbol in symbols}


def _masses(species: Sequence[str], type_names: Sequence[str], masses: Mapping[str, float] | ArrayLike | None) -> list[float]:
    given: dict[str, float] = {}
    if isinstance(masses, Mapping):
        given = {symbol: float(mass) for symbol, mass in masses.items()}
    elif masses is not None:
        values = np.asarray(masses, dtype=float)
        if values.shape != (len(species),):
            raise ValueError(f"{values.shape} masses were given for {len(species)} atoms: give one each, or a mapping by element")
        for symbol, mass in zip(species, values, strict=True):
            if given.setdefault(symbol, float(mass)) != mass:
                raise ValueError(f"{symbol} has two masses, {given[symbol]:.6g} and {mass:.6g} amu, but a type has one")
    missing = [symbol for symbol in type_names if symbol not in given]
    table = given | (standard_masses(missing) if missing else {})
    for symbol in type_names:
        if not (np.isfinite(table[symbol]) and table[symbol] > 0):
            raise ValueError(f"the mass of {symbol} is {table[symbol]} amu, but a mass is positive")
    return [table[symbol] for symbol in type_names]


def _per_atom(values: ArrayLike, n_atoms: int, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float)
    if array.shape != (n_atoms, 3):
        raise ValueError(f"{name} have the shape {array.shape}, but {n_atoms} atoms need {(n_atoms, 3)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold a value that is not finite, but every atom needs numbers")
    return array


def sections(text: str) -> tuple[list[str], dict[str, list[list[str]]]]:
    """Return the header's lines and the words of each section's rows; the first line is a title."""
    header: list[str] = []
    found: dict[str, list[list[str]]] = {}
    current: list[list[str]] | None = None
    for line in text.splitlines()[1:]:
        bare = line.split("#", 1)[0].strip()
        if bare in _SECTIONS:
            current = found.setdefault(bare, [])
        elif bare and current is None:
            header.append(bare)
        elif bare and current is not None:
            current.append(bare.split())
    return header, found


def has(header: Sequence[str], what: str) -> bool:
    """Return whether the header gives a number of ``what``."""
    return any(re.fullmatch(rf"\d+\s+{what}", line) for line in header)


def count(header: Sequence[str], what: str) -> int:
    """Return the number of ``what``. Raises ``ValueError`` for a header without it."""
    for line in header:
        match = re.fullmatch(rf"(\d+)\s+{what}", line)
        if match:
            return int(match[1])
    raise ValueError(f"the text has no line of the number of {what}: this is no LAMMPS data file, or it is cut")


def box(header: Sequence[str]) -> NDArray[np.float64]:
    """Return the cell, lower triangular, vectors as rows, Å. Raises ``ValueError`` where a bound is missing."""
    cell, found = np.zeros((3, 3)), set()
    for line in header:
        if match := _BOUND.match(line):
            axis = "xyz".index(match[3])
            cell[axis, axis] = float(match[2]) - float(match[1])
            found.add(axis)
        elif match := _TILT.match(line):
            cell[1, 0], cell[2, 0], cell[2, 1] = (float(word) for word in match.groups())
    if found != {0, 1, 2}:
        raise ValueError("the data file lacks a bound of its box: this is no LAMMPS data file, or it is cut")
    return cell


def table(found: Mapping[str, list[list[str]]], name: str, n_rows: int, n_columns: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the numbers of section ``name``. Raises ``ValueError`` for other than ``n_rows`` of one of ``n_columns``, or for words."""
    rows = found.get(name, [])
    if not rows and not n_rows:
        return np.empty((0, n_columns[0]))
    widths = {len(row) for row in rows}
    if len(rows) != n_rows or len(widths) != 1 or not widths <= set(n_columns):
        allowed = " or ".join(map(str, n_columns))
        raise ValueError(f"section {name} has {len(rows)} rows of {sorted(widths)} columns, not {n_rows} of {allowed}: the file is cut")
    try:
        return np.array(rows, dtype=float)
    except ValueError:
        raise ValueError(f"section {name} holds a word where a number is due: the file is of another atom style") from None

# SPDX-License-Identifier: MIT
"""Which atoms of a zinc imidazolate form which linker. What a linker is stands in ``templates.yaml``, by which lengths it is bound here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from aiida_zif.science import neighbours
from aiida_zif.science.frames import Frames
from aiida_zif.science.templates import Linker, template

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NODE = "Zn"
WORDS: dict[str, str] = {"im": "imidazolates", "mim": "methylimidazolates", "bim": "benzimidazolates"}
BOND_LENGTH: dict[str, float] = {"CC": 1.65, "CN": 1.65, "CH": 1.30}
"""A pair nearer than this is bonded in the crystal, Å."""
BROKEN_LENGTH: dict[str, float] = {"CC": 1.95, "CN": 1.90, "CH": 1.55}
"""A bond longer than this is broken, Å: beyond every vibration seen in ab initio MD at 1800 K."""
NEAREST: dict[str, str] = {"H": "C", "N": "C", "Zn": "N"}
"""The element of the nearest neighbour, in the crystal as in the melt; that of a carbon may be any but zinc."""
GENERAL_BOND = 1.25
"""Other pairs are bonded nearer than this times the sum of their covalent radii; only used to name what is refused."""
NON_METALS = frozenset({"H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar", "As", "Se", "Br", "Kr", "Te", "I", "Xe"})
NEIGHBOUR_REACH = 3.5
"""Every atom has a neighbour nearer than this, Å."""
CONTACT_REACH = 1.65
"""No contact longer than this is judged, Å."""


@dataclass(frozen=True, eq=False)
class Topology:
    """Which atoms form which linker, and by which bonds. Valid for every frame with the same order of atoms."""

    bonds: IntArray
    """``(n_bonds, 2)``, covalent bonds of the linkers, indices with i < j."""
    linker_of: IntArray
    """``(n_atoms,)``, number of the linker of each atom, −1 for a node."""
    n_linkers: int
    """Number of linkers."""
    species: tuple[str, ...]
    """``(n_atoms,)``, chemical symbols."""
    linker_kinds: tuple[str, ...] = ()
    """``(n_linkers,)``, the name of each in ``templates.yaml``."""

    @property
    def node(self) -> str:
        """The element of the nodes."""
        return self.species[int(np.argmin(self.linker_of))]

    @cached_property
    def longest(self) -> FloatArray:
        """``(n_bonds,)``, the length beyond which each bond counts as broken, Å."""
        return np.array([BROKEN_LENGTH[_pair(self.species[i], self.species[j])] for i, j in self.bonds], dtype=float)

    @cached_property
    def bond_codes(self) -> IntArray:
        """``(n_bonds,)``, sorted, i · n_atoms + j: to look up whether a pair is a bond."""
        return np.sort(self.bonds[:, 0] * len(self.species) + self.bonds[:, 1])

    @cached_property
    def nearest(self) -> FloatArray:
        """``(4, 4)``, distance below which two unbonded atoms of the kinds H, Zn, other count as a new bond, Å (:attr:`kinds`)."""
        h, zn, other = (1.10, 1.45, 1.35), (1.45, 1.55, 1.55), (1.35, 1.55, 1.65)
        return np.array([h, zn, other])

    @cached_property
    def kinds(self) -> IntArray:
        """``(n_atoms,)``, 0 for H, 1 for Zn, 2 for the others."""
        return np.array([{"H": 0, NODE: 1}.get(symbol, 2) for symbol in self.species], dtype=np.int64)

    @cached_property
    def tree(self) -> tuple[IntArray, ...]:
        """Spanning trees of all linkers, level by level: ``(n, 2)`` of parent and child."""
        beside: dict[int, list[int]] = {}
        for i, j in self.bonds.tolist():
            beside.setdefault(i, []).append(j)
            beside.setdefault(j, []).append(i)
        _, roots = np.unique(self.linker_of, return_index=True)
        level = [int(root) for root in roots if self.linker_of[root] >= 0]
        seen, levels = set(level), []
        while level:
            edges: list[tuple[int, int]] = []
            for parent in level:
                for child in beside[parent]:
                    if child not in seen:
                        seen.add(child)
                        edges.append((parent, child))
            level = [child for _, child in edges]
            if edges:
                levels.append(np.array(edges, dtype=np.int64))
        return tuple(levels)


def perceive(species: Sequence[str], positions: FloatArray, cell: FloatArray, framework: str = "ZIF-4") -> Topology:
    """Return the linkers of a framework; ``positions`` ``(n_atoms, 3)``, ``cell`` ``(3, 3)`` rows, Å. To be called on the crystal.

    ``framework`` names the network template that says which linkers there may be (:mod:`templates`).
    Raises ``ValueError`` unless every atom is a node or part of a whole linker, or there is no such template.
    """
    from ase.data import atomic_numbers  # ase is not needed to follow linkers that were found before

    wanted = template(framework)
    symbols = tuple(str(symbol) for symbol in species)
    if unknown := sorted({symbol for symbol in symbols if symbol not in atomic_numbers}):
        raise ValueError(f"{', '.join(unknown)} is no chemical element; give the symbols as in the periodic table")
    formulas = {formula(linker.atoms): linker for linker in wanted.linkers}
    meant = f"{wanted.node} and whole {_named(wanted.linkers)}"
    if wanted.node not in symbols:
        raise ValueError(f"the structure {formula(symbols)} holds no {wanted.node}; give {meant}")
    bonds = _bonds(symbols, positions, cell)
    n = len(symbols)
    graph = coo_matrix((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    molecules = [formula([symbols[atom] for atom in atoms]) for atoms in members]
    strange = Counter(name for name in molecules if name != wanted.node and name not in formulas)
    if strange:
        named = ", ".join(f"{count} × {name}" for name, count in sorted(strange.items()))
        raise ValueError(f"the structure holds {named} besides {meant.replace('whole ', '')}; give {meant}, and nothing else in it")
    of_bond = label[bonds[:, 0]] if len(bonds) else np.empty(0, dtype=np.int64)
    by_molecule = np.argsort(of_bond, kind="stable")
    first, last = np.searchsorted(of_bond[by_molecule], [np.arange(len(members)), np.arange(1, len(members) + 1)])
    linker_of = np.full(n, -1, dtype=np.int64)
    kinds: list[str] = []
    for one, atoms in enumerate(members):
        if molecules[one] == wanted.node:
            continue
        mine = np.searchsorted(atoms, bonds[by_molecule[first[one] : last[one]]])
        kind = wanted.kind_of([symbols[atom] for atom in atoms], [(int(i), int(j)) for i, j in mine])
        if kind is None:
            raise ValueError(
                f"the molecule of the atoms {', '.join(map(str, atoms))} is {molecules[one]}, but not bound as "
                f"{formulas[molecules[one]].name} in templates.yaml: a bond is missing, or one too many"
            )
        linker_of[atoms] = len(kinds)
        kinds.append(kind)
    if not kinds:
        raise ValueError(f"the structure {formula(symbols)} holds no linker; give {meant}")
    return Topology(bonds=bonds, linker_of=linker_of, n_linkers=len(kinds), species=symbols, linker_kinds=tuple(kinds))


def _named(linkers: Sequence[Linker]) -> str:
    return " or ".join(f"{WORDS.get(linker.name, linker.name)} {formula(linker.atoms)}" for linker in linkers)


def misplaced(frames: Frames) -> str | None:
    """Return in words which element does not stand where it stands in a zinc imidazolate; ``None`` where all do.

    Energies and forces fit positions whatever the symbols are, so that only the neighbours tell symbols in another order. A few atoms may
    be astray, broken linkers among them, but not half of an element over ``frames``. Nothing is said of other elements than H, C, N, Zn.
    """
    symbols = np.array(frames.species)
    if set(frames.species) != {"C", *NEAREST}:
        return None
    right = np.zeros(len(symbols))
    for positions, cell in zip(frames.positions, frames.cells, strict=True):
        i, j, distance, _ = neighbours.pairs(positions, cell, NEIGHBOUR_REACH)
        order = np.lexsort((distance, i))
        i, j = i[order], j[order]
        first = np.append(True, i[1:] != i[:-1])[: len(i)]
        expected = np.array([NEAREST.get(symbol, "") for symbol in symbols[i[first]]])
        right[i[first]] += symbols[j[first]] == expected
    for element, neighbour in NEAREST.items():
        share = right[symbols == element].mean() / max(1, len(frames))
        if share < 0.5:
            return f"only {share:.0%} of the atoms called {element} have a {neighbour} as their nearest: the symbols are in another order"
    return None


def nearest_image(vectors: FloatArray, cell: FloatArray) -> FloatArray:
    """Return ``(n, 3)`` vectors moved into the cell around zero, Å: the nearest image where that is nearer than half a cell's width."""
    moved: FloatArray = vectors - np.round(vectors @ np.linalg.inv(cell)) @ cell
    return moved


def formula(symbols: Sequence[str]) -> str:
    """Return the sum formula, carbon and hydrogen first, then by the alphabet."""
    counts = Counter(symbols)
    first = [symbol for symbol in ("C", "H") if "C" in counts and symbol in counts]
    order = first + sorted(symbol for symbol in counts if symbol not in first)
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)


def _bonds(symbols: tuple[str, ...], positions: FloatArray, cell: FloatArray) -> IntArray:
    """Return ``(n_bonds, 2)`` of all covalent bonds; metals have none here."""
    from ase.data import atomic_numbers, covalent_radii

    radius = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in symbols])
    reach = max(1.65, GENERAL_BOND * 2 * float(radius.max()))
    i, j, distance, _ = neighbours.pairs(positions, cell, reach)
    limits = {}
    for a in set(symbols):
        for b in set(symbols):
            bonded = a in NON_METALS and b in NON_METALS
            general = GENERAL_BOND * float(covalent_radii[atomic_numbers[a]] + covalent_radii[atomic_numbers[b]])
            limits[a, b] = BOND_LENGTH.get(_pair(a, b), general) if bonded else 0.0
    limit = np.array([limits[symbols[a], symbols[b]] for a, b in zip(i.tolist(), j.tolist(), strict=True)])
    near = distance < limit if len(limit) else np.zeros(0, dtype=bool)
    found = np.sort(np.stack([i[near], j[near]], axis=1), axis=1)
    return np.unique(found, axis=0) if len(found) else np.empty((0, 2), dtype=np.int64)


def _pair(a: str, b: str) -> str:
    return min(a, b) + max(a, b)

# SPDX-License-Identifier: MIT
"""A classical force field as typed LAMMPS commands: a keyword from a fixed list and words that hold no syntax.

Nothing else of a force field reaches an input: no variable, no shell, no loop, no file that the force field does not carry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiida_zif.formats import lammps_units
from aiida_zif.formats.lammps_topology import COLUMNS

TERM_STYLES = ("bond_style", "angle_style", "dihedral_style", "improper_style")
COMMANDS: tuple[str, ...] = (
    "pair_style", "pair_coeff", "pair_modify", *TERM_STYLES, "bond_coeff", "angle_coeff", "dihedral_coeff", "improper_coeff",
    "kspace_style", "kspace_modify", "special_bonds", "dielectric", "fix",
)  # fmt: skip
"""What a force field may say."""
FIXES: tuple[str, ...] = (
    "qeq/reaxff", "acks2/reaxff", "qeq/point", "qeq/shielded", "qeq/slater", "qeq/dynamic", "qeq/fire", "qtpie/reaxff", "cmap",
)  # fmt: skip
"""Fixes that are part of a force field: they make its charges, or a term of it. All others belong to the run."""
PROGRAMS: frozenset[str] = frozenset({"python", "kim", "mliap", "nequip", "allegro", "quip", "metatomic", "mdi", "mdi/qm", "external"})
"""Pair styles that run a program of their own."""
MODIFIERS = re.compile(r"/(gpu|intel|kk|omp|opt)$")
"""How the accelerated variants of a style end; which one runs is said on the command line."""

WORD = re.compile(r"[A-Za-z0-9_.+*:-][A-Za-z0-9_.+/*:-]{0,79}")
"""A word: no space, quote, ``$``, ``&``, ``#``, and not a path from the root."""
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,79}")
_LOOKS_LIKE_A_FILE = re.compile(r"[^/]*[A-Za-z_]\w*\.[A-Za-z]\w*")


def check_words(words: Sequence[object], what: str) -> None:
    """Raise ``ValueError`` with one sentence for a word that LAMMPS would read as syntax, or as a path out of the job's folder."""
    for word in words:
        if not isinstance(word, str) or not WORD.fullmatch(word) or ".." in word:
            raise ValueError(f"{what} holds the word {word!r}, but words are made of letters, digits and _ . + - * : /, and are no paths")


@dataclass(frozen=True)
class ForceField:
    """All that decides forces. Raises ``ValueError`` with one sentence for what cannot be."""

    units: str
    """``metal`` or ``real``."""
    atom_style: str
    elements: tuple[str, ...]
    """Chemical symbol of each atom type; of types that one element has several of, repeated."""
    commands: tuple[tuple[str, ...], ...]
    """Keyword and words of each."""
    files: tuple[str, ...] = ()
    """Names of the files that the commands read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "files", tuple(self.files))
        object.__setattr__(self, "commands", tuple(tuple(command) for command in self.commands))
        _ = lammps_units.of(self.units)
        if self.atom_style not in COLUMNS:
            raise ValueError(f"atom_style is {self.atom_style!r}, but must be one of {', '.join(COLUMNS)}")
        if not self.elements or not all(isinstance(name, str) and re.fullmatch(r"[A-Z][a-z]?", name) for name in self.elements):
            raise ValueError(f"the elements are {list(self.elements)}, but there must be a chemical symbol for each atom type")
        for name in self.files:
            if not isinstance(name, str) or not _FILE.fullmatch(name):
                raise ValueError(f"the file name {name!r} holds a character outside letters, digits and _ . + -: rename it")
        for command in self.commands:
            self._check(command)
        if not any(command[0] == "pair_style" for command in self.commands):
            raise ValueError("the force field has no pair_style, without which there are no forces: name one, zero if need be")

    def _check(self, command: tuple[str, ...]) -> None:
        keyword = command[0] if command else ""
        if keyword not in COMMANDS:
            raise ValueError(f"{keyword!r} is no command of a force field: allowed are {', '.join(COMMANDS)}")
        check_words(command[1:], keyword)
        if len(command) < 2:
            raise ValueError(f"{keyword} says nothing: give what follows it")
        if keyword == "fix" and (len(command) < 4 or command[3] not in FIXES):
            style = command[3] if len(command) > 3 else ""
            raise ValueError(f"fix {style} is not part of a force field: allowed are {', '.join(FIXES)}; the others belong to the run")
        if keyword == "pair_style" and (strange := [word for word in command[1:] if MODIFIERS.sub("", word) in PROGRAMS]):
            raise ValueError(f"pair_style {strange[0]} runs a program of its own, which a force field of commands and files does not")
        for word in command[1:]:
            if _LOOKS_LIKE_A_FILE.fullmatch(word) and word not in self.files:
                raise ValueError(f"{keyword} reads a file {word}, which the force field does not carry: give it, beside the input")

    @property
    def name(self) -> str:
        """The pair style, by which people call it; of a hybrid the first one."""
        words = next(command for command in self.commands if command[0] == "pair_style")[1:]
        return words[1] if words[0].startswith("hybrid") and len(words) > 1 else words[0]

    @property
    def type_names(self) -> tuple[str, ...]:
        """Chemical symbols of the atom types, as of a model."""
        return self.elements

    @property
    def newton(self) -> str:
        """Every classical style can do with it, and most want it."""
        return "on"

    @property
    def needs_map(self) -> bool:
        """LAMMPS sees for itself where bonds are."""
        return False

    @property
    def lines(self) -> list[str]:
        """Its lines of the input."""
        return [" ".join(command) for command in self.commands]


def without_unused(commands: Sequence[Sequence[str]]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return the commands without the hybrid sub-styles of terms that no coefficient names, which LAMMPS refuses, and what was dropped."""
    notes, result = [], []
    for command in commands:
        keyword, *words = command
        if keyword in TERM_STYLES and words[:1] == ["hybrid"]:
            coefficients = keyword.replace("_style", "_coeff")
            used = {word for other in commands if other[0] == coefficients for word in other[2:3]}
            unused = [word for word in words[1:] if re.match(r"[A-Za-z]", word) and word not in used]
            if unused:
                notes.append(f"{keyword} {', '.join(unused)} was left out: no {coefficients} is of it, and LAMMPS refuses what is unused")
                command = [keyword, "hybrid", *(word for word in words[1:] if word not in unused)]
        result.append(tuple(command))
    return result, notes

# SPDX-License-Identifier: MIT
"""A learned potential as pair lines of LAMMPS, and pair styles declared beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

_FILE = re.compile(r"[A-Za-z0-9_./+-]+")
_WORDS = re.compile(r"[A-Za-z0-9_.+\-/* ]+")


@dataclass(frozen=True)
class Potential:
    """One model, and pair styles on top of it. Raises ``ValueError`` with one sentence for what cannot be."""

    style: str
    """``nequip``, ``allegro``, or ``mliap`` for either by LAMMPS's own interface."""
    filename: str
    """File of the model, in the job's folder."""
    type_names: tuple[str, ...]
    """Elements in the model's own order; they are the atom types 1, 2, …"""
    extra_pair_style: str | None = None
    """A classical pair style with its settings that is added to the model, such as ``buck 3.0``."""
    extra_pair_coeffs: tuple[str, ...] = ()
    """Its coefficients, ``I J style …``; I and J are type numbers or elements."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "type_names", tuple(self.type_names))
        object.__setattr__(self, "extra_pair_coeffs", tuple(self.extra_pair_coeffs))
        if self.style not in ("nequip", "allegro", "mliap"):
            raise ValueError(f"the pair style is {self.style!r}, but it must be 'nequip', 'allegro' or 'mliap'")
        if not _FILE.fullmatch(self.filename):
            raise ValueError(f"the file name {self.filename!r} holds a character outside letters, digits and _ . / + -: rename it")
        if not self.type_names or not all(re.fullmatch(r"[A-Z][a-z]?", name) for name in self.type_names):
            raise ValueError(f"the type names are {list(self.type_names)}, but they must be chemical symbols in the model's order")
        for line in (self.extra_pair_style, *self.extra_pair_coeffs):
            if line is not None and not _WORDS.fullmatch(line):
                raise ValueError(f"{line!r} holds a character that does not belong into a pair style or its coefficients")
        if self.extra_pair_coeffs and self.extra_pair_style is None:
            raise ValueError("there are extra_pair_coeffs without an extra_pair_style: name the style, such as 'buck 3.0'")

    units: ClassVar[str] = "metal"
    atom_style: ClassVar[str] = "atomic"

    @property
    def newton(self) -> str:
        """NequIP refuses it on, Allegro off."""
        return "off" if self.style == "nequip" else "on"

    @property
    def lines(self) -> list[str]:
        """The pair lines of the input."""
        types, file = " ".join(self.type_names), f" {self.filename}"
        style = self.style
        if style == "mliap":
            # 0: no neighbours of ghosts; a model of several layers asks the other ranks for their features
            style, file = f"mliap unified {self.filename} 0", ""
        if self.extra_pair_style is None:
            return [f"pair_style {style}", f"pair_coeff * *{file} {types}"]
        extra = [f"pair_coeff {self._numbered(line)}" for line in self.extra_pair_coeffs]
        first = [f"pair_style hybrid/overlay {style} {self.extra_pair_style}", f"pair_coeff * * {self.style}{file} {types}"]
        return first + extra

    @property
    def needs_map(self) -> bool:
        """Whether LAMMPS must be told to find atoms by their number: ML-IAP looks its ghosts up."""
        return self.style == "mliap"

    def _numbered(self, line: str) -> str:
        words = line.split()
        if words[:1] == ["pair_coeff"]:
            words = words[1:]
        if len(words) < 3:
            raise ValueError(f"the pair coefficients {line!r} are too few: two types, the style and its numbers are needed")
        kinds = [str(self.type_names.index(word) + 1) if word in self.type_names else word for word in words[:2]]
        for word in kinds:
            if not re.fullmatch(r"[0-9]*\*?[0-9]*", word) or (word.isdigit() and not 1 <= int(word) <= len(self.type_names)):
                raise ValueError(f"{word!r} in {line!r} is no type of a model of {', '.join(self.type_names)}")
        if all(word.isdigit() for word in kinds):
            kinds.sort(key=int)  # LAMMPS ignores I > J
        return " ".join([*kinds, *words[2:]])

# SPDX-License-Identifier: MIT
"""A LAMMPS input that somebody else wrote → the force field in it. What belongs to the run is passed over; what is not known is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_zif.formats import lammps_topology
from aiida_zif.formats.lammps_force_field import COMMANDS, FIXES, TERM_STYLES, ForceField, check_words, without_unused
from aiida_zif.formats.lammps_topology import Topology

OF_THE_RUN: frozenset[str] = frozenset({
    "clear", "echo", "log", "neighbor", "neigh_modify", "comm_modify", "thermo", "thermo_style", "thermo_modify", "timestep", "dump",
    "dump_modify", "undump", "run", "run_style", "minimize", "min_style", "min_modify", "velocity", "restart", "write_data",
    "write_restart", "write_dump", "reset_timestep", "timer", "balance", "processors", "compute", "uncompute", "unfix", "print", "box",
    "info", "atom_modify",
})  # fmt: skip
"""Commands that decide no force."""
FIXES_OF_THE_RUN = re.compile(r"(nve|nvt|npt|nph|langevin|temp|press|momentum|box|deform|ave|print|recenter|balance|halt)\b.*")
"""Fixes that decide none either."""
FIXED: dict[str, tuple[str, ...]] = {
    "boundary": ("p", "p", "p"), "dimension": ("3",), "newton": ("on",),
}  # fmt: skip
"""Commands of which we know one form only, our own."""
NEAREST_AMU = 0.6
"""So near must a mass lie to that of an element."""
COEFFICIENTS: dict[str, str] = {
    "Pair Coeffs": "pair_coeff", "Bond Coeffs": "bond_coeff", "Angle Coeffs": "angle_coeff", "Dihedral Coeffs": "dihedral_coeff",
    "Improper Coeffs": "improper_coeff",
}  # fmt: skip
"""Sections of a data file that are commands in other clothes."""


@dataclass(frozen=True, eq=False)
class Found:
    """What an input holds."""

    force_field: ForceField
    topology: Topology | None
    """``None`` for a force field that needs none: its atoms are told by their elements."""
    data_file: Path
    """The data file that the input reads."""
    files: dict[str, Path]
    """Files that its commands read, by name."""
    masses: tuple[float, ...]
    """amu, one per type."""
    notes: tuple[str, ...]
    """What was left out, in sentences."""


def read(path: Path, elements: Sequence[str] | None = None) -> Found:
    """Return the force field of the LAMMPS input ``path``; ``elements``, one per atom type, where masses do not tell them.

    Raises ``ValueError`` with one sentence, which names the line, for a command that is not known here or decides more than we keep.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give a LAMMPS input that reads a data file")
    settings = {"units": "lj", "atom_style": "atomic"}
    commands: list[tuple[str, ...]] = []
    data_file: Path | None = None
    for number, words in _lines(path):
        keyword, *rest = words
        where = f"line {number} of {path.name}"
        if keyword in ("units", "atom_style"):
            if len(rest) != 1:
                raise ValueError(f"{where} reads {' '.join(words)!r}, but one word must follow {keyword}")
            settings[keyword] = rest[0]
        elif keyword in FIXED:
            if tuple(rest) != FIXED[keyword]:
                raise ValueError(f"{where} says {' '.join(words)!r}, but our runs are with {keyword} {' '.join(FIXED[keyword])}")
        elif keyword == "read_data":
            if len(rest) != 1 or data_file is not None:
                raise ValueError(f"{where} reads {' '.join(words)!r}, but a force field is made from one data file, read without options")
            check_words(rest, where)
            data_file = path.parent / rest[0]
        elif keyword == "fix" and rest[2:3] and rest[2] not in FIXES:
            if not FIXES_OF_THE_RUN.fullmatch(rest[2]):
                raise ValueError(f"{where} has a fix {rest[2]}, of which it is not known here whether it is part of the force field")
        elif keyword in COMMANDS:
            commands.append(tuple(words))
        elif keyword not in OF_THE_RUN:
            raise ValueError(f"{where} begins with {keyword!r}, which is not known here: keep the force field, and leave the rest out")
    if data_file is None:
        raise ValueError(f"{path.name} has no read_data: write the structure as a data file (write_data), and read it")
    return _found(path, settings, commands, data_file, elements)


def _found(path: Path, settings: dict[str, str], commands: list[tuple[str, ...]], data_file: Path, elements: Sequence[str] | None) -> Found:
    if not data_file.is_file():
        raise ValueError(f"there is no data file {data_file}, which {path.name} reads: put it beside the input")
    topology, sections = lammps_topology.parse(data_file.read_text(errors="replace"), settings["atom_style"])
    for name, rows in sections.items():
        if name not in COEFFICIENTS:
            raise ValueError(f"{data_file.name} has a section {name}, which is not known here: give its numbers as commands of the input")
        both = ("*",) if COEFFICIENTS[name] == "pair_coeff" else ()
        of_data = [(COEFFICIENTS[name], row[0], *(row[:1] if both else ()), *row[1:]) for row in rows]
        commands = _after_style(commands, COEFFICIENTS[name].replace("_coeff", "_style"), of_data)
    commands, notes = without_unused(commands)
    beside = {word: path.parent / word for command in commands for word in command[1:] if _is_file(path.parent, word)}
    force_field = ForceField(
        settings["units"], settings["atom_style"], tuple(elements or _elements(topology.masses)), tuple(commands), tuple(sorted(beside))
    )
    if len(force_field.elements) != topology.n_types:
        raise ValueError(f"{len(force_field.elements)} elements were given, but {data_file.name} has {topology.n_types} atom types")
    unique = len(set(force_field.elements)) == len(force_field.elements)
    equilibrated = any(command[0] == "fix" for command in commands)
    charged = bool(np.any(topology.charges)) and not equilibrated
    free = (
        unique
        and not charged
        and not any(command[0] in TERM_STYLES for command in commands)
        and settings["atom_style"] in ("atomic", "charge")
    )
    return Found(force_field, None if free else topology, data_file, beside, tuple(map(float, topology.masses)), tuple(notes))


def _after_style(commands: list[tuple[str, ...]], style: str, more: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the commands with ``more`` behind the last line of ``style``. Raises ``ValueError`` where there is none."""
    places = [k for k, command in enumerate(commands) if command[0] == style]
    if not places:
        raise ValueError(f"the data file has coefficients, but the input has no {style} for them")
    return [*commands[: places[-1] + 1], *more, *commands[places[-1] + 1 :]]


def _is_file(folder: Path, word: str) -> bool:
    return word not in (".", "..", "*") and "/" not in word and (folder / word).is_file()


def _elements(masses: Iterable[float]) -> list[str]:
    """Return the element of each mass. Raises ``ValueError`` for a mass that is that of none."""
    from ase.data import atomic_masses, chemical_symbols  # ase takes 0.1 s to import

    found = []
    for number, mass in enumerate(masses, start=1):
        if 0.9 < mass < 4.0:
            found.append("H")  # also deuterium, and hydrogen made heavy
            continue
        nearest = int(np.argmin(np.abs(atomic_masses[1:] - mass))) + 1
        if abs(float(atomic_masses[nearest]) - mass) > NEAREST_AMU:
            raise ValueError(f"atom type {number} has the mass {mass:g}, which is that of no element: name the elements of the types")
        found.append(str(chemical_symbols[nearest]))
    return found


def _lines(path: Path) -> Iterable[tuple[int, list[str]]]:
    """Yield number and words of each command; lines that end in ``&`` go on in the next."""
    pending, began = "", 0
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        began = began if pending else number
        bare = line.split("#", 1)[0].rstrip()
        if bare.endswith("&"):
            pending += bare[:-1] + " "
            continue
        words, pending = (pending + bare).split(), ""
        if words:
            yield began, words

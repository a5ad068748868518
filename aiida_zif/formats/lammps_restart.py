# SPDX-License-Identifier: MIT
"""What can be known of a LAMMPS binary restart file without LAMMPS: its step, and whether it is whole."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_zif.science.units import FS_IN_PS

_MAGIC = b"LammpS RestartT\0"
# flags of the header's records, in the order in which write_restart.cpp puts them, up to the step
_VERSION, _UNITS, _STEP = 0, 4, 5
_SIZES = (1, 48, 2, 3)
_NATOMS, _NTYPES, _TIMESTEP = 16, 17, 50
_PS = {"metal": 1.0, "real": FS_IN_PS}
"""The unit of time, ps, by the style of units."""
_KINDS: dict[int, str] = {
    **dict.fromkeys((6, 7, 9, 10, 11, 12, 13, _NTYPES, 19, 20, 22, 23, 25, 26, 28, 29, 30, 73), "i"),
    **dict.fromkeys((_NATOMS, 18, 21, 24, 27), "q"), **dict.fromkeys((33, 34, 35, _TIMESTEP), "d"),
    **dict.fromkeys((8, 14), "ints"), **dict.fromkeys((31, 32, 36, 37, 49), "doubles"), 15: "style",
}  # fmt: skip
"""How the records between the step and the length of the time step are stored, by their flag."""


@dataclass(frozen=True)
class RestartFacts:
    """Facts of one restart file."""

    step: int
    """MD step of the state."""
    version: str
    """Version of the LAMMPS that wrote it, such as ``22 Jul 2025``."""
    units: str
    """Its unit style."""
    n_atoms: int | None = None
    """Number of atoms; this and what follows is ``None`` where the header is of a version whose records are not known."""
    n_types: int | None = None
    """Number of atom types."""
    timestep_ps: float | None = None
    """Length of the time step of the run that wrote it, ps; of ``units`` other than metal and real it is not known."""


def read(content: bytes) -> RestartFacts:
    """Return the facts of a whole restart file.

    Raises ``ValueError`` if the file is empty, is no restart file, or is cut: LAMMPS puts the same mark at both ends of it.
    """
    if not content:
        raise ValueError("the restart file is empty: take the other one; a full disk leaves such a file")
    if not content.startswith(_MAGIC):
        raise ValueError("the file does not begin as a LAMMPS restart file does: take the other one")
    if len(content) < 2 * len(_MAGIC) or not content.endswith(_MAGIC):
        raise ValueError(f"the restart file is cut after {len(content)} bytes: take the other one")
    try:
        order = "<" if struct.unpack_from("<i", content, len(_MAGIC))[0] == 1 else ">"
        position = len(_MAGIC) + 8
        position, version = _string(content, order, position, _VERSION)
        for flag in _SIZES:
            position, _ = _value(content, order, position, flag, "i")
        position, units = _string(content, order, position, _UNITS)
        position, step = _value(content, order, position, _STEP, "q")
    except (struct.error, UnicodeDecodeError):
        raise ValueError("the header of the restart file cannot be read: it is cut or of another version of LAMMPS") from None
    found = _records(content, order, position)
    length = _PS.get(units)
    timestep = found[_TIMESTEP] * length if _TIMESTEP in found and length else None
    return RestartFacts(step, version, units, found.get(_NATOMS), found.get(_NTYPES), timestep)


def newest(files: Mapping[str, bytes]) -> tuple[str, RestartFacts] | None:
    """Return name and facts of the whole file with the highest step; ``None`` if none is whole."""
    whole = []
    for name, content in files.items():
        try:
            whole.append((read(content).step, name))
        except ValueError:
            continue
    if not whole:
        return None
    _, name = max(whole)
    return name, read(files[name])


def _records(content: bytes, order: str, position: int) -> dict[int, Any]:
    """Return the single numbers of the records from ``position`` up to the time step, by flag; fewer where a record is not known."""
    found: dict[int, Any] = {}
    try:
        while _TIMESTEP not in found:
            flag = struct.unpack_from(f"{order}i", content, position)[0]
            kind = _KINDS[flag]
            if kind == "style":
                position, _ = _string(content, order, position, flag)
                if struct.unpack_from(f"{order}i", content, position)[0]:
                    return found  # arguments of the atom style, which ours has none of
                position += 4
            elif kind in ("ints", "doubles"):
                n = struct.unpack_from(f"{order}i", content, position + 4)[0]
                position += 8 + n * (4 if kind == "ints" else 8)
            else:
                found[flag] = struct.unpack_from(f"{order}i{kind}", content, position)[1]
                position += struct.calcsize(f"{order}i{kind}")
    except (struct.error, KeyError):
        return found if _NTYPES in found else {}
    return found


def _value(content: bytes, order: str, position: int, flag: int, kind: str) -> tuple[int, int]:
    found, value = struct.unpack_from(f"{order}i{kind}", content, position)
    if found != flag:
        raise struct.error(f"record {found} where {flag} is due")
    return position + struct.calcsize(f"{order}i{kind}"), int(value)


def _string(content: bytes, order: str, position: int, flag: int) -> tuple[int, str]:
    position, length = _value(content, order, position, flag, "i")
    if not 0 < length < 1000 or position + length > len(content):
        raise struct.error("no string")
    return position + length, content[position : position + length].rstrip(b"\0").decode("ascii")

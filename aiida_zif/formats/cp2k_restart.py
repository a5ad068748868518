# SPDX-License-Identifier: MIT
"""Is a CP2K restart file whole, and which step of which run does it hold? A cut one makes CP2K abort, another run's goes on in silence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_STEP = re.compile(r"^\s*STEP_START_VAL\s+(\d+)\s*$", re.MULTILINE)
_COORD = re.compile(r"^\s*&COORD\s*\n(.*?)^\s*&END COORD\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, eq=False)
class Restart:
    """What a whole restart file of an MD holds."""

    step: int
    species: tuple[str, ...]
    """``(n_atoms,)``, the names of the kinds."""
    positions: NDArray[np.float64]
    """``(n_atoms, 3)``, Cartesian, Å."""

    def belongs_to(self, species: tuple[str, ...], positions: NDArray[np.float64]) -> bool:
        """Return whether it was written with these atoms at these places, ``(n_atoms, 3)``, Å: frame and restart agree in ten digits."""
        return self.species == tuple(species) and bool(np.allclose(self.positions, positions, rtol=0, atol=1e-6))


def parse(text: str) -> Restart | None:
    """Return what a restart file holds, or ``None`` unless it is a whole one of an MD.

    CP2K writes every section with its end, positions and velocities among them, so a file is whole if all sections that
    it opens are closed in order, nothing is left open, and the last line ends.
    """
    if not text.endswith("\n"):
        return None
    opened: list[str] = []
    closed: set[str] = set()
    for line in text.splitlines():
        words = line.split()
        if not words or not words[0].startswith("&"):
            continue
        if words[0].upper() != "&END":
            opened.append(words[0][1:].upper())
        elif not opened or len(words) != 2 or opened.pop() != words[1].upper():
            return None
        else:
            closed.add(words[1].upper())
    step, atoms = _STEP.search(text), _COORD.search(text)
    if opened or step is None or atoms is None or not {"MOTION", "FORCE_EVAL", "VELOCITY"} <= closed:
        return None
    rows = [words for line in atoms[1].splitlines() if len(words := line.split()) >= 4]
    try:
        positions = np.array([[float(word) for word in words[1:4]] for words in rows], float).reshape(-1, 3)
    except ValueError:
        return None
    return Restart(int(step[1]), tuple(words[0] for words in rows), positions)


def read(path: Path) -> Restart | None:
    """Return what a file holds, or ``None`` unless it is there and a whole restart file of an MD."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None

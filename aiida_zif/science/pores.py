# SPDX-License-Identifier: MIT
"""The volume that a helium atom can be in, by Zeo++ (package ``pyzeo``, extra ``pores``).

T. F. Willems et al., Microporous Mesoporous Mater. 149, 134 (2012), doi:10.1016/j.micromeso.2011.08.020. Accessible volume (channels) and
non-accessible volume (pockets) are added, as the paper does: in a glass the channels close and open with every frame.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.units import AVOGADRO_PER_MOL

HELIUM_RADIUS = 1.2
"""Å, of the probe in doi:10.1039/D3DD00236E."""
SAMPLES = 50_000
"""Points drawn in the cell. With 2000 the volume of ZIF-4 is 14 % off."""
RADII: dict[str, float] = {"H": 1.09, "C": 1.70, "N": 1.55, "Zn": 1.39}
"""Van der Waals radii, Å, of the Cambridge Structural Database, which are Zeo++'s own."""
CUBIC_ANGSTROM_IN_CM3 = 1e-24
MISSING = "pore volumes are computed by Zeo++, which is not installed here: pip install 'aiida-zif[pores]'"


@dataclass(frozen=True)
class Pores:
    """Pore volume of one structure."""

    accessible: float
    """Of channels, cm³ per kg."""
    non_accessible: float
    """Of pockets, cm³ per kg."""

    @property
    def total(self) -> float:
        """Both, cm³ per kg."""
        return self.accessible + self.non_accessible


def available() -> bool:
    """Return whether Zeo++ is installed."""
    from importlib.util import find_spec

    return find_spec("pyzeo") is not None


def pore_volume(
    species: Sequence[str],
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    masses: NDArray[np.float64],
    probe: float = HELIUM_RADIUS,
    samples: int = SAMPLES,
    radii: Mapping[str, float] = RADII,
) -> Pores:
    """Return the pore volume per mass; ``positions`` ``(n_atoms, 3)``, ``cell`` ``(3, 3)`` rows, ``probe`` and ``radii`` in Å.

    ``masses`` ``(n_atoms,)``, amu. Zeo++ draws its points from a fixed seed: the same structure gives the same volume.
    Raises ``ValueError`` for a probe or number of points that is not positive, an element without radius, a flat cell, or without Zeo++.
    """
    if not (np.isfinite(probe) and probe > 0) or samples < 1:
        raise ValueError(f"a probe of {probe} Å and {samples} points were asked for; give a positive radius and one point or more")
    if unknown := sorted(set(species) - set(radii)):
        raise ValueError(f"no van der Waals radius of {', '.join(unknown)} is known; known are {', '.join(radii)}")
    cell = np.asarray(cell, dtype=float)
    if not (np.isfinite(positions).all() and np.isfinite(cell).all() and abs(np.linalg.det(cell)) > 0):
        raise ValueError("a pore volume needs finite positions and a cell with a volume; drop this frame")
    if not available():
        raise ValueError(MISSING)
    with tempfile.TemporaryDirectory() as folder, _silence():
        from pyzeo import AtomNetwork
        from pyzeo.extension import volume

        table, path = Path(folder) / "radii.rad", Path(folder) / "frame.cssr"
        table.write_text("".join(f"{symbol} {radius:.6f}\n" for symbol, radius in radii.items()))
        path.write_text(_cssr(species, np.asarray(positions, dtype=float), cell))
        network = AtomNetwork.read_from_CSSR(str(path), rad_file=str(table))
        text = volume(network, probe, probe, samples, high_accuracy=True)
    text = text[0] if isinstance(text, tuple) else text
    text = text.decode() if isinstance(text, bytes) else str(text)
    found = {name: re.search(rf"(?<!N){name}_A\^3:\s*(\S+)", text) for name in ("AV", "NAV")}
    if found["AV"] is None or found["NAV"] is None:
        raise ValueError(f"Zeo++ found no volume in this frame; it said: {' '.join(text.split())[:200] or 'nothing'}")
    grams = float(np.sum(masses)) / AVOGADRO_PER_MOL
    accessible, pockets = (float(found[name][1]) * CUBIC_ANGSTROM_IN_CM3 / grams * 1e3 for name in ("AV", "NAV"))  # type: ignore[index]
    return Pores(accessible, pockets)


def _cssr(species: Sequence[str], positions: NDArray[np.float64], cell: NDArray[np.float64]) -> str:
    """Return the one text that Zeo++ reads without symmetry: lengths, angles and fractional coordinates."""
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(cosines))
    inside = positions @ np.linalg.inv(cell)
    inside -= np.floor(inside)
    head = [
        " ".join(f"{x:.8f}" for x in lengths),
        f"{' '.join(f'{x:.8f}' for x in angles)} SPGR = 1 P 1 OPT = 1",
        f"{len(species)} 0",
        "0 frame : frame",
    ]
    atoms = [
        f"{k} {symbol} {x:.8f} {y:.8f} {z:.8f} 0 0 0 0 0 0 0 0 0.0"
        for k, (symbol, (x, y, z)) in enumerate(zip(species, inside, strict=True), start=1)
    ]
    return "\n".join([*head, *atoms]) + "\n"


@contextmanager
def _silence() -> Iterator[None]:
    """Send away what C++ writes to the standard output and error of the process, past Python's own."""
    kept = []
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
            kept.append((number, os.dup(number)))
        except (OSError, ValueError):  # closed, as a daemon's may be
            continue
    try:
        with Path(os.devnull).open("wb") as nowhere:
            for number, _ in kept:
                os.dup2(nowhere.fileno(), number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)

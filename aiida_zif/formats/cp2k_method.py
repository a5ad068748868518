# SPDX-License-Identifier: MIT
"""The levels of theory of CP2K runs by name, and the basis sets and pseudopotentials that they need, cut out of CP2K's own data files.

A level of theory is one potential-energy surface: all that decides it stands here and nowhere else, so that nothing that is changed when
an SCF does not converge can change it. CP2K's data files are part of CP2K (GPL-2.0-or-later), so they do not ship with this package: what a
run needs of them is read from the CP2K that is installed, and becomes an input of the run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BASIS_SETS_FILE = "basis_sets.txt"
POTENTIALS_FILE = "pseudopotentials.txt"
"""What the two excerpts are called where a run reads them: equal content, equal node."""
_PSEUDOPOTENTIALS = {"H": "GTH-PBE-q1", "C": "GTH-PBE-q4", "N": "GTH-PBE-q5", "Zn": "GTH-PBE-q12"}
_PUBLISHED_BASIS = {"H": "DZVP-GTH-PBE", "C": "DZVP-GTH-PBE", "N": "DZVP-GTH-PBE", "Zn": "DZVP-MOLOPT-SR-GTH"}
_BASIS_FILES = ("BASIS_SET", "BASIS_MOLOPT")
_POTENTIAL_FILES = ("POTENTIAL", "GTH_POTENTIALS")
_ENTRY = re.compile(r"^\s*([A-Z][a-z]?)\s+([A-Za-z]\S*(?:\s+\S+)*)\s*$")


@dataclass(frozen=True)
class Method:
    """One level of theory."""

    basis_sets: dict[str, str] | None = None
    """By element; ``None`` for GFN1-xTB, which has its own."""
    cutoff_ry: float = 600
    """Plane-wave cutoff of the density."""
    rel_cutoff_ry: float = 40
    """Cutoff of the grid that one Gaussian is put on."""
    eps_default: float = 1e-7
    """CP2K's EPS_DEFAULT."""
    eps_scf: float = 1e-5
    """At which the SCF of a step of MD is converged."""
    dispersion_cutoff_angstrom: float = 16.0
    """R_CUTOFF of DFT-D3."""

    @property
    def is_xtb(self) -> bool:
        """Whether it is tight binding, which needs no files of ours."""
        return self.basis_sets is None


METHODS: dict[str, Method] = {
    "gfn1-xtb": Method(),
    # doi:10.1039/D3DD00236E and its deposit
    "pbe-d3": Method(_PUBLISHED_BASIS),
    "pbe-d3-dzvp": Method(_PUBLISHED_BASIS, cutoff_ry=400),
    "pbe-d3-szv": Method(
        dict.fromkeys(_PSEUDOPOTENTIALS, "SZV-MOLOPT-SR-GTH"), cutoff_ry=200, rel_cutoff_ry=30, eps_default=1e-6, eps_scf=1e-4,
        dispersion_cutoff_angstrom=10.0,
    ),
}  # fmt: skip
"""By name."""


def method_of(name: str) -> Method:
    """Return the level of theory called ``name``. Raises ``ValueError`` for one that has no input."""
    if name not in METHODS:
        raise ValueError(f"method is {name!r}; choose from {', '.join(METHODS)}")
    return METHODS[name]


def names_of(method: str, element: str) -> tuple[str, str] | None:
    """Return the names of basis set and pseudopotential of an element, ``None`` where the method needs none.

    Raises ``ValueError`` for an element that the method does not know.
    """
    sets = method_of(method).basis_sets
    if sets is None:
        return None
    if element not in sets:
        raise ValueError(f"the method {method} knows no basis set for {element}, only for {', '.join(sets)}")
    return sets[element], _PSEUDOPOTENTIALS[element]


def data_folder() -> Path:
    """Return the folder of CP2K's data files on this machine: ``CP2K_DATA_DIR``, else that of the CP2K on the PATH.

    Raises ``ValueError`` where there is none.
    """
    given = os.environ.get("CP2K_DATA_DIR")
    programs = filter(None, (shutil.which(name) for name in ("cp2k.psmp", "cp2k.ssmp", "cp2k.popt", "cp2k")))
    prefixes = [Path(program).resolve().parents[1] for program in programs]
    folders = [Path(given)] if given else [prefix / "share" / name for prefix in prefixes for name in ("cp2k", "cp2k/data")]
    for folder in folders:
        if (folder / _BASIS_FILES[0]).is_file():
            return folder
    where = f"not in CP2K_DATA_DIR, {given}" if given else "no CP2K is installed on this machine"
    raise ValueError(
        f"the basis sets and pseudopotentials of CP2K were not found ({where}); set CP2K_DATA_DIR to a folder with CP2K's data files, "
        "or give nodes as basis_sets and pseudopotentials"
    )


def excerpts(method: str, elements: Iterable[str], folder: Path) -> tuple[str, str] | None:
    """Return the text of the basis sets and of the pseudopotentials that ``method`` needs; ``None`` where it needs none.

    Each is a CP2K data file of its own, in the order of the elements. Raises ``ValueError`` for an element that the method does not know,
    or an entry that the folder does not hold.
    """
    needed = {element: names_of(method, element) for element in sorted(set(elements))}
    sets, potentials = [], []
    for element, names in needed.items():
        if names is None:
            return None
        sets.append(_find(folder, _BASIS_FILES, element, names[0]))
        potentials.append(_find(folder, _POTENTIAL_FILES, element, names[1]))
    return "".join(sets), "".join(potentials)


def _find(folder: Path, files: Iterable[str], element: str, name: str) -> str:
    """Return the first entry called ``name`` of ``element`` in the files, as it stands there, without comments and blank lines."""
    for file in files:
        path = folder / file
        lines: list[str] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            heading = _ENTRY.match(line)
            if heading and lines:
                break
            if lines or (heading and heading[1] == element and name in heading[2].split()):
                lines.append(line.rstrip())
        if lines:
            return "\n".join(lines) + "\n"
    raise ValueError(f"{element} {name} stands in none of {', '.join(files)} in {folder}; that folder is of another version of CP2K")

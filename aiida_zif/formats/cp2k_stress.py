# SPDX-License-Identifier: MIT
"""What the ``.stress`` file of a CP2K run holds, and the stress that our frames carry of it.

Of a run with velocities it is virial *plus kinetic* part, in bar, pressure positive: ``stress = -(file - Σ m v v / V)`` with the masses
of the run. Where the velocities were not printed they are estimated from the positions, where that cannot be either the sum stays.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_files import Table
from aiida_zif.science.frames import kinetic_stress, to_voigt
from aiida_zif.science.units import BAR_IN_EV_PER_CUBIC_ANGSTROM

Content = Literal["virial", "estimated", "total"]
_DIAGONAL = re.compile(r"^\s*STRESS_TENSOR\s+DIAGONAL", re.MULTILINE | re.IGNORECASE)
_ROWS = 4096


def is_diagonal(folder: Path, project: str, table: Table) -> bool:
    """Whether only the diagonal was computed: DIAGONAL_ANALYTICAL or DIAGONAL_NUMERICAL.

    CP2K fills the other columns all the same, and with something that is no stress (2023.1, GFN1-xTB, DIAGONAL_NUMERICAL:
    tens of MPa off), so the input must tell, which every restart file repeats. Without either, all other columns being zero tell.
    """
    for path in [*sorted(folder.glob(f"{project}-1.restart*")), *sorted(folder.glob("*.inp"))]:
        try:
            if _DIAGONAL.search(path.read_text(encoding="latin-1")):
                return True
        except OSError:
            continue
    some = False
    for begin in range(0, len(table.starts), _ROWS):
        rows = table.read(slice(begin, begin + _ROWS))
        rows = rows[np.isfinite(rows).all(axis=1)]
        if rows[:, [1, 2, 3, 5, 6, 7]].any():
            return False
        some |= bool(rows.any())
    return some


def stress(
    rows_bar: NDArray[np.float64],
    content: Content,
    diagonal: bool,
    cells: NDArray[np.float64],
    masses: NDArray[np.float64] | None,
    velocities: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Return ``(n_frames, 6)``, tension positive, eV/Å³, of the nine columns of the file; NaN where it has none.

    ``velocities`` are ``None`` where nothing is to be removed: nothing moves, or ``content`` is ``total``.
    """
    tensor = rows_bar.reshape(-1, 3, 3) * BAR_IN_EV_PER_CUBIC_ANGSTROM
    values = -to_voigt(np.where((tensor == 0).all(axis=(1, 2), keepdims=True), np.nan, tensor))
    if content != "total" and velocities is not None and masses is not None:
        volumes = np.abs(np.linalg.det(cells))
        volumes[volumes == 0] = np.nan
        values += kinetic_stress(velocities, masses, volumes)
    if diagonal:
        values[:, 3:] = np.nan
    return values

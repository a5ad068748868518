# SPDX-License-Identifier: MIT
"""The unit styles of LAMMPS in which a potential may be written, and what one of each unit is in ours (Å, eV, ps, K, eV/Å³)."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_zif.science.units import (
    ATM_IN_EV_PER_CUBIC_ANGSTROM,
    BAR_IN_EV_PER_CUBIC_ANGSTROM,
    EV_PER_CUBIC_ANGSTROM_IN_GPA,
    FS_IN_PS,
    KCAL_PER_MOL_IN_EV,
)


@dataclass(frozen=True)
class Units:
    """One style. Lengths are Å and masses amu in both, so that forces and velocities follow."""

    name: str
    """What follows ``units`` in the input."""
    time_ps: float
    """One unit of time, ps."""
    energy_ev: float
    """One unit of energy, eV; of force, eV/Å."""
    pressure: float
    """One unit of pressure, eV/Å³."""

    @property
    def per_gpa(self) -> float:
        """One GPa in units of pressure."""
        return 1 / (EV_PER_CUBIC_ANGSTROM_IN_GPA * self.pressure)

    def time(self, femtoseconds: float) -> float:
        """Return a time in units of this style."""
        return femtoseconds * FS_IN_PS / self.time_ps


METAL = Units("metal", 1.0, 1.0, BAR_IN_EV_PER_CUBIC_ANGSTROM)
"""ps, eV, bar: the models, and most potentials of solids."""
REAL = Units("real", FS_IN_PS, KCAL_PER_MOL_IN_EV, ATM_IN_EV_PER_CUBIC_ANGSTROM)
"""fs, kcal/mol, atm: MOF-FF, ReaxFF, and most force fields of molecules."""

STYLES: dict[str, Units] = {style.name: style for style in (METAL, REAL)}


def of(name: str) -> Units:
    """Return the style called ``name``. Raises ``ValueError`` with one sentence for one that is not known."""
    if name not in STYLES:
        raise ValueError(f"units are {name!r}, but must be one of {', '.join(STYLES)}: convert the potential")
    return STYLES[name]

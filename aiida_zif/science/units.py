# SPDX-License-Identifier: MIT
"""Internal units: Å, eV, amu, ps, K, e. Every factor is derived from CODATA 2022.

A name ``X_IN_Y`` is the size of one X in Y: ``value_in_y = value_in_x * X_IN_Y``.

The constants of nature stand here and are not taken from scipy: which edition of CODATA it has depends on its version, and labels that
two machines read from the same file must be equal to the last bit. A test compares them with scipy's.
"""

AVOGADRO_PER_MOL: float = 6.02214076e23
ATOMIC_TIME_IN_SECOND: float = 2.4188843265864e-17
BOHR_IN_METRE: float = 5.29177210544e-11
BOLTZMANN_IN_JOULE_PER_KELVIN: float = 1.380649e-23
AMU_IN_KG: float = 1.66053906892e-27
EV_IN_JOULE: float = 1.602176634e-19
HARTREE_IN_EV: float = 27.211386245981

ANGSTROM_IN_METRE: float = 1e-10

BOLTZMANN: float = BOLTZMANN_IN_JOULE_PER_KELVIN / EV_IN_JOULE
"""Boltzmann's constant, eV/K."""

BOHR_IN_ANGSTROM: float = BOHR_IN_METRE / ANGSTROM_IN_METRE
ATOMIC_TIME_IN_PS: float = ATOMIC_TIME_IN_SECOND / 1e-12
ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS: float = BOHR_IN_ANGSTROM / ATOMIC_TIME_IN_PS
ATOMIC_FORCE_IN_EV_PER_ANGSTROM: float = HARTREE_IN_EV / BOHR_IN_ANGSTROM

EV_PER_CUBIC_ANGSTROM_IN_PASCAL: float = EV_IN_JOULE / ANGSTROM_IN_METRE**3
EV_PER_CUBIC_ANGSTROM_IN_GPA: float = EV_PER_CUBIC_ANGSTROM_IN_PASCAL / 1e9
EV_PER_CUBIC_ANGSTROM_IN_MPA: float = EV_PER_CUBIC_ANGSTROM_IN_PASCAL / 1e6
BAR_IN_EV_PER_CUBIC_ANGSTROM: float = 1e5 / EV_PER_CUBIC_ANGSTROM_IN_PASCAL
ATM_IN_EV_PER_CUBIC_ANGSTROM: float = 101325 / EV_PER_CUBIC_ANGSTROM_IN_PASCAL

KINETIC_ENERGY_IN_EV: float = AMU_IN_KG * (ANGSTROM_IN_METRE / 1e-12) ** 2 / EV_IN_JOULE
"""One amu (Å/ps)² in eV: kinetic energy is ½ m v² times this."""

AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3: float = AMU_IN_KG * 1e3 / (ANGSTROM_IN_METRE / 1e-2) ** 3

FS_IN_PS: float = 1e-15 / 1e-12
EV_IN_KJ_PER_MOL: float = EV_IN_JOULE * AVOGADRO_PER_MOL / 1e3
KCAL_PER_MOL_IN_EV: float = 4184 / AVOGADRO_PER_MOL / EV_IN_JOULE
"""The thermochemical calorie."""

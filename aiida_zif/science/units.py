# SPDX-License-Identifier: MIT
"""Internal units: Å, eV, amu, ps, K, e. Every factor is derived from CODATA, none is typed.

A name ``X_IN_Y`` is the size of one X in Y: ``value_in_y = value_in_x * X_IN_Y``.
"""

from scipy import constants as _si

EV_IN_JOULE: float = _si.elementary_charge
ANGSTROM_IN_METRE: float = _si.angstrom
AMU_IN_KG: float = _si.atomic_mass

BOLTZMANN: float = _si.Boltzmann / EV_IN_JOULE
"""Boltzmann's constant, eV/K."""

HARTREE_IN_EV: float = _si.physical_constants["Hartree energy in eV"][0]
BOHR_IN_ANGSTROM: float = _si.physical_constants["Bohr radius"][0] / ANGSTROM_IN_METRE
ATOMIC_TIME_IN_PS: float = _si.physical_constants["atomic unit of time"][0] / _si.pico
ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS: float = BOHR_IN_ANGSTROM / ATOMIC_TIME_IN_PS
ATOMIC_FORCE_IN_EV_PER_ANGSTROM: float = HARTREE_IN_EV / BOHR_IN_ANGSTROM

EV_PER_CUBIC_ANGSTROM_IN_PASCAL: float = EV_IN_JOULE / ANGSTROM_IN_METRE**3
EV_PER_CUBIC_ANGSTROM_IN_GPA: float = EV_PER_CUBIC_ANGSTROM_IN_PASCAL / _si.giga
EV_PER_CUBIC_ANGSTROM_IN_MPA: float = EV_PER_CUBIC_ANGSTROM_IN_PASCAL / _si.mega
BAR_IN_EV_PER_CUBIC_ANGSTROM: float = _si.bar / EV_PER_CUBIC_ANGSTROM_IN_PASCAL

KINETIC_ENERGY_IN_EV: float = AMU_IN_KG * (ANGSTROM_IN_METRE / _si.pico) ** 2 / EV_IN_JOULE
"""One amu (Å/ps)² in eV: kinetic energy is ½ m v² times this."""

AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3: float = AMU_IN_KG * _si.kilo / (ANGSTROM_IN_METRE / _si.centi) ** 3

FS_IN_PS: float = _si.femto / _si.pico
EV_IN_KJ_PER_MOL: float = EV_IN_JOULE * _si.Avogadro / _si.kilo

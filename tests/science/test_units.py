# SPDX-License-Identifier: MIT
"""The derived factors against those of ASE and of common knowledge."""

import math

import pytest
import scipy
from ase.units import create_units
from scipy.constants import physical_constants

from aiida_zif.science import units

# scipy's constants are those of CODATA 2018 or 2022, by its version; ASE's default is 2014
ase = create_units("2018")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (units.BOLTZMANN, ase.kB),
        (units.HARTREE_IN_EV, ase.Hartree),
        (units.BOHR_IN_ANGSTROM, ase.Bohr),
        (units.ATOMIC_FORCE_IN_EV_PER_ANGSTROM, ase.Hartree / ase.Bohr),
        (units.ATOMIC_TIME_IN_PS, ase.AUT / (1000 * ase.fs)),
        (units.ATOMIC_VELOCITY_IN_ANGSTROM_PER_PS, ase.Bohr / ase.AUT * 1000 * ase.fs),
        (units.EV_PER_CUBIC_ANGSTROM_IN_GPA, 1 / ase.GPa),
        (units.EV_PER_CUBIC_ANGSTROM_IN_MPA, 1000 / ase.GPa),
        (units.EV_PER_CUBIC_ANGSTROM_IN_PASCAL, 1 / ase.Pascal),
        (units.BAR_IN_EV_PER_CUBIC_ANGSTROM, ase.bar),
        # ASE's unit of time is Å √(amu/eV): an amu (Å/ps)² is then 1/(1000 fs)² eV
        (units.KINETIC_ENERGY_IN_EV, 1 / (1000 * ase.fs) ** 2),
        (units.EV_IN_KJ_PER_MOL, ase.mol / ase.kJ),
    ],
)
def test_factor_agrees_with_ase(ours: float, theirs: float) -> None:
    """Each factor is that of ASE, up to the edition of CODATA."""
    assert math.isclose(ours, theirs, rel_tol=5e-9)


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (units.AVOGADRO_PER_MOL, "Avogadro constant"),
        (units.ATOMIC_TIME_IN_SECOND, "atomic unit of time"),
        (units.BOHR_IN_METRE, "Bohr radius"),
        (units.BOLTZMANN_IN_JOULE_PER_KELVIN, "Boltzmann constant"),
        (units.AMU_IN_KG, "atomic mass constant"),
        (units.EV_IN_JOULE, "elementary charge"),
        (units.HARTREE_IN_EV, "Hartree energy in eV"),
    ],
)
def test_constant_is_that_of_codata(ours: float, name: str) -> None:
    """Each constant is scipy's: to the last digit where its edition is that of 2022, to nine digits where it is older."""
    has_2022 = tuple(int(part) for part in scipy.__version__.split(".")[:2]) >= (1, 15)
    assert math.isclose(ours, physical_constants[name][0], rel_tol=0 if has_2022 else 5e-9)


def test_density_factor_from_the_molar_mass() -> None:
    """One amu per Å³ is 10/N_A(10²³) g/cm³: water, 18.015 amu in 29.915 Å³, has 1.0000."""
    assert pytest.approx(1.0000, abs=2e-4) == 18.015 / 29.915 * units.AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3


def test_a_femtosecond_is_a_thousandth_of_a_picosecond() -> None:
    """FS_IN_PS is what its name says."""
    assert math.isclose(units.FS_IN_PS, 1e-3, rel_tol=1e-15)


def test_known_size_of_an_electronvolt_per_cubic_angstrom() -> None:
    """One eV/Å³ is 160.2 GPa, 1.602 Mbar."""
    assert pytest.approx(160.21766, abs=1e-4) == units.EV_PER_CUBIC_ANGSTROM_IN_GPA
    assert pytest.approx(1.6021766e6, rel=1e-7) == 1 / units.BAR_IN_EV_PER_CUBIC_ANGSTROM

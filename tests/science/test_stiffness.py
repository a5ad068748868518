# SPDX-License-Identifier: MIT
"""Error bars of a triclinic stiffness over 1000 trials; equilibration, pressure, and the formula of aMOF."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from aiida_zif.science.elasticity import NAMES, equilibration, from_cells
from aiida_zif.science.frames import from_voigt
from aiida_zif.science.stiffness import averages, second_derivatives
from aiida_zif.science.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

Floats = NDArray[np.float64]
T = 300.0
H0 = np.array([[15.0, 0, 0], [2.0, 14.0, 0], [-3.0, 1.0, 17.0]])
TRICLINIC = np.array([
    [4.02, 1.49, 1.35, 0.12, -0.10, 0.05],
    [1.49, 5.10, 1.62, -0.14, 0.09, 0.17],
    [1.35, 1.62, 3.33, 0.08, 0.21, -0.06],
    [0.12, -0.14, 0.08, 1.05, 0.04, -0.11],
    [-0.10, 0.09, 0.21, 0.04, 1.44, 0.07],
    [0.05, 0.17, -0.06, -0.11, 0.07, 0.92],
])  # fmt: skip


def cells(rng: np.random.Generator, n: int, true: Floats = TRICLINIC, h0: Floats = H0, memory: float = 0.0) -> Floats:
    """Return cells that fluctuate as the stiffness ``true`` says, rows, each strain remembering the last by ``memory``."""
    scale = BOLTZMANN * T / abs(np.linalg.det(h0)) * EV_PER_CUBIC_ANGSTROM_IN_GPA
    white = rng.standard_normal((n + 100, 6))
    strains = lfilter([np.sqrt(1 - memory**2)], [1, -memory], white, axis=0)[100:] @ np.linalg.cholesky(np.linalg.inv(true) * scale).T
    return h0 @ np.linalg.cholesky(np.eye(3) + 2 * from_voigt(strains * np.array([1, 1, 1, 0.5, 0.5, 0.5])))


@pytest.mark.parametrize(("n", "memory"), [(20, 0.0), (50, 0.0), (500, 0.0), (2000, 0.7)])
def test_error_bars_cover_a_triclinic_stiffness(n: int, memory: float) -> None:
    """Of 1000 runs 68 ± 5 % have the truth within one error bar: K, E, G, ν by Hill, and the 21 constants together."""
    rng = np.random.default_rng(n)
    truth = averages(np.linalg.inv(TRICLINIC))
    keys = ("bulk_hill", "young", "shear_hill", "poisson")
    inside, constants, upper = [], [], np.triu_indices(6)
    while len(inside) < 1000:  # at N = 20 every fifth run has, or seems to have, fewer than 10 independent cells: no number, no trial
        found = from_cells(cells(rng, n, memory=memory), T, min_n_eff=10)
        if found.verdict != "converged":
            continue
        values = [(getattr(found, NAMES[key]), truth[key]) for key in keys]
        inside.append([abs(value.mean - true) < value.error for value, true in values])
        constants.append((np.abs(found.stiffness_gpa - TRICLINIC) < found.stiffness_error_gpa)[upper])
    coverage = np.array([*np.mean(inside, axis=0), np.mean(constants)])
    assert (np.abs(coverage - 0.6827) < 0.05).all(), coverage


@pytest.mark.parametrize("seed", range(3))
def test_the_jackknife_agrees_with_the_propagated_errors(seed: int) -> None:
    """With 400 cells, leaving out blocks gives the same error bars within a third, for moduli and constants."""
    found = from_cells(cells(np.random.default_rng(seed), 400), T)
    assert found.jackknife_errors is not None
    assert found.jackknife_errors["n_blocks"] == 20
    for key in ("bulk_modulus_gpa", "young_modulus_gpa", "shear_modulus_gpa", "poisson_ratio"):
        assert found.jackknife_errors[key] == pytest.approx(getattr(found, key).error, rel=0.5), key
    ratio = np.array(found.jackknife_errors["stiffness_gpa"]) / found.stiffness_error_gpa
    assert np.median(ratio) == pytest.approx(1, rel=0.2)


def test_equilibration_is_discarded_by_the_rule() -> None:
    """A cell that relaxes over the first eighth loses 20 % at its start, and then gives what the rest alone gives."""
    rng = np.random.default_rng(1)
    h = cells(rng, 2000)
    h[:250] *= np.linspace(1.1, 1.0, 250)[:, None, None]
    assert equilibration(h) == 400
    found = from_cells(h, T, discard=None)
    assert found.n_discarded == 400
    assert found.bulk_modulus_gpa == from_cells(h[400:], T).bulk_modulus_gpa
    assert from_cells(h, T).verdict == "not yet"


def test_what_needs_no_equilibration_loses_nothing() -> None:
    """Of 20 stationary runs none is shortened by more than chance allows: two at most."""
    rng = np.random.default_rng(2)
    assert sum(equilibration(cells(rng, 1000)) > 0 for _ in range(20)) <= 2


def test_pressure_separates_enthalpy_from_energy() -> None:
    """The Hessian of F + PV by Lagrangian strain is what a cell fluctuates by; the correction gives that of F back."""
    P, step = 0.7, 1e-4
    basis = [from_voigt(unit * np.array([1, 1, 1, 0.5, 0.5, 0.5])) for unit in np.eye(6)]

    def volume(strain: Floats) -> float:
        return float(np.sqrt(np.linalg.det(np.eye(3) + 2 * strain)))

    second = np.array([
        [volume(step * (a + b)) - volume(step * (a - b)) - volume(step * (b - a)) + volume(-step * (a + b)) for b in basis] for a in basis
    ]) / (4 * step**2)  # fmt: skip
    enthalpy = TRICLINIC + P * second
    np.testing.assert_allclose(second_derivatives(enthalpy, P), TRICLINIC, atol=1e-5)
    found = from_cells(cells(np.random.default_rng(3), 100), T, pressure_gpa=P)
    assert found.second_derivatives_gpa[0, 0] == pytest.approx(found.stiffness_gpa[0, 0] + P)
    assert found.second_derivatives_gpa[0, 1] == pytest.approx(found.stiffness_gpa[0, 1] - P)
    assert found.second_derivatives_gpa[3, 3] == pytest.approx(found.stiffness_gpa[3, 3] + P)


def test_the_formula_of_amof_softens_shears_of_a_long_cell() -> None:
    """In 15.4 × 15.4 × 18.4 Å its C44 and C55 are (15.4/18.4)² = 0.70 of the right ones; C66 and C11 are right."""
    C = np.diag([4.0, 5, 3, 1, 1.4, 0.9])
    h = cells(np.random.default_rng(4), 5000, C, np.diag([15.4, 15.4, 18.4]))
    h[0] = np.diag([15.4, 15.4, 18.4])  # a first cell far from the mean would be another error of that formula
    right, amof = np.diag(from_cells(h, T).stiffness_gpa), np.diag(from_cells(h, T, amof=True).stiffness_gpa)
    np.testing.assert_allclose(amof[3:5] / right[3:5], (15.4 / 18.4) ** 2, rtol=0.02)
    np.testing.assert_allclose(amof[[0, 1, 2, 5]] / right[[0, 1, 2, 5]], 1, rtol=0.02)


def test_a_cubic_cell_hides_the_error_of_amof() -> None:
    """Where all edges are equal both formulas agree but for the corrections."""
    h = cells(np.random.default_rng(5), 5000, np.diag([4.0, 5, 3, 1, 1.4, 0.9]), np.diag([15.0] * 3))
    h[0] = np.diag([15.0] * 3)
    np.testing.assert_allclose(np.diag(from_cells(h, T, amof=True).stiffness_gpa), np.diag(from_cells(h, T).stiffness_gpa), rtol=0.02)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"min_n_eff": 5}, "fewer than 10 samples"), ({"pressure_gpa": np.inf}, "must be finite"), ({"discard": 1.0}, "a share of the run")],
)
def test_settings_without_meaning_are_refused(change: dict[str, float], said: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=said):
        from_cells(cells(np.random.default_rng(6), 50), T, **change)  # type: ignore[arg-type]

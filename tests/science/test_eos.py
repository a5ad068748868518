# SPDX-License-Identifier: MIT
"""The equation of state against curves whose K0 and V0 are known, against scipy and ASE, and against noise of known size."""

import json

import numpy as np
import pytest
from ase.eos import EquationOfState, birchmurnaghan
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import curve_fit

from aiida_zif.science.eos import birch_murnaghan, fit_birch_murnaghan
from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3, EV_PER_CUBIC_ANGSTROM_IN_GPA

GPA = EV_PER_CUBIC_ANGSTROM_IN_GPA
V0, K0, MASS = 4380.0, 2.5, 3190.0
VOLUMES = V0 * np.linspace(0.90, 1.06, 9)


def pressures(volumes: np.ndarray = VOLUMES, k_prime: float = 4.0, second: float | None = None) -> np.ndarray:
    """Return exact pressures in eV/Å³."""
    return birch_murnaghan(volumes, K0 / GPA, V0, k_prime, second)


def constant(error_gpa: float, n: int = len(VOLUMES)) -> np.ndarray:
    """Return equal error bars in eV/Å³."""
    return np.full(n, error_gpa / GPA)


def test_second_order_is_the_published_formula() -> None:
    """P = 3/2 K0 [(V0/V)^(7/3) − (V0/V)^(5/3)]."""
    x = V0 / VOLUMES
    np.testing.assert_allclose(birch_murnaghan(VOLUMES, K0, V0), 1.5 * K0 * (x ** (7 / 3) - x ** (5 / 3)), rtol=1e-12, atol=1e-15)


def test_third_order_is_minus_the_slope_of_ases_energy() -> None:
    """ASE's third-order E(V), differentiated numerically."""
    h = 1e-3
    slope = (birchmurnaghan(VOLUMES + h, 0.0, K0, 5.5, V0) - birchmurnaghan(VOLUMES - h, 0.0, K0, 5.5, V0)) / (2 * h)
    np.testing.assert_allclose(birch_murnaghan(VOLUMES, K0, V0, 5.5), -slope, atol=1e-7)


@pytest.mark.parametrize(("k_prime", "second"), [(4.0, None), (6.0, None), (6.0, -12.0)])
def test_k0_and_its_derivatives_are_what_they_are_called(k_prime: float, second: float | None) -> None:
    """K = −V dP/dV, K' = dK/dP and K0 K'' at V0, by numerical differentiation of the curve."""
    V = V0 * np.exp(np.linspace(-0.01, 0.01, 9))
    p = np.polynomial.Polynomial.fit(np.log(V / V0), birch_murnaghan(V, K0, V0, k_prime, second), 6).convert()
    K, K1 = -p.deriv(), p.deriv(2)  # with x = ln V: K = −dP/dx, dK/dP = (dK/dx)/(dP/dx)
    assert K(0) == pytest.approx(K0, rel=1e-8)
    assert K1(0) / K(0) == pytest.approx(k_prime, rel=1e-5)
    if second is not None:
        # d²K/dP² = (d/dx (K'))/(dP/dx), K' = K1/K with K = −p'
        slope = (p.deriv(3)(0) * K(0) + p.deriv(2)(0) * K1(0)) / K(0) ** 2
        assert K0 * slope / -K(0) == pytest.approx(second, rel=1e-3)


@pytest.mark.parametrize(("order", "k_prime", "second"), [(2, 4.0, None), (3, 6.0, None), (3, -2.0, None), (4, 6.0, -10.0)])
def test_exact_pressures_give_exact_parameters(order: int, k_prime: float, second: float | None) -> None:
    """Without noise every order returns what was put in, and the density that belongs to it."""
    fit = fit_birch_murnaghan(VOLUMES, pressures(VOLUMES, k_prime, second), constant(0.01), MASS, order)
    assert fit.bulk_modulus_gpa.mean == pytest.approx(K0, rel=1e-5)
    assert fit.volume_0.mean == pytest.approx(V0, rel=1e-6)
    assert fit.k_prime.mean == pytest.approx(k_prime, abs=1e-3)
    assert fit.density_0_g_per_cm3.mean == pytest.approx(MASS / V0 * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3, rel=1e-6)
    assert fit.excluded == ()
    assert fit.covariance.shape == (order + 1, order + 1)
    if second is not None:
        assert fit.k0_times_k_second == pytest.approx(second, rel=1e-2)
    np.testing.assert_allclose(fit.pressure_gpa(VOLUMES), pressures(VOLUMES, k_prime, second) * GPA, atol=1e-6)


def test_parameters_and_covariance_are_those_of_scipy() -> None:
    """curve_fit with absolute errors finds the same minimum and covariance; ours is that times χ² where above 1."""
    rng = np.random.default_rng(2)
    errors = rng.uniform(0.01, 0.03, len(VOLUMES)) / GPA
    noisy = pressures() + errors * rng.standard_normal(len(VOLUMES)) * 3  # three times the noise that the error bars admit
    fit = fit_birch_murnaghan(VOLUMES, noisy, errors, MASS)
    best, covariance = curve_fit(
        lambda v, k, v0: birch_murnaghan(v, k, v0), VOLUMES, noisy * GPA, [2, 4300], sigma=errors * GPA, absolute_sigma=True
    )
    np.testing.assert_allclose([fit.bulk_modulus_gpa.mean, fit.volume_0.mean], best, rtol=1e-5)
    assert fit.chi2_reduced > 1
    np.testing.assert_allclose(fit.covariance[:2, :2], covariance * fit.chi2_reduced, rtol=1e-3)
    assert fit.covariance[2, 2] == pytest.approx(fit.density_0_g_per_cm3.error**2)
    assert fit.covariance[0, 2] == pytest.approx(-fit.density_0_g_per_cm3.mean / fit.volume_0.mean * fit.covariance[0, 1])


def test_covariance_is_never_scaled_down() -> None:
    """Points that lie on the curve by luck, or by too large error bars, do not make the errors vanish."""
    fit = fit_birch_murnaghan(VOLUMES, pressures(), constant(0.02), MASS)
    twice = fit_birch_murnaghan(VOLUMES, pressures(), constant(0.04), MASS)
    assert fit.chi2_reduced < 1e-6
    assert fit.bulk_modulus_gpa.error > 0.01
    assert twice.bulk_modulus_gpa.error == pytest.approx(2 * fit.bulk_modulus_gpa.error, rel=1e-3)


def test_same_modulus_as_ases_energy_fit() -> None:
    """Second order against ASE's third-order fit of the integrated energy, where both describe the same curve."""
    V = V0 * np.linspace(0.94, 1.06, 13)
    energies = birchmurnaghan(V, -3.0, K0 / GPA, 4.0, V0)
    v, _, k = EquationOfState(V, energies, eos="birchmurnaghan").fit(warn=False)
    fit = fit_birch_murnaghan(V, pressures(V), constant(0.01, 13), MASS)
    assert fit.bulk_modulus_gpa.mean == pytest.approx(k * GPA, rel=1e-3)
    assert fit.volume_0.mean == pytest.approx(v, rel=1e-4)


@pytest.mark.parametrize(("order", "k_prime", "second", "error"), [(2, 4.0, None, 0.02), (3, 6.0, None, 0.01), (4, 6.0, -12.0, 0.002)])
def test_error_bars_cover_the_truth(order: int, k_prime: float, second: float | None, error: float) -> None:
    """Of 1000 noisy series 68 ± 5 % have the true K0 within one error bar, and so for V0, ρ0 and K'."""
    rng = np.random.default_rng(11)
    V = V0 * np.linspace(0.90, 1.06, 12)
    P, density = pressures(V, k_prime, second), MASS / V0 * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3
    inside = []
    for _ in range(1000):
        errors = error / GPA * rng.uniform(0.5, 2, len(V))
        fit = fit_birch_murnaghan(V, P + errors * rng.standard_normal(len(V)), errors, MASS, order)
        found = [(fit.bulk_modulus_gpa, K0), (fit.volume_0, V0), (fit.density_0_g_per_cm3, density)]
        found += [(fit.k_prime, k_prime)] if order > 2 else []
        inside.append([abs(value.mean - true) < value.error for value, true in found])
    coverage = np.mean(inside, axis=0)
    assert (np.abs(coverage - 0.6827) < 0.05).all(), coverage


def test_no_modulus_is_extrapolated() -> None:
    """Zero pressure outside the volumes measured is refused in one sentence that says on which side to go on."""
    squeezed, stretched = V0 * np.linspace(0.90, 0.98, 7), V0 * np.linspace(1.02, 1.08, 7)
    with pytest.raises(ValueError, match=r"outside the volumes measured.*run larger volumes"):
        fit_birch_murnaghan(squeezed, pressures(squeezed), constant(0.005, 7), MASS)
    with pytest.raises(ValueError, match="run smaller volumes"):
        fit_birch_murnaghan(stretched, pressures(stretched), constant(0.005, 7), MASS)


@pytest.mark.parametrize("seed", range(4))
def test_a_buckled_branch_without_a_rise_is_left_out(seed: int) -> None:
    """Below 0.97 V0 the framework buckles: the pressure still rises on compression, by a third of the slope.

    All of these points are left out, and of the others at most two that chance put off the curve."""
    V = V0 * np.linspace(0.92, 1.06, 15)
    P, error = pressures(V), constant(0.003, 15)
    buckled = V < 0.97 * V0
    at = pressures(np.array([0.97 * V0]))[0]
    P[buckled] = at + (P[buckled] - at) / 3
    fit = fit_birch_murnaghan(V, P + error * np.random.default_rng(seed).standard_normal(15), error, MASS)
    assert set(np.flatnonzero(buckled)) <= set(fit.excluded)
    assert len(fit.excluded) <= buckled.sum() + 2
    assert abs(fit.bulk_modulus_gpa.mean - K0) < 3 * fit.bulk_modulus_gpa.error
    assert "contiguous" in fit.as_dict()["rule"]


def test_same_parameters_as_pymatgens_energy_fit() -> None:
    """Third order against pymatgen's Birch–Murnaghan E(V) through the integral of our P(V)."""
    theirs = pytest.importorskip("pymatgen.analysis.eos", reason="the second implementation is pymatgen").EOS("birch_murnaghan")
    fine = V0 * np.linspace(0.92, 1.05, 4001)
    energies = -cumulative_trapezoid(pressures(fine, 5.5), fine, initial=0)
    them = theirs.fit(fine[::200], energies[::200])
    V = fine[::200]
    ours = fit_birch_murnaghan(V, pressures(V, 5.5), constant(0.01, len(V)), MASS, 3)
    assert ours.bulk_modulus_gpa.mean == pytest.approx(float(them.b0) * GPA, rel=1e-3)
    assert ours.volume_0.mean == pytest.approx(float(them.v0), rel=1e-4)
    assert ours.k_prime.mean == pytest.approx(float(them.b1), rel=1e-2)


@given(k=st.floats(0.1, 200), v=st.floats(10, 1e5), order=st.sampled_from([2, 3, 4]), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_scale_and_order_of_points_do_not_matter(k: float, v: float, order: int, seed: int) -> None:
    """Soft or stiff, small or large cell, points in any order: the same answer in proportion."""
    V = v * np.random.default_rng(seed).permutation(np.linspace(0.92, 1.05, 9))
    fit = fit_birch_murnaghan(V, birch_murnaghan(V, k / GPA, v), np.full(9, 0.005 * k / GPA), 1.0, order)
    assert fit.bulk_modulus_gpa.mean == pytest.approx(k, rel=1e-3)
    assert fit.volume_0.mean == pytest.approx(v, rel=1e-4)


def test_points_beyond_an_instability_are_left_out() -> None:
    """A denser phase begins below 0.95 V0: its points are excluded, by index in the order given, and K0 is the crystal's."""
    V = V0 * np.linspace(0.88, 1.06, 13)[::-1]
    P = pressures(V)
    dense = V < 0.95 * V0
    P[dense] = birch_murnaghan(V[dense], 8 / GPA, 0.93 * V0)
    rng = np.random.default_rng(0)
    fit = fit_birch_murnaghan(V, P + constant(0.003, 13) * rng.standard_normal(13), constant(0.003, 13), MASS)
    assert fit.excluded == tuple(np.flatnonzero(dense))
    assert fit.n_points == 13 - dense.sum()
    assert abs(fit.bulk_modulus_gpa.mean - K0) < 3 * fit.bulk_modulus_gpa.error


def test_a_rise_within_noise_excludes_nothing() -> None:
    """A pressure that rises by less than 2σ, or by chance in a series that one curve fits, stays in."""
    P = pressures()
    P[4] = P[3] + 1.9 * np.sqrt(2) * 0.1 / GPA
    assert fit_birch_murnaghan(VOLUMES, P, constant(0.1), MASS).excluded == ()
    rng = np.random.default_rng(0)
    V = V0 * np.linspace(0.95, 1.04, 14)
    excluded = [bool(fit_birch_murnaghan(V, pressures(V) + constant(0.1, 14) * rng.standard_normal(14), constant(0.1, 14), MASS).excluded)
                for _ in range(60)]  # fmt: skip
    assert sum(excluded) <= 3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (-pressures(), "positive|rises|region"),  # a modulus of −2.5 GPa
        (np.zeros(len(VOLUMES)), "positive|rises|determine"),
        (np.sin(np.arange(len(VOLUMES)) * 2.0) / GPA, "positive|rises|region"),
    ],
)
def test_what_physics_forbids_is_refused(wrong: np.ndarray, said: str) -> None:
    """Pressure that rises with the volume, or not at all: one sentence, no number."""
    with pytest.raises(ValueError, match=said):
        fit_birch_murnaghan(VOLUMES, wrong, constant(0.01), MASS)


@given(st.lists(st.floats(-3, 3), min_size=7, max_size=7), st.sampled_from([2, 3, 4]))
@example([-2.0, -1.0, -1.0, -1.0, -2.0, 0.0, 0.0], 3)
@settings(max_examples=30, deadline=None)
def test_any_pressures_give_a_physical_answer_or_a_sentence(values: list[float], order: int) -> None:
    """Random pressures never give a modulus, volume, density or error that is not positive and finite."""
    V = V0 * np.linspace(0.9, 1.05, 7)
    try:
        fit = fit_birch_murnaghan(V, np.array(values) / GPA, constant(0.1, 7), MASS, order)
    except ValueError:
        return
    for value in (fit.bulk_modulus_gpa, fit.volume_0, fit.density_0_g_per_cm3):
        assert np.isfinite(value).all()
        assert value.mean > 0
        assert value.error > 0
    assert (np.diff(fit.pressure_gpa(np.sort(np.delete(V, fit.excluded)))) < 0).all()


@pytest.mark.parametrize("order", [2, 3, 4])
def test_too_few_points_are_refused(order: int) -> None:
    """Order n has n parameters: n different volumes leave nothing to judge the fit by, n + 1 do."""
    V = V0 * np.linspace(0.92, 1.04, order + 1)
    fit_birch_murnaghan(V, pressures(V), constant(0.01, order + 1), MASS, order)
    V[0] = V[1]
    with pytest.raises(ValueError, match=f"at least {order + 1} different volumes, but {order}"):
        fit_birch_murnaghan(V, pressures(V), constant(0.01, order + 1), MASS, order)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": 5}, "order 2, 3 or 4"),
        ({"errors": constant(0.0)}, "must be positive"),
        ({"errors": constant(0.1, 3)}, "one length"),
        ({"pressures": np.full(9, np.nan)}, "not finite"),
        ({"volumes": -VOLUMES}, "must be positive"),
        ({"mass_amu": 0.0}, "mass"),
    ],
)
def test_senseless_input_is_refused(change: dict[str, object], said: str) -> None:
    """One sentence each."""
    given_ = {"volumes": VOLUMES, "pressures": pressures(), "errors": constant(0.01), "mass_amu": MASS} | change
    with pytest.raises(ValueError, match=said):
        fit_birch_murnaghan(**given_)  # type: ignore[arg-type]


def test_as_dict_is_json() -> None:
    """The numbers survive JSON as they are."""
    plain = fit_birch_murnaghan(VOLUMES, pressures(), constant(0.01), MASS, 3).as_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain

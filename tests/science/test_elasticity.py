# SPDX-License-Identifier: MIT
"""Elastic constants of Gaussian cells whose stiffness is known; corrections and error bars over many repetitions."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from aiida_zif.science.elasticity import from_cells, strains_of
from aiida_zif.science.frames import from_voigt
from aiida_zif.science.stiffness import averages, errors
from aiida_zif.science.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

Floats = NDArray[np.float64]
T = 300.0


def tensor(diagonal: list[float], off: list[float]) -> Floats:
    """Return an orthorhombic stiffness, GPa; off = C12 C13 C23."""
    C = np.diag(diagonal).astype(float)
    C[0, 1] = C[1, 0] = off[0]
    C[0, 2] = C[2, 0] = off[1]
    C[1, 2] = C[2, 1] = off[2]
    return C


CUBIC = tensor([4.0] * 3 + [0.8] * 3, [2.0] * 3)
ORTHORHOMBIC = tensor([4.0, 5.0, 3.0, 1.0, 1.4, 0.9], [1.5, 1.2, 1.8])
ISOTROPIC = tensor([4.0] * 3 + [1.25] * 3, [1.5] * 3)
SYSTEMS = {
    "cubic": (CUBIC, np.diag([15.0, 15, 15])),
    "orthorhombic, c != a": (ORTHORHOMBIC, np.diag([15.4, 15.4, 18.4])),
    "isotropic glass in a triclinic cell": (ISOTROPIC, np.array([[15.0, 0, 0], [2.0, 14.0, 0], [-3.0, 1.0, 17.0]])),
}


def amplitudes(stiffness: Floats, h0: Floats, temperature: float = T) -> Floats:
    """Return L with LLᵀ = ⟨ee⟩ = kT/V C⁻¹."""
    scale = BOLTZMANN * temperature / abs(np.linalg.det(h0)) * EV_PER_CUBIC_ANGSTROM_IN_GPA
    return np.linalg.cholesky(np.linalg.inv(stiffness) * scale)


def cells_of(strains: Floats, h0: Floats) -> Floats:
    """Return h = h0 D with D lower triangular and DDᵀ = 1 + 2E: rows, E in the axes of space."""
    E = from_voigt(strains * np.array([1, 1, 1, 0.5, 0.5, 0.5]))
    return h0 @ np.linalg.cholesky(np.eye(3) + 2 * E)


def gaussian(rng: np.random.Generator, n: int, stiffness: Floats, h0: Floats, memory: float = 0.0) -> Floats:
    """Return cells that fluctuate as ``stiffness`` says, each strain remembering the last by ``memory``."""
    white = rng.standard_normal((n + 200, 6))
    return cells_of(lfilter([np.sqrt(1 - memory**2)], [1, -memory], white, axis=0)[200:] @ amplitudes(stiffness, h0).T, h0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_known_stiffness_is_recovered(name: str) -> None:
    """Every constant of 20 000 independent cells within 4 √(2/N); averages within 4 of their error bars."""
    C, h0 = SYSTEMS[name]
    found = from_cells(gaussian(np.random.default_rng(1), 20000, C, h0), T)
    assert found.verdict == "converged"
    assert found.n_eff == pytest.approx(20000, rel=0.1)
    assert found.stiffness_gpa is not None
    scale = np.sqrt(np.outer(np.diag(C), np.diag(C)))
    assert (np.abs(found.stiffness_gpa - C) / scale).max() < 4 * np.sqrt(2 / 20000)
    exact = averages(np.linalg.inv(C))
    for field, key in FIELDS.items():
        value = getattr(found, field)
        assert abs(value.mean - exact[key]) < 4 * value.error, field
        assert value.error < 0.05 * exact[key]
    assert found.born_stable


FIELDS = {
    "bulk_modulus_gpa": "bulk_hill", "shear_modulus_gpa": "shear_hill", "young_modulus_gpa": "young", "poisson_ratio": "poisson",
    "bulk_modulus_voigt_gpa": "bulk_voigt", "bulk_modulus_reuss_gpa": "bulk_reuss", "volume_bulk_gpa": "bulk_reuss",
}  # fmt: skip


def test_shear_constants_do_not_depend_on_c_over_a() -> None:
    """Rows taken for columns would scale C44 and C55 by (a/c)²: here they must not."""
    C, _ = SYSTEMS["orthorhombic, c != a"]
    h0 = np.diag([10.0, 10.0, 20.0])
    found = from_cells(gaussian(np.random.default_rng(2), 20000, C, h0), T)
    assert found.stiffness_gpa is not None
    np.testing.assert_allclose(np.diag(found.stiffness_gpa)[3:], [1.0, 1.4, 0.9], rtol=0.05)


def test_strain_is_that_of_a_lattice_vectors_length() -> None:
    """|h|² = h0 (1 + 2E) h0ᵀ for every row and pair of rows, about the mean cell; a rotation of the cells changes nothing."""
    h = gaussian(np.random.default_rng(3), 50, *SYSTEMS["isotropic glass in a triclinic cell"])
    mean = h.mean(axis=0)
    E = from_voigt(strains_of(h) * np.array([1, 1, 1, 0.5, 0.5, 0.5]))
    np.testing.assert_allclose(mean @ (np.eye(3) + 2 * E) @ mean.T, h @ np.swapaxes(h, 1, 2), rtol=1e-10)


@pytest.mark.parametrize("name", SYSTEMS)
def test_averages_are_those_of_pymatgen(name: str) -> None:
    """Voigt, Reuss, Hill, Young and Poisson of an exact tensor."""
    ElasticTensor = pytest.importorskip("pymatgen.analysis.elasticity", reason="the second implementation is pymatgen").ElasticTensor
    C, _ = SYSTEMS[name]
    theirs, ours = ElasticTensor.from_voigt(C), averages(np.linalg.inv(C))
    expected = {
        "bulk_voigt": theirs.k_voigt, "bulk_reuss": theirs.k_reuss, "bulk_hill": theirs.k_vrh,
        "shear_voigt": theirs.g_voigt, "shear_reuss": theirs.g_reuss, "shear_hill": theirs.g_vrh,
        "young": theirs.y_mod / 1e9, "poisson": theirs.homogeneous_poisson,  # y_mod is in Pa even of a tensor in GPa
    }  # fmt: skip
    assert ours == pytest.approx(expected, rel=1e-9)


def test_an_isotropic_solid_has_equal_voigt_and_reuss_averages() -> None:
    """C11 = K + 4G/3, C12 = K − 2G/3, C44 = G: K and G come back, E = 9KG/(3K+G)."""
    ours = averages(np.linalg.inv(ISOTROPIC))
    K, G = 4.0 - 4 * 1.25 / 3, 1.25
    assert (ours["bulk_voigt"], ours["bulk_reuss"], ours["shear_voigt"], ours["shear_reuss"]) == pytest.approx((K, K, G, G), abs=0.1)
    exact = tensor([K + 4 * G / 3] * 3 + [G] * 3, [K - 2 * G / 3] * 3)
    ours = averages(np.linalg.inv(exact))
    assert ours["bulk_voigt"] == pytest.approx(ours["bulk_reuss"]) == pytest.approx(K)
    assert ours["shear_voigt"] == pytest.approx(ours["shear_reuss"]) == pytest.approx(G)
    assert ours["young"] == pytest.approx(9 * K * G / (3 * K + G))
    assert ours["poisson"] == pytest.approx((3 * K - 2 * G) / (6 * K + 2 * G))


@pytest.mark.parametrize("n", [30, 60])
def test_small_sample_corrections_remove_the_bias(n: int) -> None:
    """Over 3000 Wishart samples of N strains: averages within 2 % of the truth, where the bare inverse is (N−1)/(N−8) too stiff."""
    rng = np.random.default_rng(4)
    L = np.linalg.cholesky(np.linalg.inv(ORTHORHOMBIC))
    found, bare = [], []
    for _ in range(3000):
        e = rng.standard_normal((n, 6)) @ L.T
        S = np.cov(e.T)  # divisor N − 1
        found.append(averages(S, n))
        bare.append(np.linalg.inv(S)[0, 0])
    exact = averages(np.linalg.inv(ORTHORHOMBIC))
    assert np.mean(bare) == pytest.approx(4.0 * (n - 1) / (n - 8), rel=0.03)
    for key in ("bulk_voigt", "bulk_reuss", "shear_voigt", "shear_reuss", "shear_hill", "bulk_hill"):
        assert np.mean([f[key] for f in found]) == pytest.approx(exact[key], rel=0.02), key


@pytest.mark.parametrize(("n", "memory"), [(200, 0.0), (1200, 0.8)])
def test_error_bars_cover_the_truth(n: int, memory: float) -> None:
    """Over 60 runs the pulls of K, G, E, ν are of width 1: independent cells, and such that remember the last by 80 %."""
    rng = np.random.default_rng(5)
    C, h0 = SYSTEMS["orthorhombic, c != a"]
    exact = averages(np.linalg.inv(C))
    runs = [from_cells(gaussian(rng, n, C, h0, memory), T) for _ in range(60)]
    assert {run.verdict for run in runs} == {"converged"}
    for field, key in FIELDS.items():
        pulls = np.array([(value.mean - exact[key]) / value.error for run in runs if (value := getattr(run, field)) is not None])
        assert abs(pulls.mean()) < 0.45, field
        assert 0.65 < pulls.std() < 1.3, field


def test_n_eff_counts_centred_products() -> None:
    """For e(t) remembering ρ the products remember ρ²: N (1 − ρ²)/(1 + ρ²), not N and not the strains' N (1 − ρ)/(1 + ρ)."""
    rng = np.random.default_rng(6)
    rho = 0.9
    n_eff = np.mean([from_cells(gaussian(rng, 10000, *SYSTEMS["cubic"], rho), T).n_eff for _ in range(5)])
    assert n_eff == pytest.approx(10000 * (1 - rho**2) / (1 + rho**2), rel=0.25)  # the least of six: a little below


def test_volume_modulus_is_the_reuss_modulus() -> None:
    """kT⟨V⟩/var V agrees with the tensor's Reuss average of the same cells, not with Voigt's."""
    C = tensor([9.0, 4.0, 2.0, 1.0, 1.0, 1.0], [0.5, 0.3, 0.2])
    exact = averages(np.linalg.inv(C))
    found = from_cells(gaussian(np.random.default_rng(7), 5000, C, np.diag([15.0, 15, 18])), T)
    assert found.volume_bulk_gpa is not None
    assert found.bulk_modulus_reuss_gpa is not None
    assert found.volume_bulk_gpa.mean == pytest.approx(found.bulk_modulus_reuss_gpa.mean, rel=0.03)
    assert exact["bulk_voigt"] - found.volume_bulk_gpa.mean > 5 * found.volume_bulk_gpa.error


@pytest.mark.parametrize(("n", "memory"), [(5, 0.0), (20, 0.0), (29, 0.0), (2000, 0.99)])
def test_below_thirty_samples_no_number_is_given(n: int, memory: float) -> None:
    """Few cells, or many that hardly changed: ``not yet`` with N_eff, and every number is None."""
    found = from_cells(gaussian(np.random.default_rng(8), n, *SYSTEMS["cubic"], memory), T)
    assert found.verdict == "not yet"
    assert found.n_eff < 30
    assert "not yet" in found.sentence
    assert {value for key, value in vars(found).items() if key not in ("verdict", "n_eff", "sentence")} == {None}


def test_the_limit_is_an_argument() -> None:
    """What is enough at 30 is not enough at 1e6."""
    cells = gaussian(np.random.default_rng(9), 500, *SYSTEMS["cubic"])
    assert from_cells(cells, T).verdict == "converged"
    assert from_cells(cells, T, min_n_eff=1e6).verdict == "not yet"


def test_a_drifting_cell_is_not_converged() -> None:
    """A cell that still shrinks linearly has one long correlation, whatever fluctuates about it."""
    _, h0 = SYSTEMS["cubic"]
    cells = gaussian(np.random.default_rng(10), 2000, CUBIC, h0) * np.linspace(1.2, 1.0, 2000)[:, None, None]
    assert from_cells(cells, T).verdict == "not yet"


def test_a_swinging_cell_is_not_thermalised() -> None:
    """Six swings of constant amplitude have the moments of an oscillator, not of a Gaussian: no numbers."""
    rng = np.random.default_rng(12)
    C, h0 = SYSTEMS["orthorhombic, c != a"]
    t = np.arange(4000) * 0.2
    swings = np.sqrt(2) * np.cos(t[:, None] * rng.uniform(0.8, 2.5, 6) + rng.uniform(0, 6.28, 6))
    found = from_cells(cells_of(0.3 * swings @ amplitudes(C, h0).T, h0), T)
    assert found.verdict == "not thermalised"
    assert found.stiffness_gpa is None
    assert found.bulk_modulus_gpa is None
    assert "barostat" in found.sentence


def test_a_ringing_but_thermal_cell_is_accepted() -> None:
    """Damped oscillators driven by noise (what a good barostat makes) are Gaussian: converged, and right within 4 errors."""
    rng = np.random.default_rng(13)
    C, h0 = SYSTEMS["orthorhombic, c != a"]
    pole = np.exp((-0.1 + 1j * rng.uniform(0.8, 2.5, 6)) * 0.3)
    noise = rng.standard_normal((12000, 6)) + 1j * rng.standard_normal((12000, 6))
    modes = np.stack([lfilter([np.sqrt(1 - abs(p) ** 2)], [1, -p], noise[:, k])[2000:].real for k, p in enumerate(pole)], axis=1)
    found = from_cells(cells_of(modes @ amplitudes(C, h0).T, h0), T)
    assert found.verdict == "converged"
    assert found.bulk_modulus_gpa is not None
    assert abs(found.bulk_modulus_gpa.mean - averages(np.linalg.inv(C))["bulk_hill"]) < 4 * found.bulk_modulus_gpa.error


def test_moduli_scale_with_the_temperature() -> None:
    """The same fluctuation at twice the temperature belongs to a solid twice as stiff, of the same Poisson's ratio."""
    cells = gaussian(np.random.default_rng(14), 500, *SYSTEMS["cubic"])
    cold, hot = from_cells(cells, 300), from_cells(cells, 600)
    assert cold.young_modulus_gpa is not None
    assert hot.young_modulus_gpa is not None
    np.testing.assert_allclose(hot.young_modulus_gpa, 2 * np.array(cold.young_modulus_gpa), rtol=1e-6)
    np.testing.assert_allclose(hot.poisson_ratio, cold.poisson_ratio, rtol=1e-6)


def test_a_cell_that_was_not_free_is_refused() -> None:
    """An isotropic barostat frees one strain, an orthorhombic one three, a fixed cell none: one sentence that says how many."""
    rng = np.random.default_rng(15)
    h0 = np.diag([15.0, 15, 18])
    isotropic = h0 * (1 + 0.01 * rng.standard_normal(500))[:, None, None]
    orthorhombic = h0 * (1 + 0.01 * rng.standard_normal((500, 1, 3)))
    for cells, free in ((isotropic, 1), (orthorhombic, 3), (np.tile(h0, (500, 1, 1)), 0)):
        with pytest.raises(ValueError, match=f"free in {free} of its 6 strains"):
            from_cells(cells, T)


def test_a_short_drift_is_not_yet_a_sample() -> None:
    """Ten cells of a free cell that has only begun to move hold fewer than six strains: not yet, and no word of the barostat."""
    rng = np.random.default_rng(16)
    h0, way = np.array([[9.8, 0, 0], [5.5, 8.3, 0], [5.4, 3.1, 7.8]]), np.linspace(0, 1, 10)[:, None, None]
    drift = np.tril(rng.standard_normal((3, 3))) * way + np.tril(rng.standard_normal((3, 3))) * way**2
    found = from_cells(h0 @ (np.eye(3) + 1e-3 * drift), T)
    assert found.verdict == "not yet"
    assert found.stiffness_gpa is None


@pytest.mark.parametrize(
    ("cells", "temperature", "said"),
    [
        (np.ones((10, 6)), T, "shape"),
        (np.tile(np.eye(3), (10, 1, 1)), -1.0, "positive"),
        (np.full((10, 3, 3), np.nan), T, "not finite"),
        (np.zeros((10, 3, 3)), T, "no volume"),
    ],
)
def test_senseless_input_is_refused(cells: Floats, temperature: float, said: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=said):
        from_cells(cells, temperature)


def test_equal_cells_give_equal_numbers() -> None:
    """Nothing is drawn at random, error bars included."""
    cells = gaussian(np.random.default_rng(16), 300, *SYSTEMS["cubic"])
    first, second = from_cells(cells, T).as_dict(), from_cells(cells, T).as_dict()
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False)) == first


def test_propagation_is_exact_for_a_known_function() -> None:
    """For f(S) = S11 the error is √(2 S11²/ν) and for S12 √((S11 S22 + S12²)/ν), ν = N − 7."""
    S = np.linalg.inv(ORTHORHOMBIC)
    error = errors(S, 107.0, 1.0, lambda s: s[..., 0, :2])
    expected = [np.sqrt(2 / 100) * S[0, 0], np.sqrt((S[0, 0] * S[1, 1] + S[0, 1] ** 2) / 100)]
    np.testing.assert_allclose(error, expected, rtol=1e-6)


def test_the_stiffness_carries_the_same_correction_as_its_voigt_average() -> None:
    """(C11 + C22 + C33 + 2 C12 + 2 C13 + 2 C23)/9 of the tensor given is the Voigt modulus given, with few samples, too."""
    found = from_cells(gaussian(np.random.default_rng(17), 100, *SYSTEMS["cubic"]), T)
    assert found.stiffness_gpa is not None
    assert found.bulk_modulus_voigt_gpa is not None
    assert found.stiffness_gpa[:3, :3].sum() / 9 == pytest.approx(found.bulk_modulus_voigt_gpa.mean, rel=1e-12)

# SPDX-License-Identifier: MIT
"""Moduli by direction, against closed forms of cubic and isotropic solids and against pymatgen."""

import numpy as np
import pytest

from aiida_zif.science.directional import PLANES, PROPERTIES, along, cut, extrema, surface

CUBIC = np.diag([16.0, 16, 16, 8, 8, 8]) + np.pad(np.full((3, 3), 6.0) - 6 * np.eye(3), (0, 3))


def test_extremes_of_a_cubic_crystal_lie_on_its_axes() -> None:
    """1/E = S11 along ⟨100⟩ and S11 − 2/3 (S11 − S12 − S44/2) along ⟨111⟩; G between C44 and (C11 − C12)/2; β = S11 + 2 S12 anywhere."""
    S, found = np.linalg.inv(CUBIC), extrema(CUBIC)
    assert found["young"]["min"].value.mean == pytest.approx(1 / S[0, 0], rel=1e-6)
    assert found["young"]["max"].value.mean == pytest.approx(1 / (S[0, 0] - 2 / 3 * (S[0, 0] - S[0, 1] - S[3, 3] / 2)), rel=1e-6)
    np.testing.assert_allclose(np.abs(found["young"]["max"].direction), 3**-0.5, atol=1e-3)
    assert found["shear"]["min"].value.mean == pytest.approx((16 - 6) / 2, rel=1e-5)
    assert found["shear"]["max"].value.mean == pytest.approx(8, rel=1e-5)
    assert found["linear_compressibility"]["anisotropy"] == pytest.approx(1, abs=1e-9)
    assert found["linear_compressibility"]["max"].value.mean == pytest.approx(1000 * (S[0, 0] + 2 * S[0, 1]))


def test_an_isotropic_solid_has_one_value_each() -> None:
    """E = 9KG/(3K+G), G, ν, β = 1/3K in every direction."""
    K, G = 10.0, 4.0
    C = np.diag([K + 4 * G / 3] * 3 + [G] * 3) + np.pad((K - 2 * G / 3) * (1 - np.eye(3)), (0, 3))
    expected = {
        "young": 9 * K * G / (3 * K + G),
        "shear": G,
        "poisson": (3 * K - 2 * G) / (6 * K + 2 * G),
        "linear_compressibility": 1000 / 3 / K,
    }
    for name, one in extrema(C).items():
        assert one["min"].value.mean == pytest.approx(expected[name], rel=1e-8)
        assert one["max"].value.mean == pytest.approx(expected[name], rel=1e-8)
        np.testing.assert_allclose(surface(name, C, 9)[1], expected[name], rtol=1e-8)


def test_poissons_ratio_is_that_of_pymatgen() -> None:
    """In ten directions of a triclinic crystal."""
    pymatgen = pytest.importorskip("pymatgen.analysis.elasticity", reason="the second implementation is pymatgen")
    rng = np.random.default_rng(0)
    M = rng.standard_normal((6, 6))
    C = np.diag([8.0, 9, 7, 2, 3, 2.5]) + 0.3 * (M + M.T)
    theirs, S = pymatgen.ElasticTensor.from_voigt(C), np.linalg.inv(C)
    for a, b in rng.standard_normal((10, 2, 3)):
        a /= np.linalg.norm(a)
        b -= (a @ b) * a
        b /= np.linalg.norm(b)
        assert float(along("poisson", S, a, b)) == pytest.approx(theirs.directional_poisson_ratio(a, b), rel=1e-8)


def test_extremes_turn_with_the_crystal() -> None:
    """A rotated sample has the same extremes; only their directions differ."""
    from scipy.spatial.transform import Rotation

    pymatgen = pytest.importorskip("pymatgen.analysis.elasticity", reason="rotates the tensor")
    C = np.diag([8.0, 9, 5, 2, 3, 1.5]) + np.pad(2 * (1 - np.eye(3)), (0, 3))
    turned = pymatgen.ElasticTensor.from_voigt(C).rotate(Rotation.from_rotvec([0.4, -0.8, 0.3]).as_matrix()).voigt
    first, second = extrema(C), extrema(np.asarray(turned))
    for name in PROPERTIES:
        for end in ("min", "max"):
            assert second[name][end].value.mean == pytest.approx(first[name][end].value.mean, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("plane", PLANES)
def test_no_cut_leaves_the_extremes(plane: str) -> None:
    """Every value of a cut lies between the extremes, and a full turn ends where it began."""
    C = np.diag([8.0, 9, 5, 2, 3, 1.5]) + np.pad(2 * (1 - np.eye(3)), (0, 3))
    found = extrema(C)
    for name in PROPERTIES:
        _, least, most = cut(name, C, plane)
        assert least.min() >= found[name]["min"].value.mean - 1e-6
        assert most.max() <= found[name]["max"].value.mean + 1e-6
        assert most[0] == pytest.approx(most[-1])


def test_the_error_is_that_of_the_value_there() -> None:
    """1/S11 of N samples is known to √(2/(N − 7)); an exact tensor has no error."""
    found = extrema(CUBIC, n_eff=207)["young"]["min"].value
    assert found.error == pytest.approx(found.mean * np.sqrt(2 / 200), rel=1e-3)
    assert extrema(CUBIC)["young"]["min"].value.error == 0


@pytest.mark.parametrize(("wrong", "said"), [(np.eye(3), "6 × 6"), (np.full((6, 6), np.nan), "finite"), (-np.eye(6), "unstable")])
def test_no_stiffness_no_extremes(wrong: np.ndarray, said: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=said):
        extrema(wrong)

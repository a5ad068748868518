# SPDX-License-Identifier: MIT
"""What follows from a compliance: averages, corrections for few samples, error bars, and what pressure adds. Stacks of matrices at once.

Voigt order xx yy zz yz xz xy, engineering shear strains.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
AVERAGES = ("bulk_hill", "young", "shear_hill", "poisson", "bulk_voigt", "bulk_reuss", "shear_voigt", "shear_reuss")
LEAST_N = 10.0
"""Up to 8 samples the inverse of a covariance has no mean, and up to 10 hardly a variance."""

_BULK = np.zeros((6, 6))
_BULK[:3, :3] = 1
"""1/K_R = tr(A S) with this A."""
_SHEAR = np.diag([6.0, 6, 6, 3, 3, 3]) - 2 * _BULK
"""15/G_R = tr(A S) with this A: 4 (S11+S22+S33) − 4 (S12+S13+S23) + 3 (S44+S55+S66)."""


def averages(compliance: ArrayLike, n_eff: float = np.inf) -> dict[str, float]:
    """Return Voigt, Reuss and Hill averages of ``compliance`` ``(6, 6)`` from ``n_eff`` samples (∞: exact), in the inverse of its unit.

    Source: R. Hill, Proc. Phys. Soc. A 65 (1952) 349, doi:10.1088/0370-1298/65/5/307.
    """
    return dict(zip(AVERAGES, of(np.asarray(compliance, dtype=np.float64), n_eff)[: len(AVERAGES)].tolist(), strict=True))


def of(S: Floats, n_eff: float = np.inf) -> Floats:
    """Return ``(..., 8 + 36)``: ``AVERAGES`` and the stiffness, row by row, of compliances ``(..., 6, 6)`` from ``n_eff`` samples.

    Voigt from C (N−8)/(N−1). Reuss from S itself: 1/x of an estimated x is too large by ν/(ν−2), where ν = 2/(relative variance
    of x) is N − 1 for the bulk modulus and more for the shear modulus, which averages over several strains.
    """
    C = stiffness(S, n_eff)
    normal = C[..., :3, :3].sum(axis=(-1, -2))
    bulk_voigt = normal / 9
    diagonal = np.diagonal(C, axis1=-2, axis2=-1)
    shear_voigt = ((diagonal[..., :3].sum(axis=-1) * 3 - normal) / 2 + 3 * diagonal[..., 3:].sum(axis=-1)) / 15
    bulk_reuss, shear_reuss = _one_over(S, _BULK, n_eff), 15 * _one_over(S, _SHEAR, n_eff)
    K, G = (bulk_voigt + bulk_reuss) / 2, (shear_voigt + shear_reuss) / 2
    young, poisson = 9 * K * G / (3 * K + G), (3 * K - 2 * G) / (2 * (3 * K + G))
    means = np.stack([K, young, G, poisson, bulk_voigt, bulk_reuss, shear_voigt, shear_reuss], axis=-1)
    return np.concatenate([means, C.reshape(*C.shape[:-2], 36)], axis=-1)


def stiffness(S: Floats, n_eff: float = np.inf) -> Floats:
    """Return the inverse of ``S`` without the bias of inverting what is known from ``n_eff`` samples: C (N−8)/(N−1)."""
    inverse = np.linalg.inv(S)
    symmetric = (inverse + np.swapaxes(inverse, -1, -2)) / 2
    return np.asarray(symmetric * (1.0 if np.isinf(n_eff) else (n_eff - 8) / (n_eff - 1)))


def _one_over(S: Floats, A: Floats, n_eff: float) -> Floats:
    """Return 1/tr(A S), corrected for the noise of S."""
    AS = A @ S
    value = np.trace(AS, axis1=-2, axis2=-1)
    # inf: no noise. Otherwise var tr(AS) = 2/(N−1) tr(ASAS), of which Satterthwaite makes degrees of freedom.
    freedom = (n_eff - 1) * value**2 / np.einsum("...ij,...ji->...", AS, AS)
    return np.asarray((1.0 if np.isinf(n_eff) else (freedom - 2) / freedom) / value)


def errors(S: Floats, n_eff: float, inflation: float, function: Callable[[Floats], Floats], step: float = 1e-5) -> Floats:
    """Return standard errors of ``function(S)``, by the covariance of a Wishart matrix; nothing is drawn at random.

    var f = 2/ν tr((LᵀGL)²), S = LLᵀ, G = ∂f/∂S. ν = N − 7 instead of N: inverting a 6 × 6 matrix costs that many samples, and
    with it 68 % are covered from N = 20 on. ``function`` maps ``(..., 6, 6)`` to ``(..., n)``.
    """
    L = np.linalg.cholesky(S)
    rows, columns = np.triu_indices(6)
    X = np.zeros((len(rows), 6, 6))
    k = np.arange(len(rows))
    X[k, rows, columns] = X[k, columns, rows] = np.where(rows == columns, step, step / 2)
    change = L @ X @ L.T
    slopes = (function(S + change) - function(S - change)) / (2 * step)
    weights = np.where(rows == columns, 1.0, 2.0)
    return np.asarray(np.sqrt(2 * inflation / (n_eff - 7) * (weights @ slopes**2)))


def second_derivatives(C: Floats, pressure: float) -> Floats:
    """Return the second derivatives of the free energy by Lagrangian strain, of a solid that answers to stress with ``C`` at ``pressure``.

    A cell under pressure fluctuates by the stiffness of its *enthalpy*: that gives the stress per strain, K = −V dP/dV and Born's
    stability. ∂²F/∂E∂E/V = C − P (δᵢⱼδₖₗ − δᵢₖδⱼₗ − δᵢₗδⱼₖ): C11 + P, C12 − P, C44 + P. Both in one unit, compression positive.
    Source: D. C. Wallace, Solid State Physics 25 (1970) 301, doi:10.1016/S0081-1947(08)60010-7.
    """
    second = _BULK.copy()
    second[np.diag_indices(6)] = -1.0
    return C - pressure * second

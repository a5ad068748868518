# SPDX-License-Identifier: MIT
"""Elastic constants from the fluctuations of a flexible cell at zero pressure (NPT, all six strains free).

h₀ = ⟨h⟩, D = h₀⁻¹h (vectors as rows), E = (D Dᵀ − 1)/2, S = ⟨V⟩/kT ⟨(e − ⟨e⟩)(e − ⟨e⟩)ᵀ⟩ with engineering shears, C = S⁻¹.
S is averaged, never C; what inverting a noisy S does to the mean is corrected (Wishart statistics of N independent samples).
Source: M. Parrinello, A. Rahman, J. Chem. Phys. 76 (1982) 2662, doi:10.1063/1.443248.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.frames import to_voigt
from aiida_zif.science.measured import Measured
from aiida_zif.science.statistics import statistical_inefficiency
from aiida_zif.science.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

Floats = NDArray[np.float64]
Verdict = Literal["converged", "not yet", "not thermalised"]

MIN_CELLS = 8
"""Fewer cells than this cannot have a covariance of rank six."""
FROZEN = 1e-6
"""Share of the largest eigenvalue of the strains' covariance below which a strain counts as not free."""
NOT_THERMALISED_SIGMAS = 2.5
"""How far below the Gaussian one the kurtosis must lie to be called so."""


@dataclass(frozen=True, eq=False)
class ElasticResult:
    """Elastic constants, or the reason why there are none yet. Without the verdict ``converged`` every number but N is ``None``."""

    verdict: Verdict
    """``converged``; ``not yet`` (too few independent samples); ``not thermalised`` (the cell swings instead of diffusing)."""
    n_eff: float
    """Independent samples, counted by the slowest of the six centred products of principal strains."""
    sentence: str
    """The verdict in words."""
    stiffness_gpa: Floats | None = None
    """``(6, 6)``, Voigt order xx yy zz yz xz xy, engineering shear strains, corrected for N, GPa."""
    bulk_modulus_gpa: Measured | None = None
    """Hill average, GPa."""
    young_modulus_gpa: Measured | None = None
    """From Hill's K and G, GPa."""
    shear_modulus_gpa: Measured | None = None
    """Hill average, GPa."""
    poisson_ratio: Measured | None = None
    """From Hill's K and G."""
    bulk_modulus_voigt_gpa: Measured | None = None
    """Uniform strain: what P(V) at a fixed cell shape gives, GPa."""
    bulk_modulus_reuss_gpa: Measured | None = None
    """Uniform stress: what the fluctuating volume gives, GPa."""
    volume_bulk_gpa: Measured | None = None
    """kT⟨V⟩/var V, GPa: a Reuss modulus from the volumes alone, a check of the tensor."""
    born_stable: bool | None = None
    """Whether all eigenvalues of the stiffness are positive. A covariance cannot say otherwise unless it is singular."""
    kurtosis_sigmas: float | None = None
    """Mardia's kurtosis of the strains against the Gaussian one, in standard errors. Far below 0: not thermalised."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python, fit for JSON."""
        plain: dict[str, Any] = {}
        for name, value in vars(self).items():
            plain[name] = list(value) if isinstance(value, tuple) else value.tolist() if isinstance(value, np.ndarray) else value
        return plain


def from_cells(cells: ArrayLike, temperature_k: float, min_n_eff: float = 30) -> ElasticResult:
    """Return the elastic constants of a cell that fluctuated as ``cells`` ``(n_cells, 3, 3)``, rows, Å, equally spaced in time.

    The start, in which the cell still relaxes, must be left out by the caller. Below ``min_n_eff`` no number is given.
    Raises ``ValueError`` for cells that are not finite or without volume, a temperature that is not positive, or a cell
    that was not free in all six strains (an isotropic barostat measures no stiffness).
    """
    h = np.asarray(cells, dtype=np.float64)
    if h.ndim != 3 or h.shape[1:] != (3, 3):
        raise ValueError(f"cells have shape {h.shape}, but (n_cells, 3, 3) with vectors as rows is needed")
    if not temperature_k > 0:
        raise ValueError(f"the temperature is {temperature_k} K, but must be positive")
    if not np.isfinite(h).all() or (np.linalg.det(h) == 0).any():
        raise ValueError("a cell is not finite or has no volume: leave out what lies behind the failure")
    if len(h) < MIN_CELLS:
        return ElasticResult("not yet", float(len(h)), f"not yet ({len(h)} cells; N_eff ≥ {min_n_eff:g} is needed).")

    strains = strains_of(h)
    centred = strains - strains.mean(axis=0)
    covariance = centred.T @ centred / len(h)
    weights, axes = np.linalg.eigh(covariance)
    # numerical noise of text output (1e-6 of a cell) must not pass for a strain that was free
    if weights[-1] <= 0 or weights[0] < FROZEN * weights[-1]:
        spread = np.diag(covariance)
        if spread.min() > FROZEN * spread.max():
            # every strain moved: a drift too short to tell them apart says nothing about the barostat
            n_eff = len(h) / max(statistical_inefficiency(strains[:, k]) for k in range(6))
            if n_eff < min_n_eff:
                return ElasticResult("not yet", n_eff, f"not yet (N_eff = {n_eff:.1f}; at least {min_n_eff:g} is needed).")
        free = int((weights > max(FROZEN * weights[-1], 0.0)).sum()) if weights[-1] > 0 else 0
        raise ValueError(f"the cell was free in {free} of its 6 strains, but a stiffness needs all: let the whole cell vary (npt tri)")
    principal = centred @ axes / np.sqrt(weights)
    inefficiencies = [statistical_inefficiency(principal[:, k] ** 2) for k in range(6)]
    n_eff = len(h) / max(inefficiencies)
    if n_eff < min_n_eff:
        return ElasticResult("not yet", n_eff, f"not yet (N_eff = {n_eff:.1f}; at least {min_n_eff:g} is needed).")
    # products of a diffusing strain forget twice as fast as the strain; far below that, the mean cell itself still drifts
    n_mean = min(len(h) / statistical_inefficiency(principal[:, k]) for k in range(6))
    if n_mean < min_n_eff / 3:
        return ElasticResult("not yet", n_mean, f"not yet (the mean cell still drifts, N_eff = {n_mean:.1f} of it).")

    # verdict and error bars by the slowest product; the corrections by their mean, as the least of six noisy N is too small a one
    n_typical = len(h) / float(np.mean(inefficiencies))
    kurtosis, sigmas = _kurtosis(principal, n_typical)
    if sigmas < -NOT_THERMALISED_SIGMAS:
        sentence = (
            f"Elastic constants: none, the cell swings without being thermalised (kurtosis {sigmas:.1f} standard errors below Gaussian): "
            "use a faster barostat with its own thermostat chain."
        )
        return ElasticResult("not thermalised", n_eff, sentence, kurtosis_sigmas=sigmas)

    # ⟨e⟩ is itself measured from the same samples: divisor N − 1, N of the strains
    volumes = np.abs(np.linalg.det(h))
    S = covariance * n_mean / (n_mean - 1) * volumes.mean() / (BOLTZMANN * temperature_k) / EV_PER_CUBIC_ANGSTROM_IN_GPA
    # heavier tails than Gaussian make every second moment noisier by the ratio of the kurtoses
    error = _Propagation(S, n_eff, max(1.0, kurtosis))
    stiffness = _inverse(S) * (n_typical - 8) / (n_typical - 1)
    return ElasticResult(
        verdict="converged",
        n_eff=n_eff,
        sentence=f"Elastic constants from N_eff = {n_eff:.0f} independent samples.",
        stiffness_gpa=stiffness,
        bulk_modulus_gpa=error.of(lambda s: averages(s, n_typical)["bulk_hill"]),
        young_modulus_gpa=error.of(lambda s: averages(s, n_typical)["young"]),
        shear_modulus_gpa=error.of(lambda s: averages(s, n_typical)["shear_hill"]),
        poisson_ratio=error.of(lambda s: averages(s, n_typical)["poisson"]),
        bulk_modulus_voigt_gpa=error.of(lambda s: averages(s, n_typical)["bulk_voigt"]),
        bulk_modulus_reuss_gpa=error.of(lambda s: averages(s, n_typical)["bulk_reuss"]),
        volume_bulk_gpa=_volume_bulk(volumes, temperature_k, min_n_eff),
        born_stable=bool(np.linalg.eigvalsh(stiffness)[0] > 0),
        kurtosis_sigmas=sigmas,
    )


def strains_of(cells: Floats) -> Floats:
    """Return ``(n_cells, 6)`` Lagrangian strains against the mean cell, Voigt order, shears doubled (engineering)."""
    D = np.linalg.solve(cells.mean(axis=0), cells)
    E = (D @ np.swapaxes(D, 1, 2) - np.eye(3)) / 2
    strains: Floats = to_voigt(E) * np.array([1, 1, 1, 2, 2, 2])
    return strains


def averages(compliance: ArrayLike, n_eff: float = np.inf) -> dict[str, float]:
    """Return Voigt, Reuss and Hill averages of ``compliance`` ``(6, 6)`` from ``n_eff`` samples (∞: exact), in the inverse of its unit.

    Voigt from C (N−8)/(N−1). Reuss from S itself: 1/x of an estimated x is too large by ν/(ν−2), where ν = 2/(relative variance
    of x) is N − 1 for the bulk modulus and more for the shear modulus, which averages over several strains.
    Source: R. Hill, Proc. Phys. Soc. A 65 (1952) 349, doi:10.1088/0370-1298/65/5/307.
    """
    S = np.asarray(compliance, dtype=np.float64)
    C = _inverse(S) * (1.0 if np.isinf(n_eff) else (n_eff - 8) / (n_eff - 1))
    bulk_voigt = float(C[:3, :3].sum()) / 9
    shear_voigt = float((np.trace(C[:3, :3]) * 3 - C[:3, :3].sum()) / 2 + 3 * np.trace(C[3:, 3:])) / 15
    bulk_reuss = _one_over(S, _BULK, n_eff)
    shear_reuss = 15 * _one_over(S, _SHEAR, n_eff)
    K, G = (bulk_voigt + bulk_reuss) / 2, (shear_voigt + shear_reuss) / 2
    return {
        "bulk_voigt": bulk_voigt, "bulk_reuss": bulk_reuss, "bulk_hill": K,
        "shear_voigt": shear_voigt, "shear_reuss": shear_reuss, "shear_hill": G,
        "young": 9 * K * G / (3 * K + G), "poisson": (3 * K - 2 * G) / (2 * (3 * K + G)),
    }  # fmt: skip


_BULK = np.zeros((6, 6))
_BULK[:3, :3] = 1
"""1/K_R = tr(A S) with this A."""
_SHEAR = np.diag([6.0, 6, 6, 3, 3, 3]) - 2 * _BULK
"""15/G_R = tr(A S) with this A: 4 (S11+S22+S33) − 4 (S12+S13+S23) + 3 (S44+S55+S66)."""


def _one_over(S: Floats, A: Floats, n_eff: float) -> float:
    """Return 1/tr(A S), corrected for the noise of S."""
    AS = A @ S
    value = float(np.trace(AS))
    # inf: no noise. Otherwise var tr(AS) = 2/(N−1) tr(ASAS), of which Satterthwaite makes degrees of freedom.
    degrees = (n_eff - 1) * value**2 / float(np.trace(AS @ AS))
    return (1.0 if np.isinf(n_eff) else (degrees - 2) / degrees) / value


def _inverse(S: Floats) -> Floats:
    inverse = np.linalg.inv(S)
    return np.asarray((inverse + inverse.T) / 2)


def _volume_bulk(volumes: Floats, temperature_k: float, min_n_eff: float) -> Measured | None:
    """Return kT⟨V⟩/var V in GPa, corrected and with an error bar like a Reuss modulus; ``None`` with too few independent volumes."""
    centred = volumes - volumes.mean()
    n = len(volumes) / statistical_inefficiency(centred**2)
    n_mean = len(volumes) / statistical_inefficiency(volumes)
    if n < min_n_eff or n_mean < min_n_eff / 3:
        return None
    K = BOLTZMANN * temperature_k * volumes.mean() / (centred.var() * n_mean / (n_mean - 1)) * EV_PER_CUBIC_ANGSTROM_IN_GPA
    K *= (n - 3) / (n - 1)
    return Measured(float(K), float(K * np.sqrt(2 / (n - 5))))


def _kurtosis(principal: Floats, n_eff: float) -> tuple[float, float]:
    """Return Mardia's kurtosis of white ``(n, 6)`` strains over the Gaussian one, and their distance in standard errors.

    b = ⟨(yᵀy)²⟩ is p(p+2) (N−1)/(N+1) with variance 8p(p+2)/N for Gaussian strains. A cell that is not thermalised swings with nearly
    constant amplitudes: each pure swing takes 1.5 from the 48, however long the run, which block averages do not show.
    Source: K. V. Mardia, Biometrika 57 (1970) 519, doi:10.1093/biomet/57.3.519.
    """
    expected = 48 * (n_eff - 1) / (n_eff + 1)
    b = float(np.mean(np.sum(principal**2, axis=1) ** 2))
    return b / expected, (b - expected) / float(np.sqrt(384 / n_eff))


class _Propagation:
    """Error bars of functions of an estimated compliance, by the covariance of a Wishart matrix; nothing is drawn at random.

    var f = 2/ν tr((LᵀGL)²), S = LLᵀ, G = ∂f/∂S. ν = N − 8 instead of N: inversion of a 6 × 6 matrix costs that many samples.
    """

    def __init__(self, S: Floats, n_eff: float, inflation: float) -> None:
        self.S, self.L, self.factor = S, np.linalg.cholesky(S), 2 * inflation / (n_eff - 8)

    def of(self, function: Callable[[Floats], float], step: float = 1e-5) -> Measured:
        total = 0.0
        for a in range(6):
            for b in range(a, 6):
                X = np.zeros((6, 6))
                X[a, b] = X[b, a] = step if a == b else step / 2
                change = self.L @ X @ self.L.T
                slope = (function(self.S + change) - function(self.S - change)) / (2 * step)
                total += slope**2 if a == b else 2 * (slope) ** 2
        return Measured(function(self.S), float(np.sqrt(self.factor * total)))

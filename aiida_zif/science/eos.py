# SPDX-License-Identifier: MIT
"""Equation of state: P(V) of a series of runs at fixed cells → bulk modulus and density at zero pressure.

At a fixed cell *shape* the modulus is a Voigt one; a fluctuating volume gives the Reuss one. In an anisotropic crystal they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import f as f_distribution

from aiida_zif.science.measured import Measured
from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3, EV_PER_CUBIC_ANGSTROM_IN_GPA

ORDERS = (2, 3, 4)
CHANCE = 0.01
"""Probability of χ² below which one curve through all points is given up, and below which error bars are scaled up."""
BY_LUCK = 0.001
"""Probability (F test) below which a region fits better than all points for a reason: error bars too small everywhere are none."""
PRICE = 2.0
"""What leaving one point out must gain in χ²: Akaike's criterion for a cut of the data.

W. I. Jay, E. T. Neil, Phys. Rev. D 103 (2021) 114502, doi:10.1103/PhysRevD.103.114502."""
RULE = (
    "All points, where one curve leaves no more than their noise (χ² above 1 %). Else the contiguous region of volumes with the least "
    "χ² + 2 × points left out, among those in which the pressure nowhere rises with the volume by more than 2 standard errors, with at "
    "least half of the points, more volumes than parameters, and V0 inside; but all points, where the pressure rises nowhere and the "
    "region fits better by luck (F test above 0.1 %)."
)
"""Which points make the well-behaved region."""
Floats = NDArray[np.float64]
Fit = tuple[Floats, Floats, float]
"""Parameters (K0 in eV/Å³, V0, …), Jacobian of the weighted residuals, χ²."""


@dataclass(frozen=True, eq=False)
class EosFit:
    """A Birch–Murnaghan equation of state, fitted to pressures with error bars."""

    bulk_modulus_gpa: Measured
    """K0 = −V dP/dV at zero pressure, GPa."""
    volume_0: Measured
    """Volume of the cell at zero pressure, Å³."""
    density_0_g_per_cm3: Measured
    """Density at zero pressure, g/cm³."""
    k_prime: Measured
    """K' = dK/dP at zero pressure; exactly 4 ± 0 in second order."""
    k0_times_k_second: float
    """K0 K'' at zero pressure, without a unit; −35/9 − (K' − 4)(K' − 3) below fourth order, which makes that term vanish."""
    covariance: Floats
    """``(order + 1, order + 1)`` of (K0 in GPa, V0 in Å³, K', K0 K'' as far as fitted, ρ0 in g/cm³).

    Scaled up by the reduced χ² where that is improbable (1 %), never down: scaling by every χ² above 1 would cover more than it says."""
    chi2_reduced: float
    """χ² per degree of freedom."""
    order: int
    """2, 3 or 4."""
    n_points: int
    """Points fitted."""
    excluded: tuple[int, ...]
    """Indices, in the order given, of the points outside the well-behaved region."""

    def pressure_gpa(self, volumes: ArrayLike) -> Floats:
        """Return the fitted pressures at ``volumes`` (Å³), GPa."""
        return birch_murnaghan(
            volumes, self.bulk_modulus_gpa.mean, self.volume_0.mean, self.k_prime.mean, self.k0_times_k_second if self.order == 4 else None
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python, fit for JSON."""
        return {
            "bulk_modulus_gpa": list(self.bulk_modulus_gpa),
            "volume_0_angstrom3": list(self.volume_0),
            "density_0_g_per_cm3": list(self.density_0_g_per_cm3),
            "k_prime": list(self.k_prime),
            "k0_times_k_second": self.k0_times_k_second,
            "covariance": self.covariance.tolist(),
            "chi2_reduced": self.chi2_reduced,
            "order": self.order,
            "n_points": self.n_points,
            "excluded": list(self.excluded),
            "rule": RULE,
        }


def birch_murnaghan(volumes: ArrayLike, k0: float, v0: float, k_prime: float = 4.0, k0_times_k_second: float | None = None) -> Floats:
    """Return the pressure at ``volumes``, in the unit of ``k0``, compression positive.

    P = 3 K0 f (1+2f)^(5/2) [1 + 3/2 (K'−4) f + 3/2 (K0 K'' + (K'−4)(K'−3) + 35/9) f²] with f = ((V0/V)^(2/3) − 1)/2.
    Without ``k0_times_k_second`` the last term is absent (third order); with K' = 4 besides, second order.
    Source: F. Birch, J. Geophys. Res. 83 (1978) 1257, doi:10.1029/JB083iB03p01257.
    """
    f = _eulerian_strain(volumes, v0)
    bracket = 1 + 1.5 * (k_prime - 4) * f
    if k0_times_k_second is not None:
        bracket = bracket + 1.5 * (k0_times_k_second + (k_prime - 4) * (k_prime - 3) + 35 / 9) * f**2
    return np.asarray(3 * k0 * f * (1 + 2 * f) ** 2.5 * bracket)


def fit_birch_murnaghan(volumes: ArrayLike, pressures: ArrayLike, errors: ArrayLike, mass_amu: float, order: int = 2) -> EosFit:
    """Return the equation of state through ``pressures`` ± ``errors`` (eV/Å³, compression positive) at ``volumes`` (Å³, of the cell).

    Points are weighted by 1/error². Points are left out by ``RULE`` only: another phase begins where a framework buckles, and there
    the pressure rises with the volume, or falls by another slope.
    Raises ``ValueError`` for input without meaning, no region that obeys the rule, or a fit that physics forbids: K0 not positive, a
    pressure that rises with the volume within the region, V0 outside its volumes, or parameters that the points do not determine.
    """
    V, P, sigma = (np.asarray(x, dtype=np.float64) for x in (volumes, pressures, errors))
    _check(V, P, sigma, mass_amu, order)
    kept, (best, jacobian, chi2) = _well_behaved(V, P, sigma, order)
    excluded = tuple(int(i) for i in np.setdiff1d(np.arange(len(V)), kept))
    chi2_reduced = chi2 / (len(kept) - order)
    improbable = chi2_distribution.sf(chi2, len(kept) - order) < CHANCE
    covariance = _covariance(jacobian, order) * (chi2_reduced if improbable else 1.0)
    to_gpa = np.ones(order)
    to_gpa[0] = EV_PER_CUBIC_ANGSTROM_IN_GPA
    covariance *= np.outer(to_gpa, to_gpa)
    error = np.sqrt(np.diag(covariance))
    K0, V0 = float(best[0]) * EV_PER_CUBIC_ANGSTROM_IN_GPA, float(best[1])
    k_prime = Measured(float(best[2]), float(error[2])) if order > 2 else Measured(4.0, 0.0)
    density = mass_amu / V0 * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3
    slopes = np.vstack([np.eye(order), -density / V0 * np.eye(order)[1]])
    return EosFit(
        bulk_modulus_gpa=Measured(K0, float(error[0])),
        volume_0=Measured(V0, float(error[1])),
        density_0_g_per_cm3=Measured(density, density * float(error[1]) / V0),
        k_prime=k_prime,
        k0_times_k_second=float(best[3]) if order == 4 else -35 / 9 - (k_prime.mean - 4) * (k_prime.mean - 3),
        covariance=slopes @ covariance @ slopes.T,
        chi2_reduced=chi2_reduced,
        order=order,
        n_points=len(kept),
        excluded=excluded,
    )


def _eulerian_strain(volumes: ArrayLike, v0: float | Floats) -> Floats:
    return np.asarray(((v0 / np.asarray(volumes, dtype=np.float64)) ** (2 / 3) - 1) / 2)


def _model(V: Floats, x: Floats) -> Floats:
    """Return the pressure for x = (K0, V0[, K'[, K0 K'']])."""
    if x[1] <= 0:  # the search may step there; no power of a negative volume exists
        return np.full(len(V), 1e6)
    return birch_murnaghan(V, float(x[0]), float(x[1]), float(x[2]) if len(x) > 2 else 4.0, float(x[3]) if len(x) > 3 else None)


def _check(V: Floats, P: Floats, sigma: Floats, mass_amu: float, order: int) -> None:
    """Raise ``ValueError`` unless the numbers given can mean an equation of state."""
    if order not in ORDERS:
        raise ValueError(f"the order is {order!r}, but Birch–Murnaghan is offered in order 2, 3 or 4")
    if not (V.ndim == 1 and V.shape == P.shape == sigma.shape):
        raise ValueError(f"volumes {V.shape}, pressures {P.shape} and errors {sigma.shape} must be lists of one length")
    if not (np.isfinite(V).all() and np.isfinite(P).all() and np.isfinite(sigma).all()):
        raise ValueError("a volume, pressure or error is not finite: leave out the runs that failed")
    if (V <= 0).any() or (sigma <= 0).any():
        raise ValueError("every volume and every error of a pressure must be positive: a point without an error cannot be weighted")
    if not (np.isfinite(mass_amu) and mass_amu > 0):
        raise ValueError(f"the mass of the cell is {mass_amu} amu, but must be positive")
    if len(np.unique(V)) < order + 1:
        raise ValueError(f"order {order} needs at least {order + 1} different volumes, but {len(np.unique(V))} were given: run more")


def _well_behaved(V: Floats, P: Floats, sigma: Floats, order: int) -> tuple[NDArray[np.intp], Fit]:
    """Return the points of the region that ``RULE`` chooses, in the order of rising volume, and the fit through them."""
    by_volume = np.argsort(V, kind="stable")
    v, p, s = V[by_volume], P[by_volume], sigma[by_volume]
    whole: Fit | None = None
    reason = ""
    try:
        whole = _inside(_fit(v, p, s, order), v)
        # among a dozen noisy points a rise of 2σ occurs by chance; cutting there would bias K0 upwards
        if chi2_distribution.sf(whole[2], len(v) - order) > CHANCE:
            return by_volume, whole
    except ValueError as problem:
        reason = str(problem)
    # two runs at one volume are no rise
    rises = (np.diff(p) > 2 * np.hypot(s[1:], s[:-1])) & (np.diff(v) > 0)
    best: tuple[float, slice, Fit] | None = None
    for start in range(len(v)):
        for stop in range(start + max(order + 1, -(-len(v) // 2)), len(v) + 1):
            region = slice(start, stop)
            if rises[start : stop - 1].any() or len(np.unique(v[region])) <= order:
                continue
            try:
                fit = _inside(_fit(v[region], p[region], s[region], order), v[region])
            except ValueError as problem:
                reason = reason or str(problem)
                continue
            price = fit[2] + PRICE * (len(v) - (stop - start))
            if best is None or price < best[0]:
                best = price, region, fit
    if best is not None:
        kept = by_volume[best[1]]
        if whole is not None and not rises.any() and _by_luck(whole[2], best[2][2], len(v) - len(kept), len(kept) - order):
            return by_volume, whole
        return kept, best[2]
    if rises.any():
        raise ValueError(
            f"the pressure rises with the volume in {int(rises.sum())} places, and no well-behaved region between them holds half of the "
            f"points, at least {order + 1} volumes and V0: run more volumes, or longer"
        )
    raise ValueError(reason)


def _by_luck(chi2_all: float, chi2_kept: float, n_cut: int, freedom: int) -> bool:
    """Return whether leaving ``n_cut`` points out lowers χ² no more than chance would, whatever the size of all error bars."""
    if not n_cut:
        return True
    ratio = (chi2_all - chi2_kept) / n_cut / max(chi2_kept / freedom, 1e-300)
    return bool(f_distribution.sf(ratio, n_cut, freedom) > BY_LUCK)


def _inside(fit: Fit, V: Floats) -> Fit:
    """Return ``fit``, or raise where V0 lies outside the volumes: K0 and ρ0 would be extrapolated, not measured."""
    v0 = float(fit[0][1])
    if not V.min() <= v0 <= V.max():
        side = "smaller" if v0 < V.min() else "larger"
        raise ValueError(
            f"the fit puts zero pressure at V0 = {v0:.6g} Å³, outside the volumes measured, {V.min():.6g} to {V.max():.6g} Å³: "
            f"run {side} volumes"
        )
    return fit


def _fit(V: Floats, P: Floats, sigma: Floats, order: int) -> Fit:
    """Return the parameters (K0 in eV/Å³, V0, …), the Jacobian of the weighted residuals, and χ²; raise where physics forbids them."""
    start = _start(V, P, sigma, order)
    # in units of the start, so that all parameters of the search are of order 1
    scale = np.array([start[0], start[1], 1.0, 1.0])[:order]

    def residuals(x: Floats) -> Floats:
        return (_model(V, x * scale) - P) / sigma

    # x_scale="jac": K0 and V0 are known far better than K' and K0 K''
    solution = least_squares(residuals, start / scale, x_scale="jac", method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=2000)
    best = solution.x * scale
    _forbid(best, V, order)
    return best, solution.jac / scale, float(2 * solution.cost)


def _start(V: Floats, P: Floats, sigma: Floats, order: int) -> Floats:
    """Return a start (K0, V0, …): for each of many V0 the rest is linear least squares, so that no poor start can mislead the search."""
    # beyond V/V0 = 1.66 the second-order P(V) itself rises again; a V0 that far from all points would be no measurement
    tried = np.linspace(0.6 * V.min(), 1.66 * V.max(), 120)
    f = _eulerian_strain(V, tried[:, None])
    first = 3 * f * (1 + 2 * f) ** 2.5
    A = np.stack([first * f**k for k in range(order - 1)], axis=-1) / sigma[:, None]
    linears = np.linalg.pinv(A) @ (P / sigma)
    chi2 = np.sum(((A @ linears[..., None])[..., 0] - P / sigma) ** 2, axis=-1)
    chi2[~(linears[:, 0] > 0)] = np.inf
    best = int(np.argmin(chi2))
    if not np.isfinite(chi2[best]):
        raise ValueError("no positive bulk modulus fits these pressures: they do not fall with the volume")
    v0, linear = float(tried[best]), linears[best]
    K0 = float(linear[0])
    k_prime = 4 + float(linear[1]) / (1.5 * K0) if order > 2 else 4.0
    second = float(linear[2]) / (1.5 * K0) - (k_prime - 4) * (k_prime - 3) - 35 / 9 if order > 3 else 0.0
    return np.array([K0, v0, k_prime, second])[:order]


def _forbid(best: Floats, V: Floats, order: int) -> None:
    """Raise ``ValueError`` for a result that physics forbids: such a number is never returned."""
    K0, V0 = float(best[0]), float(best[1])
    if not (np.isfinite(best).all() and K0 > 0 and V0 > 0):
        raise ValueError(
            f"the fit gives K0 = {K0 * EV_PER_CUBIC_ANGSTROM_IN_GPA:.3g} GPa at V0 = {V0:.6g} Å³, but both must be positive: "
            "run volumes on both sides of zero pressure, or longer"
        )
    span = np.linspace(V.min(), V.max(), 200)
    if (np.diff(_model(span, best)) >= 0).any():
        raise ValueError(f"the fitted pressure of order {order} rises with the volume between the points: fit a lower order, or run longer")


def _covariance(jacobian: Floats, order: int) -> Floats:
    """Return (JᵀJ)⁻¹ of residuals in units of their errors, or raise where the points do not determine all parameters."""
    norm = np.linalg.norm(jacobian, axis=0)
    if np.isfinite(norm).all() and (norm > 0).all():
        # by singular values: squaring an ill-conditioned matrix can leave a variance below zero
        _, values, rows = np.linalg.svd(jacobian / norm, full_matrices=False)
        if values[-1] > 1e-10 * values[0]:
            scaled = rows / values[:, None]
            return np.asarray(scaled.T @ scaled / np.outer(norm, norm))
    raise ValueError(f"these points do not determine the {order} parameters of order {order}: fit a lower order, or more volumes")

# SPDX-License-Identifier: MIT
"""Elastic constants from the fluctuations of a flexible cell at constant pressure (NPT, all six strains free).

h₀ = ⟨h⟩, D = h₀⁻¹h (vectors as rows), E = (D Dᵀ − 1)/2, S = ⟨V⟩/kT ⟨(e − ⟨e⟩)(e − ⟨e⟩)ᵀ⟩ with engineering shears, C = S⁻¹.
S is averaged, never C; what inverting a noisy S does to the mean is corrected (Wishart statistics of N independent samples).
Source: M. Parrinello, A. Rahman, J. Chem. Phys. 76 (1982) 2662, doi:10.1063/1.443248.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science import stiffness
from aiida_zif.science.frames import to_voigt
from aiida_zif.science.measured import Measured
from aiida_zif.science.statistics import inefficiencies, statistical_inefficiency
from aiida_zif.science.units import BOLTZMANN, EV_PER_CUBIC_ANGSTROM_IN_GPA

Floats = NDArray[np.float64]
Verdict = Literal["converged", "not yet", "not thermalised"]

MIN_CELLS = 8
"""Fewer cells than this cannot have a covariance of rank six."""
FROZEN = 1e-6
"""Share of the largest eigenvalue of the strains' covariance below which a strain counts as not free."""
NOT_THERMALISED_SIGMAS = 2.5
"""How far below the Gaussian one the kurtosis must lie to be called so."""
HEAVY_TAILS_SIGMAS = 2.0
"""How far above the Gaussian one the kurtosis must lie to widen the error bars."""
DISCARDED = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of the run that may be discarded as equilibration."""
GAIN = 1.1
"""What discarding must gain in independent cells: all else would be chance."""
BLOCKS = 20
"""Of the jackknife; fewer where a block would be shorter than two correlation times."""
SLOWER = 3.0
"""A product counts as slower than the average one from so many standard errors of its statistical inefficiency."""
NAMES = {
    "bulk_hill": "bulk_modulus_gpa", "young": "young_modulus_gpa", "shear_hill": "shear_modulus_gpa", "poisson": "poisson_ratio",
    "bulk_voigt": "bulk_modulus_voigt_gpa", "bulk_reuss": "bulk_modulus_reuss_gpa",
    "shear_voigt": "shear_modulus_voigt_gpa", "shear_reuss": "shear_modulus_reuss_gpa",
}  # fmt: skip
"""Average → field of the result."""


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
    """``(6, 6)``, Voigt order xx yy zz yz xz xy, engineering shear strains, corrected for N, GPa: the stress per strain."""
    stiffness_error_gpa: Floats | None = None
    """``(6, 6)``, standard errors, GPa."""
    second_derivatives_gpa: Floats | None = None
    """``(6, 6)``, of the free energy by Lagrangian strain, GPa; equal to the stiffness at zero pressure (``stiffness``)."""
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
    shear_modulus_voigt_gpa: Measured | None = None
    """Uniform strain, GPa."""
    shear_modulus_reuss_gpa: Measured | None = None
    """Uniform stress, GPa."""
    volume_bulk_gpa: Measured | None = None
    """kT⟨V⟩/var V, GPa: a Reuss modulus from the volumes alone, a check of the tensor."""
    born_stable: bool | None = None
    """Whether all eigenvalues of the stiffness are positive. A covariance cannot say otherwise unless it is singular."""
    jackknife_errors: dict[str, Any] | None = None
    """Standard errors of the same fields by leaving out blocks, a second opinion that assumes nothing of the distribution."""
    n_discarded: int | None = None
    """Cells of equilibration left out at the start."""
    pressure_gpa: float | None = None
    """At which the cell fluctuated."""
    kurtosis_sigmas: float | None = None
    """Mardia's kurtosis of the strains against the Gaussian one, in standard errors. Far below 0: not thermalised."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python, fit for JSON."""
        plain: dict[str, Any] = {}
        for name, value in vars(self).items():
            plain[name] = list(value) if isinstance(value, tuple) else value.tolist() if isinstance(value, np.ndarray) else value
        return plain


def from_cells(
    cells: ArrayLike,
    temperature_k: float,
    min_n_eff: float = 30,
    pressure_gpa: float = 0.0,
    discard: float | None = 0.0,
    amof: bool = False,
) -> ElasticResult:
    """Return the elastic constants of a cell that fluctuated as ``cells`` ``(n_cells, 3, 3)``, rows, Å, equally spaced in time.

    ``discard`` is the share of the run left out at its start; ``None`` leaves it to ``equilibration``. Below ``min_n_eff`` independent
    samples no number is given. ``pressure_gpa`` is that of the barostat. ``amof`` takes the formula of aMOF (first cell as reference,
    rows for columns, no corrections), for comparison with what was published by it; in a cell that is not cubic it is wrong.
    Raises ``ValueError`` for cells that are not finite or without volume, a temperature that is not positive, or a cell
    that was not free in all six strains (an isotropic barostat measures no stiffness).
    """
    h = _checked(cells, temperature_k, min_n_eff, pressure_gpa, discard)
    if len(h) < MIN_CELLS:
        return ElasticResult("not yet", float(len(h)), f"not yet ({len(h)} cells; N_eff ≥ {min_n_eff:g} is needed).")
    first = equilibration(h) if discard is None else int(discard * len(h))
    h = h[first:]
    strains = amof_strains(h) if amof else strains_of(h)
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
    each, typical = inefficiencies(principal**2)
    n_eff = len(h) / float(each.max())
    if n_eff < min_n_eff:
        return ElasticResult("not yet", n_eff, f"not yet (N_eff = {n_eff:.1f}; at least {min_n_eff:g} is needed).")
    # products of a diffusing strain forget twice as fast as the strain; far below that, the mean cell itself still drifts
    slow, usual = inefficiencies(principal)
    n_mean = len(h) / float(slow.max())
    if n_mean < min_n_eff / 3:
        return ElasticResult("not yet", n_mean, f"not yet (the mean cell still drifts, N_eff = {n_mean:.1f} of it).")

    # error bars by the slowest product where it is slower beyond doubt; corrections by the average: the least of six noisy N is too small
    n_typical, n_error = len(h) / typical, len(h) / _slowest(each, typical, len(h))
    kurtosis, sigmas = _kurtosis(principal, n_typical)
    if sigmas < -NOT_THERMALISED_SIGMAS:
        sentence = (
            f"Elastic constants: none, the cell swings without being thermalised (kurtosis {sigmas:.1f} standard errors below Gaussian): "
            "use a faster barostat with its own thermostat chain."
        )
        return ElasticResult("not thermalised", n_eff, sentence, kurtosis_sigmas=sigmas)

    volumes = np.abs(np.linalg.det(h))
    per_strain = volumes.mean() / (BOLTZMANN * temperature_k) / EV_PER_CUBIC_ANGSTROM_IN_GPA
    n_used = np.inf if amof else n_typical
    # ⟨e⟩ is itself measured from the same samples: divisor N − 1, N of the strains
    n_strains = len(h) / usual
    S = covariance * per_strain * (1.0 if amof else n_strains / (n_strains - 1))
    values = stiffness.of(S, n_used)
    # heavier tails than Gaussian, beyond doubt, make every second moment noisier by the ratio of the kurtoses
    inflation = kurtosis if sigmas > HEAVY_TAILS_SIGMAS else 1.0
    errors = stiffness.errors(S, max(n_error, stiffness.LEAST_N), inflation, lambda s: stiffness.of(s, n_used))
    C = values[-36:].reshape(6, 6)
    named = {NAMES[name]: Measured(*pair) for name, *pair in zip(stiffness.AVERAGES, values.tolist(), errors.tolist(), strict=False)}
    return ElasticResult(
        verdict="converged",
        n_eff=n_eff,
        sentence=f"Elastic constants from N_eff = {n_eff:.0f} independent samples{', by the formula of aMOF' if amof else ''}.",
        stiffness_gpa=C,
        stiffness_error_gpa=errors[-36:].reshape(6, 6),
        second_derivatives_gpa=stiffness.second_derivatives(C, pressure_gpa),
        volume_bulk_gpa=_volume_bulk(volumes, temperature_k, min_n_eff),
        born_stable=bool(np.linalg.eigvalsh(C)[0] > 0),
        jackknife_errors=_jackknife(centred, per_strain, n_error, n_used),
        n_discarded=first,
        pressure_gpa=pressure_gpa,
        kurtosis_sigmas=sigmas,
        **named,
    )


def _checked(cells: ArrayLike, temperature_k: float, min_n_eff: float, pressure_gpa: float, discard: float | None) -> Floats:
    """Return the cells, or raise ``ValueError`` in one sentence."""
    h = np.asarray(cells, dtype=np.float64)
    if h.ndim != 3 or h.shape[1:] != (3, 3):
        raise ValueError(f"cells have shape {h.shape}, but (n_cells, 3, 3) with vectors as rows is needed")
    if not temperature_k > 0:
        raise ValueError(f"the temperature is {temperature_k} K, but must be positive")
    if not min_n_eff >= stiffness.LEAST_N:
        raise ValueError(f"min_n_eff is {min_n_eff}, but with fewer than {stiffness.LEAST_N:g} samples no stiffness has a meaning")
    if not np.isfinite(pressure_gpa):
        raise ValueError(f"the pressure is {pressure_gpa} GPa, but must be finite")
    if discard is not None and not 0 <= discard < 1:
        raise ValueError(f"discard is {discard}, but must be a share of the run from 0 to below 1")
    if not np.isfinite(h).all() or (np.linalg.det(h) == 0).any():
        raise ValueError("a cell is not finite or has no volume: leave out what lies behind the failure")
    return h


def equilibration(cells: Floats) -> int:
    """Return how many cells at the start are equilibration: of 0, 10, … 50 % that share which leaves most independent cells.

    Independent ones are counted by the slowest strain and the volume; nothing is discarded where that gains less than a tenth.
    Source: J. D. Chodera, J. Chem. Theory Comput. 12 (2016) 1799, doi:10.1021/acs.jctc.5b00784.
    """
    series = np.column_stack([strains_of(cells), np.linalg.det(cells)])
    starts = [int(share * len(cells)) for share in DISCARDED]
    left = [(len(cells) - start) / float(inefficiencies(series[start:])[0].max()) for start in starts]
    best = int(np.argmax(left))
    return starts[best] if left[best] > GAIN * left[0] else 0


def strains_of(cells: Floats) -> Floats:
    """Return ``(n_cells, 6)`` Lagrangian strains against the mean cell, Voigt order, shears doubled (engineering)."""
    D = np.linalg.solve(cells.mean(axis=0), cells)
    E = (D @ np.swapaxes(D, 1, 2) - np.eye(3)) / 2
    strains: Floats = to_voigt(E) * np.array([1, 1, 1, 2, 2, 2])
    return strains


def amof_strains(cells: Floats) -> Floats:
    """Return ``(n_cells, 6)`` strains as aMOF has them: h₀ the first cell, E = (h₀⁻ᵀ hᵀ h h₀⁻¹ − 1)/2, as if vectors were columns."""
    F = cells @ np.linalg.inv(cells[0])
    E = (np.swapaxes(F, 1, 2) @ F - np.eye(3)) / 2
    strains: Floats = to_voigt(E) * np.array([1, 1, 1, 2, 2, 2])
    return strains


def _slowest(each: Floats, typical: float, n: int) -> float:
    """Return the inefficiency of the slowest product, or the typical one where no product is slower beyond the noise of its estimate.

    Relative variance 2 (2M + 1)/n with a window of M lags.
    Source: N. Madras, A. D. Sokal, J. Stat. Phys. 50 (1988) 109, doi:10.1007/BF01022990.
    """
    noise = np.sqrt(2 * (2 * max(3.0, 3 * typical) + 1) / n)
    slowest = float(each.max())
    return slowest if slowest > typical * (1 + SLOWER * noise) else typical


def _jackknife(centred: Floats, per_strain: float, n_eff: float, n_used: float) -> dict[str, Any]:
    """Return the errors of averages and stiffness by leaving out one block at a time; all blocks of one stack at once."""
    n_blocks = max(2, min(BLOCKS, int(n_eff / 2)))
    parts = np.array_split(centred, n_blocks)
    sums, products = np.stack([part.sum(axis=0) for part in parts]), np.stack([part.T @ part for part in parts])
    left = len(centred) - np.array([len(part) for part in parts], dtype=float)
    mean = (sums.sum(axis=0) - sums) / left[:, None]
    S = ((products.sum(axis=0) - products) / left[:, None, None] - mean[:, :, None] * mean[:, None, :]) * per_strain
    kept = 1 - 1 / n_blocks
    values = stiffness.of(S, n_used if np.isinf(n_used) else max(n_used * kept, stiffness.LEAST_N))
    error = np.sqrt((n_blocks - 1) * values.var(axis=0))
    named = dict(zip(NAMES.values(), error.tolist(), strict=False))
    return {**named, "stiffness_gpa": error[-36:].reshape(6, 6).tolist(), "n_blocks": n_blocks}


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

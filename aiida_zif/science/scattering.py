# SPDX-License-Identifier: MIT
"""Total scattering, of X-rays and neutrons, from partial radial distributions: what a diffractometer measures on a glass.

Faber and Ziman's S(q) = 1 + Σ_ab c_a c_b f_a f_b / ⟨f⟩² · 4πρ ∫ r² (g_ab − 1) sin(qr)/(qr) dr, with c the shares of the elements, ρ the
atoms per volume and ⟨f⟩ = Σ c_a f_a; and D(r) = 2/π ∫ q (S(q) − 1) sin(qr) dq, which is 4πρ r (G(r) − 1). Names as in D. A. Keen,
J. Appl. Cryst. 34, 172 (2001), doi:10.1107/S0021889800019993. Both integrals end somewhere and are damped by E. Lorch's window
sin(πx)/(πx), x the share of the way to the end: J. Phys. C 2, 229 (1969), doi:10.1088/0022-3719/2/2/305.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Radiation = Literal["xray", "neutron"]

FORM_FACTORS: dict[str, tuple[tuple[float, float], ...]] = {
    "H": ((0.489918, 20.6593), (0.262003, 7.74039), (0.196767, 49.5519), (0.049879, 2.20159), (0.001305, 0.0)),
    "C": ((2.31000, 20.8439), (1.02000, 10.2075), (1.58860, 0.568700), (0.865000, 51.6512), (0.215600, 0.0)),
    "N": ((12.2126, 0.005700), (3.13220, 9.89330), (2.01250, 28.9975), (1.16630, 0.582600), (-11.529, 0.0)),
    "Zn": ((14.0743, 3.26550), (7.03180, 0.233300), (5.16520, 10.3163), (2.41000, 58.7097), (1.30410, 0.0)),
}  # fmt: skip
"""Terms a exp(−b s²), s = q/4π in 1/Å, of neutral atoms: International Tables for Crystallography C, table 6.1.1.4; good to q = 25 1/Å."""
SCATTERING_LENGTHS: dict[str, float] = {"H": -3.739, "D": 6.671, "C": 6.646, "N": 9.36, "Zn": 5.68}
"""Bound coherent scattering lengths, fm: V. F. Sears, Neutron News 3 (3), 26 (1992), doi:10.1080/10448639208218770."""
Q_MAX = 25.0
"""1/Å, beyond which the form factors do not hold."""


@dataclass(frozen=True, eq=False)
class Scattering:
    """Total scattering of one radiation."""

    q: FloatArray
    """``(n_q,)``, 1/Å."""
    s: FloatArray
    """``(n_q,)``, S(q), 1 for an ideal gas."""
    r: FloatArray
    """``(n_r,)``, Å."""
    d: FloatArray
    """``(n_r,)``, D(r), 1/Å²."""


def strengths(symbol: str, q: FloatArray, radiation: Radiation) -> FloatArray:
    """Return how an atom scatters at each ``q`` (1/Å): its form factor in electrons, or its length in fm. ``ValueError`` where unknown."""
    if radiation == "neutron" and symbol in SCATTERING_LENGTHS:
        return np.full(np.shape(q), SCATTERING_LENGTHS[symbol])
    if radiation == "xray" and symbol in FORM_FACTORS:
        s2 = (np.asarray(q) / (4 * np.pi)) ** 2
        form: FloatArray = np.sum([a * np.exp(-b * s2) for a, b in FORM_FACTORS[symbol]], axis=0)
        return form
    raise ValueError(f"how {symbol} scatters {radiation} is not known here; known are {', '.join(FORM_FACTORS)}, of neutrons D, too")


def total_scattering(
    species: Sequence[str],
    volume: float,
    r: FloatArray,
    partials: Mapping[tuple[str, str], FloatArray],
    radiation: Radiation,
    q_max: float = Q_MAX,
    n_q: int = 500,
) -> Scattering:
    """Return S(q) and D(r) of the atoms ``species`` in ``volume`` (Å³) whose partial g(r) at the equally spaced ``r`` (Å) are given.

    ``partials`` holds each pair of elements once, in either order. S(q) begins at 2π/r_max, below which these distances say nothing; the
    glass's first sharp peak needs r_max of 15 Å or more. It can be negative, but not below 1 − ⟨f²⟩/⟨f⟩².
    Raises ``ValueError`` where a pair is missing, a volume or q is not positive, or an element's scattering is unknown.
    """
    if not (volume > 0 and 0 < q_max <= Q_MAX and n_q > 1 and len(r) > 1):
        raise ValueError(f"a volume of {volume} Å³, {len(r)} distances and q to {q_max} 1/Å were given; q goes to {Q_MAX:g} at most")
    elements = sorted(set(species))
    share = {symbol: species.count(symbol) / len(species) for symbol in elements}
    step = float(r[1] - r[0])
    q = np.linspace(2 * np.pi / float(r[-1] + step / 2), q_max, n_q)
    density = len(species) / volume
    strength = {symbol: strengths(symbol, q, radiation) for symbol in elements}
    mean = np.sum([share[symbol] * strength[symbol] for symbol in elements], axis=0)
    kernel = np.sinc(np.outer(q, r) / np.pi) * (np.sinc(r / (r[-1] + step / 2)) * r**2 * step * 4 * np.pi * density)
    structure = np.ones(n_q)
    for k, a in enumerate(elements):
        for b in elements[k:]:
            g = partials.get((a, b), partials.get((b, a)))
            if g is None:
                raise ValueError(f"g(r) of {a} and {b} is missing; total scattering needs that of every pair of elements")
            times = 1 if a == b else 2
            structure += times * share[a] * share[b] * strength[a] * strength[b] / mean**2 * (kernel @ (g - 1))
    weights = q * (structure - 1) * np.sinc(q / q_max) * (q[1] - q[0]) * 2 / np.pi
    return Scattering(q, structure, np.asarray(r), np.sin(np.outer(r, q)) @ weights)

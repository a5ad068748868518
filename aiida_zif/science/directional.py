# SPDX-License-Identifier: MIT
"""How stiff a solid is by direction: Young's modulus, linear compressibility, shear modulus and Poisson's ratio, their extrema and cuts.

With unit vectors a ⊥ b: 1/E = S aaaa, β = S aa11, 1/G = S (ab+ba)(ab+ba), ν = −E S aabb.
Source: R. Gaillac, P. Pullumbi, F.-X. Coudert, J. Phys.: Condens. Matter 28 (2016) 275201, doi:10.1088/0953-8984/28/27/275201.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from aiida_zif.science.measured import Measured
from aiida_zif.science.stiffness import errors

Floats = NDArray[np.float64]
PROPERTIES: dict[str, str] = {"young": "GPa", "linear_compressibility": "1/TPa", "shear": "GPa", "poisson": ""}
PLANES: dict[str, tuple[int, int]] = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
TRANSVERSE = ("shear", "poisson")
"""They depend on a second direction, too."""
_GRID = (37, 72, 36)
"""Polar, azimuthal and transverse angles tried before the search; b and −b are one."""


@dataclass(frozen=True, eq=False)
class Extremum:
    """The least or largest value of a property."""

    value: Measured
    """With the error at that direction; the extremes of a *noisy* tensor lie too far apart, which this error does not know."""
    direction: tuple[float, ...]
    """Unit vector a, Cartesian."""
    transverse: tuple[float, ...] | None
    """Unit vector b ⊥ a of a shear modulus or Poisson's ratio."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"value": list(self.value), "direction": list(self.direction), "transverse": self.transverse and list(self.transverse)}


def along(name: str, compliance: Floats, a: Floats, b: Floats) -> Floats:
    """Return ``PROPERTIES[name]`` of ``compliance`` ``(..., 6, 6)`` in 1/GPa for unit vectors ``a``, ``b`` ``(..., 3)``, a ⊥ b."""
    first = _stress(a, a)
    if name == "shear":
        both = _stress(a, b) + _stress(b, a)
        return np.asarray(1 / _contract(both, compliance, both))
    if name == "linear_compressibility":
        return np.asarray(1000 * _contract(first, compliance, np.array([1.0, 1, 1, 0, 0, 0])))
    stretch = _contract(first, compliance, first)
    return np.asarray(1 / stretch if name == "young" else -_contract(first, compliance, _stress(b, b)) / stretch)


def extrema(stiffness_gpa: ArrayLike, n_eff: float = np.inf) -> dict[str, dict[str, Any]]:
    """Return, for each of ``PROPERTIES``, ``min`` and ``max`` as ``Extremum``, and their ratio ``anisotropy`` (``None`` unless positive).

    ``n_eff`` is the number of independent samples behind the stiffness ``(6, 6)``; ∞ for an exact one, whose errors are 0.
    Raises ``ValueError`` for a tensor that is not finite, symmetric and positive: an unstable solid has no such extremes.
    """
    S = _compliance(stiffness_gpa)
    polar, around, chi = (np.linspace(0, end, n) for end, n in zip((np.pi / 2, 2 * np.pi, np.pi), _GRID, strict=True))
    found: dict[str, dict[str, Any]] = {}
    for name in PROPERTIES:
        turned = chi if name in TRANSVERSE else chi[:1]
        angles = np.stack([x.ravel() for x in np.meshgrid(polar, around, turned, indexing="ij")], axis=-1)
        values = along(name, S, *_vectors(angles))
        one = {"min": _refine(name, S, angles[values.argmin()], 1, n_eff), "max": _refine(name, S, angles[values.argmax()], -1, n_eff)}
        least, most = one["min"].value.mean, one["max"].value.mean
        found[name] = {**one, "anisotropy": most / least if least > 0 else None}
    return found


def cut(name: str, stiffness_gpa: ArrayLike, plane: str, n: int = 181) -> tuple[Floats, Floats, Floats]:
    """Return ``(angle, least, most)``: the property ``name`` in the ``plane`` xy, xz or yz, angle in rad from its first axis.

    Of a shear modulus or Poisson's ratio the least and most over all transverse directions; else both are the same.
    """
    S, angle = _compliance(stiffness_gpa), np.linspace(0, 2 * np.pi, n)
    a = np.zeros((n, 3))
    a[:, PLANES[plane][0]], a[:, PLANES[plane][1]] = np.cos(angle), np.sin(angle)
    if name not in TRANSVERSE:
        values = along(name, S, a, a)
        return angle, values, values
    normal = np.zeros(3)
    normal[({0, 1, 2} - set(PLANES[plane])).pop()] = 1
    inside = np.cross(normal, a)
    turned = np.linspace(0, np.pi, 91)[:, None, None]
    values = along(name, S, a[None], np.cos(turned) * inside + np.sin(turned) * normal)
    return angle, values.min(axis=0), values.max(axis=0)


def surface(name: str, stiffness_gpa: ArrayLike, n: int = 61) -> tuple[Floats, Floats]:
    """Return ``(points, values)``: unit vectors ``(n, 2n, 3)`` and the property along them; over transverse directions the mean."""
    S = _compliance(stiffness_gpa)
    polar, around = np.meshgrid(np.linspace(0, np.pi, n), np.linspace(0, 2 * np.pi, 2 * n), indexing="ij")
    turned = np.linspace(0, np.pi, 36, endpoint=False) if name in TRANSVERSE else np.zeros(1)
    a, b = _vectors(np.stack(np.broadcast_arrays(polar[..., None], around[..., None], turned), axis=-1))
    return a[..., 0, :], along(name, S, a, b).mean(axis=-1)


def _compliance(stiffness_gpa: ArrayLike) -> Floats:
    C = np.asarray(stiffness_gpa, dtype=np.float64)
    if C.shape != (6, 6) or not np.isfinite(C).all() or not np.allclose(C, C.T, atol=1e-6 * float(np.abs(C).max())):
        raise ValueError(f"a stiffness is a finite symmetric 6 × 6 matrix, but this one has the shape {C.shape} or is not")
    if (least := float(np.linalg.eigvalsh(C)[0])) <= 0:
        raise ValueError(f"the stiffness has the eigenvalue {least:.3g} GPa: an unstable solid has no moduli by direction")
    return np.asarray(np.linalg.inv(C))


def _stress(a: Floats, b: Floats) -> Floats:
    """Return the symmetric part of a ⊗ b in Voigt order, as a stress (no factor of 2)."""
    x, y, z = (a[..., k] for k in range(3))
    u, v, w = (b[..., k] for k in range(3))
    return np.stack([x * u, y * v, z * w, (y * w + z * v) / 2, (x * w + z * u) / 2, (x * v + y * u) / 2], axis=-1)


def _contract(left: Floats, S: Floats, right: Floats) -> Floats:
    return np.asarray(np.einsum("...i,...ij,...j->...", left, S, right))


def _vectors(angles: Floats) -> tuple[Floats, Floats]:
    """Return a and b ⊥ a for angles ``(..., 3)``: polar, azimuthal, transverse."""
    theta, phi, chi = (angles[..., k] for k in range(3))
    a = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    first = np.stack([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)], axis=-1)
    second = np.stack([-np.sin(phi), np.cos(phi), np.zeros_like(phi)], axis=-1)
    return a, np.cos(chi)[..., None] * first + np.sin(chi)[..., None] * second


def _refine(name: str, S: Floats, start: Floats, sign: int, n_eff: float) -> Extremum:
    best = minimize(
        lambda x: sign * float(along(name, S, *_vectors(x))), start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10}
    )
    a, b = _vectors(np.asarray(best.x))
    value: Callable[[Floats], Floats] = lambda s: along(name, s, a, b)[..., None]  # noqa: E731
    # at an extremum the direction adds nothing to the first order: its error is that of the value there
    error = 0.0 if np.isinf(n_eff) else float(errors(S, n_eff, 1.0, value)[0])
    transverse = tuple(float(x) for x in b) if name in TRANSVERSE else None
    return Extremum(Measured(float(value(S)[0]), error), tuple(float(x) for x in a), transverse)

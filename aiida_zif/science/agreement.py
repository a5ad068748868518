# SPDX-License-Identifier: MIT
"""Two sets of frames of the same atoms, say of a model and of what it learned from: how far apart, in units of the combined error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import rdf
from aiida_zif.science.angles import angle_distribution
from aiida_zif.science.coordination import CUTOFF, coordination
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate, mean_with_error
from aiida_zif.science.topology import Topology, nearest_image

Floats = NDArray[np.float64]
AGREES, DIFFERS, UNJUDGED = "agrees", "differs", "not judged"
CURVES: tuple[str, ...] = ("g_zn_n", "g_zn_zn", "angle_density")
"""What is compared bin by bin."""


@dataclass(frozen=True)
class Rule:
    """When two numbers agree."""

    max_sigmas: float = 3.0
    """Difference in units of the combined error; of a curve the root mean square of that over its bins."""
    tolerances: Mapping[str, float] = field(default_factory=dict)
    """By observable, in its unit: so small a difference is none, however small the errors are; of a curve a share of its area."""

    def __post_init__(self) -> None:
        numbers = {"max_sigmas": self.max_sigmas, **{f"the tolerance of {name}": value for name, value in dict(self.tolerances).items()}}
        for name, value in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not (isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}, but must be a positive number")


@dataclass(frozen=True)
class Difference:
    """One observable of both."""

    reference: float | None
    reference_error: float | None
    model: float | None
    model_error: float | None
    difference: float | None
    """Model − reference; of a curve ∫|Δ| as a share of the area of the reference."""
    sigmas: float | None
    """In units of the combined error, without its sign."""
    verdict: str
    """``agrees``, ``differs`` or ``not judged``."""
    reason: str
    """Why it is not judged, or by which tolerance it agrees; else empty."""


@dataclass(frozen=True, eq=False)
class Observed:
    """What is known of a set of frames."""

    numbers: dict[str, Estimate]
    """By observable, with an error that knows of the correlation in time; NaN where one frame gives none."""
    curves: dict[str, tuple[Floats, Floats, Floats]]
    """Abscissa, mean over blocks, standard error of it; NaN of one block."""
    n_frames: int


def observe(
    frames: Frames, topology: Topology, r_max: float = 8.0, bins: int = 80, angle_bins: int = 60, blocks: int = 5, cutoff: float = CUTOFF
) -> Observed:
    """Return coordination, Zn–N and linker bonds, N–Zn–N angles, and the curves of ``CURVES``, with errors over ``blocks``.

    Raises ``ValueError`` without a frame.
    """
    if not len(frames):
        raise ValueError("there is no frame to observe")
    series: dict[str, Floats] = {"zn_n_coordination": coordination(frames, cutoff=cutoff).mean}
    each = [angle_distribution(frames.select([k]), cutoff=cutoff, n_bins=angle_bins) for k in range(len(frames))]
    series["n_zn_n_angle_deg"] = np.array([one.mean for one in each])
    series["n_zn_n_angle_spread_deg"] = np.array([one.std for one in each])
    series |= _bonds(frames, topology)
    if frames.temperatures is not None:
        series["temperature_k"] = frames.temperatures
    numbers = {name: mean_with_error(values) for name, values in series.items() if np.isfinite(values).all()}
    parts = np.array_split(np.arange(len(frames)), min(blocks, len(frames)))
    found: dict[str, list[tuple[Floats, Floats]]] = {name: [] for name in CURVES}
    for part in parts:
        chosen = frames.select(part)
        for name, (a, b) in {"g_zn_n": ("Zn", "N"), "g_zn_zn": ("Zn", "Zn")}.items():
            one = rdf.radial_distribution(chosen, a, b, r_max, bins)
            found[name].append((one.r, one.g))
        angles = angle_distribution(chosen, cutoff=cutoff, n_bins=angle_bins)
        found["angle_density"].append((angles.degrees, angles.density))
    curves = {}
    for name, rows in found.items():
        values = np.stack([row[1] for row in rows])
        error = values.std(axis=0, ddof=1) / sqrt(len(values)) if len(values) > 1 else np.full(values.shape[1], np.nan)
        curves[name] = (rows[0][0], values.mean(axis=0), error)
    return Observed(numbers, curves, len(frames))


def _bonds(frames: Frames, topology: Topology) -> dict[str, Floats]:
    """Return the mean length of each kind of bond within the linkers, frame by frame, Å."""
    first, second = topology.bonds[:, 0], topology.bonds[:, 1]
    symbols = np.array(topology.species)
    kinds = np.array(["_".join(sorted((symbols[a], symbols[b]))).lower() for a, b in zip(first, second, strict=True)])
    lengths = np.stack(
        [
            np.linalg.norm(nearest_image(positions[second] - positions[first], cell), axis=1)
            for positions, cell in zip(frames.positions, frames.cells, strict=True)
        ]
    )
    return {f"{kind}_bond_angstrom": lengths[:, kinds == kind].mean(axis=1) for kind in sorted(set(kinds.tolist()))}


def compare(reference: Observed, model: Observed, rule: Rule | None = None) -> dict[str, Difference]:
    """Return, by observable that both have, how far the model is from the reference."""
    by = rule or Rule()
    found = {name: _number(name, one, model.numbers[name], by) for name, one in reference.numbers.items() if name in model.numbers}
    found |= {name: _curve(name, one, model.curves[name], by) for name, one in reference.curves.items() if name in model.curves}
    return found


def paired(differences: Mapping[str, float], name: str, rule: Rule | None = None) -> Difference:
    """Return the mean of differences between pairs, each of one structure and the run that started from it, against their spread."""
    by = rule or Rule()
    values = np.array(list(differences.values()), dtype=float)
    if len(values) < 2:
        return Difference(None, None, None, None, float(values[0]) if len(values) else None, None, UNJUDGED, "one pair has no spread")
    error = float(values.std(ddof=1) / sqrt(len(values)))
    return _judge(name, None, Estimate(float(values.mean()), error, float(len(values))), float(values.mean()), error, by)


def _number(name: str, reference: Estimate, model: Estimate, by: Rule) -> Difference:
    error = sqrt(reference.error**2 + model.error**2)
    return _judge(name, reference, model, model.mean - reference.mean, error, by)


def _judge(name: str, reference: Estimate | None, model: Estimate, difference: float, error: float, by: Rule) -> Difference:
    def told(sigmas: float | None, verdict: str, reason: str = "") -> Difference:
        return Difference(
            *_sides(reference), *_sides(model if reference is not None else None), difference=difference, sigmas=sigmas, verdict=verdict,
            reason=reason,
        )  # fmt: skip

    if not isfinite(error):
        which = "the model" if reference is None or isfinite(reference.error) else "the reference"
        return told(None, UNJUDGED, f"{which} has too few independent frames for an error")
    tolerance = by.tolerances.get(name)
    if tolerance is not None and abs(difference) <= tolerance:
        return told(abs(difference) / error if error else 0.0, AGREES, f"within the tolerance of {tolerance:g}")
    if error == 0:
        same = difference == 0
        return told(0.0 if same else None, AGREES if same else DIFFERS, "neither fluctuates at all")
    sigmas = abs(difference) / error
    return told(sigmas, AGREES if sigmas <= by.max_sigmas else DIFFERS)


def _sides(one: Estimate | None) -> tuple[float | None, float | None]:
    """Return a number and its error, as far as they are known."""
    return (None, None) if one is None else (one.mean, one.error if isfinite(one.error) else None)


def _curve(name: str, reference: tuple[Floats, Floats, Floats], model: tuple[Floats, Floats, Floats], by: Rule) -> Difference:
    """Compare bin by bin; a bin in which neither fluctuates tells nothing."""
    delta, error = model[1] - reference[1], np.sqrt(reference[2] ** 2 + model[2] ** 2)
    area = float(np.abs(delta).sum() / reference[1].sum()) if reference[1].sum() > 0 else float("nan")

    def told(sigmas: float | None, verdict: str, reason: str = "") -> Difference:
        return Difference(None, None, None, None, area if isfinite(area) else None, sigmas, verdict, reason)

    if not np.isfinite(error).all() or not isfinite(area):
        return told(None, UNJUDGED, "one of the two is a single frame, or empty")
    known = error > 0
    sigmas = float(np.sqrt(np.mean((delta[known] / error[known]) ** 2))) if known.any() else 0.0
    tolerance = by.tolerances.get(name)
    if tolerance is not None and area <= tolerance:
        return told(sigmas, AGREES, f"within the tolerance of {tolerance:g}")
    return told(sigmas, AGREES if sigmas <= by.max_sigmas else DIFFERS)

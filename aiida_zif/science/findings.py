# SPDX-License-Identifier: MIT
"""What follows from the counts of an analysis, or the sentence why it does not: free energies, pores, displacements, scattering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science import msd, pores, rdf, scattering
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import mean_with_error

FloatArray = NDArray[np.float64]


@dataclass
class Found:
    """Numbers, curves with their units, and sentences on what is missing."""

    summary: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, tuple[FloatArray, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def mean_force(around: rdf.Rdf, temperature_k: float | None, degrees: FloatArray, density: FloatArray) -> Found:
    """Return the potentials of mean force of distance and angle, and the barrier with the error that leaving out parts of the run gives.

    That of the angle is −kT ln(p/sin θ), from its lowest point.
    """
    if temperature_k is None:
        return Found(missing={"pmf": "a potential of mean force needs a temperature, which the frames do not carry: give one"})
    found = Found(summary={"pmf_temperature_k": temperature_k})
    energy = rdf.pmf(around.r, around.g, temperature_k)
    bend = rdf.pmf(degrees, density / np.sin(np.radians(degrees)), temperature_k)
    found.curves = {"pmf_r": (around.r, "angstrom"), "pmf_zn_n": (energy, "eV")}
    if np.isfinite(bend).any():
        found.curves["pmf_angle"] = (bend - bend.min(), "eV")
    try:
        whole = rdf.barrier(around.r, energy)
    except ValueError as problem:
        found.missing["pmf_barrier"] = str(problem)
        return found
    parts, n = around.g_parts, len(around.g_parts)
    error = float("nan")
    if n > 1:
        left = []
        for k in range(n):
            try:
                left.append(rdf.barrier(around.r, rdf.pmf(around.r, np.delete(parts, k, axis=0).mean(axis=0), temperature_k)).height)
            except ValueError:  # a single part of the run crossed it
                found.missing["pmf_barrier"] = (
                    "the barrier was crossed in a single part of the run: its height has no error and is no number"
                )
                return found
        error = float(np.sqrt((n - 1) / n * np.sum((np.array(left) - np.mean(left)) ** 2)))
    else:
        found.missing["pmf_barrier_error"] = "one frame gives a barrier no error"
    found.summary["pmf_barrier_ev"] = {**asdict(whole), "error": error}
    return found


def pore_volume(volumes: Sequence[pores.Pores], frames: Sequence[int], asked: int) -> Found:
    """Return mean and error over the ``frames`` that were looked at, cm³/kg."""
    if not volumes:
        return Found(missing={"pore_volume": pores.MISSING if asked else "no frame was asked for"})
    total = np.array([one.total for one in volumes])
    summary = {
        **asdict(mean_with_error(total)), "accessible": float(np.mean([one.accessible for one in volumes])), "frames": len(volumes),
    }  # fmt: skip
    return Found({"pore_volume_cm3_per_kg": summary}, {"pore_volume": (total, "cm3/kg"), "pore_frame": (np.array(frames, dtype=float), "")})


def displacement(paths: Frames | None, node: str, n_frames: int) -> Found:
    """Return the mean squared displacement of nodes and N, and their diffusion coefficients."""
    if paths is None:
        few = "one frame has no displacement: give a trajectory" if n_frames < 2 else "no displacement was asked for"
        return Found(missing={"msd": few})
    found = Found()
    for name, symbol in (("zn", node), ("n", "N")):
        try:
            moved = msd.mean_squared_displacement(paths, symbol, drift=True)  # the drift of all atoms is out already
        except ValueError as problem:
            found.missing["msd"] = str(problem)
            return found
        found.curves["msd_time"] = (moved.lags.astype(float), "frames") if moved.times is None else (moved.times, "ps")
        found.curves[f"msd_{name}"] = (moved.msd, "angstrom^2")
        try:
            found.summary[f"diffusion_{name}_angstrom2_per_ps"] = asdict(msd.diffusion(paths, symbol, drift=True))
        except ValueError as problem:
            found.missing[f"diffusion_{name}"] = str(problem)
    return found


def scattered(species: tuple[str, ...], volume: float, pairs: Mapping[tuple[str, str], rdf.Pairs], asked: int) -> Found:
    """Return S(q) and D(r) of X-rays and neutrons, and the partial g(r) to the longer distance that they come from."""
    if not asked:
        return Found(missing={"scattering": "no frame was asked for"})
    found = Found()
    counted = {pair: one.result() for pair, one in pairs.items()}
    r = next(iter(counted.values())).r
    found.curves["far_r"] = (r, "angstrom")
    found.curves |= {f"far_g_{a}_{b}".lower(): (one.g, "") for (a, b), one in counted.items()}
    for radiation in ("xray", "neutron"):
        try:
            seen = scattering.total_scattering(species, volume, r, {pair: one.g for pair, one in counted.items()}, radiation)
        except ValueError as problem:
            found.missing[f"scattering_{radiation}"] = str(problem)
            continue
        found.curves |= {"q": (seen.q, "1/angstrom"), f"s_{radiation}": (seen.s, ""), f"d_{radiation}": (seen.d, "1/angstrom^2")}
    return found

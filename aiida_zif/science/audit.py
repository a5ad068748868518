# SPDX-License-Identifier: MIT
"""Are these labels fit to train on? Asked before a draw, answered with numbers and sentences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames, kinetic_temperature

MAX_UNCONVERGED_SHARE = 0.1
"""Isolated unconverged frames are left out; from this share on, the run as a whole is not trusted."""


@dataclass(frozen=True, eq=False)
class Audit:
    """What was found in one trajectory."""

    mean_temperature: float | None
    """⟨T⟩ of the usable frames, K: what they are labelled by. ``None`` where neither temperatures nor velocities are known."""
    duplicates: int
    """Frames that repeat an earlier one: the same step, or the same positions in the same cell."""
    n_unconverged: int
    """Frames whose SCF did not converge."""
    n_not_finite: int
    """Frames with an energy or a force that is missing or not finite."""
    usable: NDArray[np.bool_]
    """``(n_frames,)``: neither repeated, nor unconverged, nor without finite labels."""
    passed: bool
    """Whether the usable frames may be trained on as frames of the asked temperature."""
    sentences: tuple[str, ...]
    """What was found, one sentence each, good and bad."""


def audit(frames: Frames, asked_temperature: float | None, tolerance: float = 0.15, unconverged_steps: Collection[int] = ()) -> Audit:
    """Return which frames are usable and whether their mean temperature is the asked one within ``tolerance`` (a share of it).

    A short MD is colder than it says: from a relaxed start half the kinetic energy goes into the bonds, and a slow thermostat does
    not bring it back in time. ``asked_temperature`` ``None`` (single geometries, no dynamics) leaves the temperature unjudged.
    Raises ``ValueError`` for a temperature or a tolerance that is not positive, or unconverged steps where the frames have no steps.
    """
    if asked_temperature is not None and not asked_temperature > 0:
        raise ValueError(f"the asked temperature is {asked_temperature} K, but must be positive")
    if not tolerance > 0:
        raise ValueError(f"the tolerance is {tolerance}, but must be positive")
    if unconverged_steps and frames.steps is None:
        raise ValueError("unconverged steps were named, but the frames carry no steps to find them by")
    repeated = _repeated(frames)
    unconverged = np.isin(frames.steps, sorted(unconverged_steps)) if frames.steps is not None else np.zeros(len(frames), dtype=np.bool_)
    not_finite = ~_finite(frames)
    usable = ~(repeated | unconverged | not_finite)
    n_frames, n_usable, n_unconverged = len(frames), int(usable.sum()), int(unconverged.sum())
    sentences = [f"{n_usable} of {n_frames} frames are usable."]
    if repeated.any():
        sentences.append(f"{repeated.sum()} frames repeat an earlier one and were left out.")
    if not_finite.any():
        sentences.append(f"{not_finite.sum()} frames lack a finite energy or finite forces and were left out.")
    passed = n_usable > 0
    if n_unconverged:
        sentences.append(f"The SCF did not converge in {n_unconverged} frames, which were left out.")
    if n_unconverged > MAX_UNCONVERGED_SHARE * n_frames:
        passed = False
        sentences.append(
            f"That is more than {MAX_UNCONVERGED_SHARE:.0%} of the run: run it again with another minimizer, preconditioner or outer SCF."
        )
    mean = _mean_temperature(frames, usable)
    if asked_temperature is not None and mean is None:
        passed = False
        sentences.append(f"The temperature cannot be measured, so that {asked_temperature:g} K stays a claim: keep the velocities.")
    elif asked_temperature is not None and mean is not None:
        within = abs(mean - asked_temperature) <= tolerance * asked_temperature
        passed = passed and within
        verdict = "within" if within else "more than"
        remedy = "" if within else ": start hotter, thermostat faster, or leave out more of the start"
        sentences.append(f"The mean temperature is {mean:.0f} K, {verdict} {tolerance:.0%} off the asked {asked_temperature:g} K{remedy}.")
    return Audit(mean, int(repeated.sum()), n_unconverged, int(not_finite.sum()), usable, passed, tuple(sentences))


def _repeated(frames: Frames) -> NDArray[np.bool_]:
    """Return which frames have the step or the geometry of an earlier one."""
    seen_steps: set[int] = set()
    seen_geometries: set[bytes] = set()
    repeated = np.zeros(len(frames), dtype=np.bool_)
    for i in range(len(frames)):
        geometry = frames.positions[i].tobytes() + frames.cells[i].tobytes()
        repeated[i] = geometry in seen_geometries
        seen_geometries.add(geometry)
        if frames.steps is not None:
            step = int(frames.steps[i])
            repeated[i] |= step in seen_steps
            seen_steps.add(step)
    return repeated


def _finite(frames: Frames) -> NDArray[np.bool_]:
    """Return which frames have a finite energy, forces and geometry. A stress may be unknown."""
    finite: NDArray[np.bool_] = np.isfinite(frames.positions).all(axis=(1, 2)) & np.isfinite(frames.cells).all(axis=(1, 2))
    if frames.energies is None or frames.forces is None:
        return np.zeros(len(frames), dtype=np.bool_)
    finite &= np.isfinite(frames.energies) & np.isfinite(frames.forces).all(axis=(1, 2))
    return finite


def _mean_temperature(frames: Frames, usable: NDArray[np.bool_]) -> float | None:
    """Return ⟨T⟩ in K of the usable frames, as written by the program, else from velocities and masses, else ``None``."""
    temperatures = frames.temperatures
    if temperatures is None and frames.velocities is not None and frames.masses is not None:
        temperatures = kinetic_temperature(frames.velocities, frames.masses)
    if temperatures is None:
        return None
    known = temperatures[usable & np.isfinite(temperatures)]
    return float(known.mean()) if len(known) else None

# SPDX-License-Identifier: MIT
"""What an audit keeps of a trajectory while its frames pass: some 60 bytes a frame, never the positions."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.consistency import works
from aiida_zif.science.frames import Frames, concatenate, kinetic_temperature

Floats = NDArray[np.float64]
_LABELS = ("positions", "cells", "forces")


class Evidence:
    """Takes batches of consecutive frames of one trajectory.

    Each array below is ``(n_frames,)`` and NaN where a frame lacks the quantity.
    """

    def __init__(self) -> None:
        self.n_atoms = 0
        self.stress_content = "none"
        """What the stresses hold, as the frames say; ``none`` where no frame has one."""
        self.n_stress = 0
        """Frames with all six components of the stress."""
        self.n_stress_diagonal = 0
        """Frames with the three diagonal components only."""
        self._last: Frames | None = None
        self._floats: dict[str, list[Floats]] = {}
        self._geometry: list[NDArray[np.int64]] = []
        self._steps: list[NDArray[np.int64]] = []

    def add(self, frames: Frames) -> None:
        """Take the next frames. Raises ``ValueError`` where only some batches have steps, or the atoms change."""
        if not len(frames):
            return
        if self.n_atoms and self.n_atoms != len(frames.species):
            raise ValueError(f"frames of {self.n_atoms} and of {len(frames.species)} atoms are in one trajectory; audit each system apart")
        self.n_atoms = len(frames.species)
        if (frames.steps is not None) != bool(self._steps) and self._geometry:
            raise ValueError("some frames carry steps and others do not; give steps for all or for none")
        if frames.steps is not None:
            self._steps.append(np.asarray(frames.steps, dtype=np.int64))
        self._geometry.append(_fingerprints(frames))
        unknown = np.full(len(frames), np.nan)
        known = {
            "energies": unknown if frames.energies is None else frames.energies,
            "temperatures": _temperatures(frames, unknown),
            "times": unknown if frames.times is None else frames.times,
            "squared_forces": unknown if frames.forces is None else np.mean(frames.forces**2, axis=(1, 2)),
            "geometry_finite": _finite(frames),
            "work": self._work(frames),
        }
        for name, values in known.items():
            self._floats.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
        self._count_stresses(frames)

    @property
    def n_frames(self) -> int:
        """Frames taken so far."""
        return sum(map(len, self._geometry))

    @property
    def steps(self) -> NDArray[np.int64] | None:
        """MD steps; ``None`` where the frames carry none."""
        return np.concatenate(self._steps) if self._steps else None

    @property
    def energies(self) -> Floats:
        """eV."""
        return self._array("energies")

    @property
    def temperatures(self) -> Floats:
        """K, as the program wrote them, else from velocities and masses."""
        return self._array("temperatures")

    @property
    def times(self) -> Floats:
        """ps."""
        return self._array("times")

    @property
    def squared_forces(self) -> Floats:
        """Mean of F² over atoms and Cartesian components, eV²/Å²."""
        return self._array("squared_forces")

    @property
    def work(self) -> Floats:
        """−F·Δx from the frame before to this one, eV; NaN of the first frame, and where the two are too far apart to be compared."""
        return self._array("work")

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Whether energy, forces, positions and cell are all finite."""
        labels = np.isfinite(self.energies) & np.isfinite(self.squared_forces)
        finite: NDArray[np.bool_] = labels & np.isfinite(self._array("geometry_finite"))
        return finite

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Whether a frame has the step of an earlier one, or its positions in its cell."""
        if not self._geometry:
            return np.zeros(0, dtype=np.bool_)
        repeated = _seen_before(np.concatenate(self._geometry))
        return repeated if self.steps is None else repeated | _seen_before(self.steps)

    def _array(self, name: str) -> Floats:
        return np.concatenate(self._floats[name]) if name in self._floats else np.empty(0)

    def _work(self, frames: Frames) -> Floats:
        if frames.forces is None:
            self._last = None
            return np.full(len(frames), np.nan)
        mine = Frames(frames.species, **{name: getattr(frames, name) for name in _LABELS})
        together = mine if self._last is None else concatenate([self._last, mine])
        work, near = works(together)
        self._last = mine.select([-1])
        found = np.where(near, work, np.nan)
        return found if len(found) == len(frames) else np.concatenate([[np.nan], found])

    def _count_stresses(self, frames: Frames) -> None:
        if frames.stresses is None:
            return
        known = np.isfinite(frames.stresses)
        whole = known.all(axis=1)
        self.n_stress += int(whole.sum())
        self.n_stress_diagonal += int((known[:, :3].all(axis=1) & ~whole).sum())
        if known.any():
            self.stress_content = frames.stress_content


def _temperatures(frames: Frames, unknown: Floats) -> Floats:
    if frames.temperatures is not None:
        return frames.temperatures
    if frames.velocities is not None and frames.masses is not None:
        return kinetic_temperature(frames.velocities, frames.masses)
    return unknown


def _finite(frames: Frames) -> Floats:
    """Return a number where positions and cell are finite, else NaN."""
    finite = np.isfinite(frames.positions).all(axis=(1, 2)) & np.isfinite(frames.cells).all(axis=(1, 2))
    return np.where(finite, 0.0, np.nan)


def _fingerprints(frames: Frames) -> NDArray[np.int64]:
    """Return 64 bits for each frame, equal where positions and cell are equal (else by chance once in 10⁷ times a million frames)."""
    found = np.empty(len(frames), dtype=np.int64)
    for i, (positions, cell) in enumerate(zip(frames.positions, frames.cells, strict=True)):
        digest = hashlib.blake2b(positions.tobytes(), digest_size=8)
        digest.update(cell.tobytes())
        found[i] = int.from_bytes(digest.digest(), "little", signed=True)
    return found


def _seen_before(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which entries equal an earlier one."""
    order = np.argsort(values, kind="stable")
    seen = np.zeros(len(values), dtype=np.bool_)
    seen[order[1:]] = values[order[1:]] == values[order[:-1]]
    return seen

# SPDX-License-Identifier: MIT
"""Do energies, forces and positions belong together? Along a trajectory ΔE must be the work −F·Δx, whatever the method.

Between neighbouring frames ΔE = −½ (F₁ + F₂)·Δx up to third order in Δx. Forces of other frames, atoms in another order and mixed
units break that relation, and a wrong unit does so by a factor that gives it away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames
from aiida_zif.science.units import BOHR_IN_ANGSTROM, BOLTZMANN, EV_IN_KJ_PER_MOL, HARTREE_IN_EV

MAX_DISPLACEMENT = 0.1
"""Å by which no atom may have moved between two frames that are compared: beyond it the rule of the trapezium does not hold."""
MIN_PAIRS = 20
"""Pairs of neighbouring frames from which on a verdict is given."""
MIN_CORRELATION, MAX_DEVIATION = 0.95, 0.1
"""Of ΔE with the work, and of its slope from 1; real runs reach 0.999 and 0.01."""
STIFFNESS_RANGE = (0.5, 500.0)
"""eV/Å² between which ⟨F²⟩/kT, the mean curvature at an atom, lies in a solid or liquid of covalent molecules (about 15)."""
MIN_FLUCTUATION_SHARE = 0.1
"""Of √(3N/2) kT, the fluctuation of the potential energy of a harmonic solid, below which an energy is not in eV."""

_KCAL = EV_IN_KJ_PER_MOL / 4.184
_FORCE = HARTREE_IN_EV / BOHR_IN_ANGSTROM
_FACTORS: tuple[tuple[float, str], ...] = (
    (1 / HARTREE_IN_EV, "the energies are in Hartree, the forces in eV/Å (factor 27.2114)"),
    (HARTREE_IN_EV, "the energies are in eV, the forces in Hartree/Å, or energies in eV were converted once more (factor 27.2114)"),
    (_FORCE, "the energies are in eV, the forces in Hartree/bohr (factor 51.42)"),
    (1 / _FORCE, "forces in eV/Å were converted from Hartree/bohr once more (factor 51.42)"),
    (1 / BOHR_IN_ANGSTROM, "energies and forces are in Hartree and Hartree/bohr, the positions in Å (factor 1.8897)"),
    (BOHR_IN_ANGSTROM, "the positions are in bohr (factor 0.5292)"),
    (_KCAL, "the energies are in kcal/mol, the forces in eV/Å (factor 23.06)"),
    (1 / _KCAL, "the energies are in eV, the forces in kcal/mol/Å (factor 23.06)"),
    (EV_IN_KJ_PER_MOL, "the energies are in kJ/mol, the forces in eV/Å (factor 96.49)"),
    (1 / EV_IN_KJ_PER_MOL, "the energies are in eV, the forces in kJ/mol/Å (factor 96.49)"),
)
"""ΔE over work, and what has happened where it is met."""


@dataclass(frozen=True)
class Consistency:
    """How well the change of the energy between neighbouring frames agrees with the work of the forces."""

    n_pairs: int
    """Pairs that were near enough to be compared."""
    slope: float
    """Of ΔE over the work, through the origin; 1 where the labels are right."""
    correlation: float
    """Of ΔE with the work; 1 where the labels are right."""
    residual_ev: float
    """Root mean square of ΔE − work, eV of the whole cell."""
    scale_ev: float
    """Root mean square of ΔE, eV: what the residual is to be compared with."""

    @property
    def agrees(self) -> bool:
        """Whether the forces are those of these energies at these positions."""
        return self.correlation >= MIN_CORRELATION and abs(self.slope - 1) <= MAX_DEVIATION

    def sentence(self, n_atoms: int) -> str:
        """What was found, and where it is wrong, the likely cause."""
        numbers = f"slope {self.slope:.4g}, correlation {self.correlation:.4f} over {self.n_pairs} pairs of frames"
        if self.agrees:
            return f"Energies and forces belong together: {numbers}."
        return f"Energies and forces do not belong together ({numbers}): {cause(self.slope, self.correlation, n_atoms)}."


def cause(slope: float, correlation: float, n_atoms: int) -> str:
    """Return what most likely happened where ΔE is ``slope`` times the work."""
    if abs(correlation) < MIN_CORRELATION:
        return "the forces are those of other frames, or of atoms in another order; pair each frame with its own forces, in its own order"
    if slope < 0:
        return "the forces have the wrong sign: they are gradients; turn them round"
    for factor, words in (*_FACTORS, (1 / n_atoms, f"the energies are per atom (factor {n_atoms}); give those of the whole cell")):
        if abs(slope / factor - 1) < 0.05:
            return f"{words}; give energies in eV and forces in eV/Å"
    return f"they differ by the factor {slope:.4g}; give energies in eV, forces in eV/Å and positions in Å"


def works(frames: Frames) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return ``(n_frames − 1,)`` the work −½ (F₁ + F₂)·Δx in eV from each frame to the next, and whether they are near enough for it.

    Displacements are those to the nearest image. Frames are near where no atom has moved further than ``MAX_DISPLACEMENT`` and the cell
    is the same. Raises ``ValueError`` without forces.
    """
    if frames.forces is None:
        raise ValueError("the work of the forces was asked for, but these frames carry no forces")
    moved = np.diff(frames.positions, axis=0)
    largest = np.abs(moved).max(axis=(1, 2), initial=0.0)
    # folding costs more than all the rest: only where an atom has crossed the boundary
    for k in np.flatnonzero(np.isfinite(largest) & (largest > MAX_DISPLACEMENT)):
        cell = frames.cells[k]
        if abs(np.linalg.det(cell)) > 0:
            moved[k] -= np.rint(moved[k] @ np.linalg.inv(cell)) @ cell
    near = np.linalg.norm(moved, axis=2).max(axis=1, initial=0.0) <= MAX_DISPLACEMENT
    near &= np.isclose(frames.cells[1:], frames.cells[:-1], rtol=0, atol=1e-6).all(axis=(1, 2))
    work: NDArray[np.float64] = -0.5 * np.einsum("fia,fia->f", frames.forces[1:] + frames.forces[:-1], moved)
    return work, near


def compare(changes: NDArray[np.float64], work: NDArray[np.float64]) -> Consistency | None:
    """Return how the changes of the energy ``(n_pairs,)`` go with the work ``(n_pairs,)``, eV; ``None`` from too few pairs."""
    known = np.isfinite(changes) & np.isfinite(work)
    x, y = work[known], changes[known]
    if len(x) < MIN_PAIRS or not x.any() or not y.any():
        return None
    norms = float(np.sqrt((x @ x) * (y @ y)))
    return Consistency(
        n_pairs=len(x), slope=float((x @ y) / (x @ x)), correlation=float((x @ y) / norms),
        residual_ev=float(np.sqrt(np.mean((y - x) ** 2))), scale_ev=float(np.sqrt(np.mean(y**2))),
    )  # fmt: skip


def implausible(squared_force: float, energy_deviation: float | None, temperature: float, n_atoms: int) -> str | None:
    """Say in one sentence why forces or energies cannot be in eV/Å and eV at this temperature; ``None`` where they can.

    This needs no neighbours in time. ⟨F²⟩/kT is the mean curvature of the potential (``squared_force``: mean over atoms and Cartesian
    components, eV²/Å²), and the potential energy of a solid fluctuates by about √(3N/2) kT, that of a run that warms up by at most
    3N/2 kT (``energy_deviation``, eV; ``None`` is not judged). A unit that is wrong by a factor of 27 or 51 lies outside of what
    molecules can have.
    """
    thermal = BOLTZMANN * temperature
    stiffness = squared_force / thermal
    low, high = STIFFNESS_RANGE
    if not low <= stiffness <= high:
        size, why = "small", "Hartree/bohr would be 51.42 times smaller"
        if stiffness > high:
            size, why = "large", "kcal/mol/Å would be 23.06 times larger, Hartree/bohr converted twice 51.42 times"
        return (
            f"The forces are too {size} for {temperature:.0f} K (⟨F²⟩/kT is {stiffness:.3g} eV/Å², but {low:g} to {high:g} is what "
            f"molecules have): they are not in eV/Å; {why}."
        )
    if energy_deviation is None:
        return None
    least, most = MIN_FLUCTUATION_SHARE * np.sqrt(1.5 * n_atoms) * thermal, 1.5 * n_atoms * thermal
    if not least <= energy_deviation <= max(most, 10 * least):
        size, why = ("little", "Hartree would be 27.2114 times smaller, or they are per atom")
        if energy_deviation > least:
            size, why = ("much", "kJ/mol or kcal/mol, or converted twice")
        return (
            f"The energies fluctuate too {size} for {n_atoms} atoms at {temperature:.0f} K ({energy_deviation:.3g} eV, but {least:.2g} to "
            f"{max(most, 10 * least):.2g} eV is what {n_atoms} atoms do): they are not in eV of the whole cell; {why}."
        )
    return None

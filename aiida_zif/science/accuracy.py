# SPDX-License-Identifier: MIT
"""How far a model is from its reference: mean absolute and root mean square errors, per property and per element."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

MILLI = 1000.0


@dataclass(frozen=True)
class Accuracy:
    """Errors over a set of frames. Forces and stresses are counted by component, energies by atom, without shifting them."""

    n_frames: int
    """Frames compared."""
    n_atoms: int
    """Atoms in each."""
    energy_mae_mev_per_atom: float
    """⟨|ΔE|⟩ / n_atoms."""
    energy_rmse_mev_per_atom: float
    """√⟨ΔE²⟩ / n_atoms."""
    forces_mae_mev_per_angstrom: float
    """⟨|ΔF|⟩ over all components."""
    forces_rmse_mev_per_angstrom: float
    """√⟨ΔF²⟩ over all components."""
    forces_std_mev_per_angstrom: float
    """Standard deviation of the reference's force components: the error of a model that says zero, by root mean square."""
    forces_mae_relative: float | None
    """``forces_mae / forces_std``; ``None`` where all reference forces are equal."""
    per_element: dict[str, float]
    """Mean absolute error of the force components on the atoms of each element, meV/Å."""
    stress_mae_mpa: float | None
    """⟨|Δσ|⟩ over the six components; ``None`` where no frame has a reference stress, or the model gives none."""
    stress_rmse_mpa: float | None
    """√⟨Δσ²⟩ over the six components; ``None`` as above."""
    n_stress_frames: int
    """Frames whose stress was compared: those with all six reference components."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python, fit for JSON."""
        return asdict(self)


def compare(reference: Frames, predicted: Frames) -> Accuracy:
    """Return the errors of ``predicted`` against ``reference``, frame by frame.

    Raises ``ValueError`` if there are no frames, the two are not the same atoms in the same cells, one lacks energies or forces,
    the reference holds a number that is not finite there, or the model predicts one.
    """
    if not len(reference):
        raise ValueError("there are no frames to compare")
    if reference.species != predicted.species or reference.cells.shape != predicted.cells.shape:
        raise ValueError(
            f"{len(predicted)} predicted frames of {len(predicted.species)} atoms are not those of the reference, "
            f"{len(reference)} frames of {len(reference.species)} atoms in the same order"
        )
    if not np.allclose(reference.cells, predicted.cells, rtol=0, atol=1e-4):
        raise ValueError("the predicted frames are in other cells than the reference: predict the reference's frames, in its order")
    n_atoms = len(reference.species)
    energy = _difference("energies", reference.energies, predicted.energies) / n_atoms * MILLI
    forces = _difference("forces", reference.forces, predicted.forces) * MILLI
    assert reference.forces is not None  # _difference raised otherwise
    std = float(reference.forces.std()) * MILLI
    mae = float(np.abs(forces).mean())
    stress = _stress_difference(reference, predicted)
    return Accuracy(
        n_frames=len(reference),
        n_atoms=n_atoms,
        energy_mae_mev_per_atom=float(np.abs(energy).mean()),
        energy_rmse_mev_per_atom=_rms(energy),
        forces_mae_mev_per_angstrom=mae,
        forces_rmse_mev_per_angstrom=_rms(forces),
        forces_std_mev_per_angstrom=std,
        forces_mae_relative=mae / std if std > 0 else None,
        per_element={symbol: float(np.abs(forces[:, reference.indices_of(symbol)]).mean()) for symbol in sorted(set(reference.species))},
        stress_mae_mpa=float(np.abs(stress).mean()) if len(stress) else None,
        stress_rmse_mpa=_rms(stress) if len(stress) else None,
        n_stress_frames=len(stress),
    )


def _difference(name: str, reference: NDArray[np.float64] | None, predicted: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return predicted − reference, or raise where either is missing or not finite: a model's NaN must never be averaged away."""
    for whose, values in (("reference", reference), ("model", predicted)):
        if values is None:
            raise ValueError(f"the {whose} has no {name}: an accuracy needs energies and forces of both")
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} of the {whose} hold numbers that are not finite: leave such frames out, or mend the model")
    assert reference is not None
    assert predicted is not None
    return predicted - reference


def _stress_difference(reference: Frames, predicted: Frames) -> NDArray[np.float64]:
    """Return ``(n_stress_frames, 6)`` in MPa over the frames with a whole reference stress; none where the model gives no stress."""
    if reference.stresses is None or predicted.stresses is None:
        return np.empty((0, 6))
    known = np.isfinite(reference.stresses).all(axis=1)
    if not np.isfinite(predicted.stresses[known]).all():
        raise ValueError("the stresses of the model hold numbers that are not finite: leave such frames out, or mend the model")
    difference: NDArray[np.float64] = predicted.stresses[known] - reference.stresses[known]
    return difference * EV_PER_CUBIC_ANGSTROM_IN_MPA


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))

# SPDX-License-Identifier: MIT
"""How far a model is from its reference: mean absolute and root mean square errors with error bars, per property and per element."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.comparison import Comparison, compare_frames
from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate, mean_of_series
from aiida_zif.science.units import EV_PER_CUBIC_ANGSTROM_IN_MPA

MILLI = 1000.0


@dataclass(frozen=True)
class Accuracy:
    """Errors over a set of frames. Forces and stresses are counted by component, energies by atom, without shifting them.

    An ``…_mae_error_…`` is the standard error of the mean absolute error over the frames, which knows that frames of one trajectory
    resemble each other (``science.statistics.mean_of_series``); not finite where the frames are too few to tell.
    """

    n_frames: int
    """Frames compared."""
    n_atoms: int | None
    """Atoms in each; ``None`` where they differ."""
    energy_mae_mev_per_atom: float
    """⟨|ΔE| / n_atoms⟩."""
    energy_mae_error_mev_per_atom: float
    energy_rmse_mev_per_atom: float
    """√⟨(ΔE / n_atoms)²⟩."""
    forces_mae_mev_per_angstrom: float
    """⟨|ΔF|⟩ over all components."""
    forces_mae_error_mev_per_angstrom: float
    forces_rmse_mev_per_angstrom: float
    """√⟨ΔF²⟩ over all components."""
    forces_std_mev_per_angstrom: float
    """Standard deviation of the reference's force components: the error of a model that says zero, by root mean square."""
    forces_mae_relative: float | None
    """``forces_mae / forces_std``; ``None`` where all reference forces are equal."""
    per_element: dict[str, float]
    """Mean absolute error of the force components on the atoms of each element, meV/Å."""
    per_element_rmse: dict[str, float]
    """Root mean square error of the same, meV/Å."""
    stress_mae_mpa: float | None
    """⟨|Δσ|⟩ over the six components; ``None`` where no frame has a reference stress, or the model gives none."""
    stress_mae_error_mpa: float | None
    stress_rmse_mpa: float | None
    """√⟨Δσ²⟩ over the six components; ``None`` as above."""
    pressure_bias_mpa: float | None
    """⟨ΔP⟩, P = −trace(σ)/3 without the kinetic part: by how much the model's mean pressure is too high; ``None`` as above."""
    pressure_bias_error_mpa: float | None
    n_stress_frames: int
    """Frames whose stress was compared: those with all six reference components."""
    n_independent: dict[str, float]
    """How many independent frames the ``energy``, ``forces`` and ``stress`` errors are worth."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python, fit for JSON."""
        return asdict(self)


def compare(reference: Frames, predicted: Frames) -> Accuracy:
    """Return the errors of ``predicted`` against ``reference``, frames of one series in time. Raises as ``compare_frames`` does."""
    return summarise(compare_frames(reference, predicted))


def summarise(found: Comparison, series: NDArray[np.int64] | None = None) -> Accuracy:
    """Return the errors over compared frames; each belongs to one of ``series`` ``(n_frames,)``, within which they stand in time order.

    Without ``series`` all frames are of one. Raises ``ValueError`` without a frame.
    """
    if not len(found):
        raise ValueError("there are no frames to compare")
    series = np.zeros(len(found), dtype=np.int64) if series is None else series
    components, absolute, square = (part.sum(axis=0) for part in (found.force_components, found.force_absolute, found.force_square))
    total = int(components.sum())
    energy = found.energy_errors * MILLI
    energy_mae = mean_of_series(np.abs(energy), series)
    # frames of more atoms weigh more: by component, as the mean itself
    forces_mae = mean_of_series(found.force_absolute.sum(axis=1) / (total / len(found)) * MILLI, series)
    mean, mean_square = found.reference_forces.sum(axis=0) / total
    std = float(np.sqrt(max(0.0, mean_square - mean**2))) * MILLI
    known = found.has_stress
    stress = (found.stresses[known, 1] - found.stresses[known, 0]) * EV_PER_CUBIC_ANGSTROM_IN_MPA
    stress_mae = mean_of_series(np.abs(stress).mean(axis=1), series[known]) if known.any() else None
    bias = mean_of_series(-stress[:, :3].mean(axis=1), series[known]) if known.any() else None
    sizes = np.unique(found.n_atoms)
    there = [(k, symbol) for k, symbol in enumerate(found.elements) if components[k]]
    return Accuracy(
        n_frames=len(found),
        n_atoms=int(sizes[0]) if len(sizes) == 1 else None,
        energy_mae_mev_per_atom=energy_mae.mean,
        energy_mae_error_mev_per_atom=energy_mae.error,
        energy_rmse_mev_per_atom=float(np.sqrt(np.mean(energy**2))),
        forces_mae_mev_per_angstrom=forces_mae.mean,
        forces_mae_error_mev_per_angstrom=forces_mae.error,
        forces_rmse_mev_per_angstrom=float(np.sqrt(square.sum() / total)) * MILLI,
        forces_std_mev_per_angstrom=std,
        forces_mae_relative=forces_mae.mean / std if std > 0 else None,
        per_element={symbol: float(absolute[k] / components[k]) * MILLI for k, symbol in there},
        per_element_rmse={symbol: float(np.sqrt(square[k] / components[k])) * MILLI for k, symbol in there},
        stress_mae_mpa=None if stress_mae is None else stress_mae.mean,
        stress_mae_error_mpa=None if stress_mae is None else stress_mae.error,
        stress_rmse_mpa=float(np.sqrt(np.mean(stress**2))) if known.any() else None,
        pressure_bias_mpa=None if bias is None else bias.mean,
        pressure_bias_error_mpa=None if bias is None else bias.error,
        n_stress_frames=int(known.sum()),
        n_independent=_independent(energy=energy_mae, forces=forces_mae, stress=stress_mae),
    )


def _independent(**estimates: Estimate | None) -> dict[str, float]:
    return {name: round(found.n_eff, 1) for name, found in estimates.items() if found is not None}

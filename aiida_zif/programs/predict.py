# SPDX-License-Identifier: MIT
"""A model's energies, forces and stresses of labelled frames, and what is kept of them batch by batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_zif.programs.potential import Potential
from aiida_zif.science.breakdown import Origins
from aiida_zif.science.comparison import Comparison, compare_frames, join
from aiida_zif.science.frames import Frames, to_voigt
from aiida_zif.science.parity import Parity

UNUSABLE = "the frames cannot be used: "
"""How a sentence begins that is about the frames and not about the model."""


def predict(potential: Potential, frames: Frames) -> Frames:
    """Return the frames with the model's energies, forces and stresses instead of the reference's; NaN where it gives no number.

    Raises ``ValueError`` where the model does not know an element.
    """
    types = types_of(potential, frames.species)
    energies = np.full(len(frames), np.nan)
    forces = np.full_like(frames.positions, np.nan)
    stresses = np.full((len(frames), 6), np.nan)
    for k, (positions, cell, volume) in enumerate(zip(frames.positions, frames.cells, frames.volumes, strict=True)):
        try:
            energies[k], forces[k], virial = potential.evaluate(positions, cell, types)
        except FloatingPointError:
            continue
        stresses[k] = to_voigt(-virial / volume)
    return Frames(frames.species, frames.positions, frames.cells, energies=energies, forces=forces, stresses=stresses)


def types_of(potential: Potential, species: Sequence[str]) -> NDArray[np.int64]:
    """Return ``(n_atoms,)`` places in the model's type names. Raises ``ValueError`` where it does not know an element."""
    unknown = sorted(set(species) - set(potential.type_names))
    if unknown:
        raise ValueError(f"the model knows {' '.join(potential.type_names)}, and the frames contain {' '.join(unknown)}: use another model")
    return np.array([potential.type_names.index(symbol) for symbol in species], dtype=np.int64)


class Predictions:
    """Predictions of frames that come in batches: numbers per frame, and the forces as counts in squares."""

    def __init__(self, potential: Potential) -> None:
        self._potential = potential
        self._parts: list[Comparison] = []
        self._kept: list[NDArray[np.intp]] = []
        self._steps: list[NDArray[np.int64]] = []
        self._composition: list[NDArray[np.int64]] = []
        self._species: list[tuple[str, ...]] = []
        self._parity: dict[str, Parity] = {}
        self.n_frames = 0
        """Frames that came, those without a prediction too."""

    def add(self, reference: Frames) -> None:
        """Predict and compare a batch. Raises ``ValueError`` for labels that are missing or no numbers, or an unknown element."""
        if reference.energies is None or reference.forces is None:
            raise ValueError(f"{UNUSABLE}they lack {'an energy' if reference.energies is None else 'forces'}, so that there is no error")
        predicted = predict(self._potential, reference)
        assert predicted.energies is not None
        assert predicted.stresses is not None
        usable = np.isfinite(predicted.energies)
        if reference.stresses is not None:
            usable &= np.isfinite(predicted.stresses).all(axis=1) | ~np.isfinite(reference.stresses).all(axis=1)
        good = np.flatnonzero(usable)
        if reference.species not in self._species:
            self._species.append(reference.species)
        self._kept.append(self.n_frames + good)
        self._steps.append(self.n_frames + np.arange(len(reference)) if reference.steps is None else reference.steps)
        self.n_frames += len(reference)
        if not len(good):
            return
        reference, predicted = reference.select(good), predicted.select(good)
        self._parts.append(compare_frames(reference, predicted))
        self._composition.append(np.full(len(good), self._species.index(reference.species)))
        assert reference.forces is not None
        assert predicted.forces is not None
        for symbol in self._parts[-1].elements:
            mine = reference.indices_of(symbol)
            self._parity.setdefault(symbol, Parity()).add(reference.forces[:, mine], predicted.forces[:, mine])

    @property
    def compositions(self) -> list[str]:
        """The compositions in the order of their first appearance, as ``C12 H12 N8 Zn2``."""
        return [" ".join(f"{symbol}{species.count(symbol)}" for symbol in sorted(set(species))) for species in self._species]

    def own_origins(self) -> Origins:
        """Return what the frames themselves say of where they came from: their steps, as those of one trajectory."""
        steps = np.concatenate(self._steps)
        return Origins(np.zeros(len(steps), dtype=np.int64), steps, np.full(len(steps), np.nan))

    def result(self) -> tuple[Comparison, NDArray[np.intp], NDArray[np.int64]]:
        """Return the comparison of all frames with a prediction, which of all these are, and their composition.

        Raises ``ValueError`` where there is not one.
        """
        if not self._parts:
            raise ValueError(f"the model gave no number for any of {self.n_frames} frames: they lie far outside its training")
        return join(self._parts), np.concatenate(self._kept), np.concatenate(self._composition)

    def arrays(self, origins: Origins) -> dict[str, NDArray[np.generic]]:
        """Return what is kept frame by frame: energies eV, forces eV/Å, stresses eV/Å³; the parity of force components by element."""
        found, _, _ = self.result()
        components = found.force_components.sum(axis=1)
        arrays: dict[str, NDArray[np.generic]] = {
            "trajectory": origins.trajectory, "step": origins.step, "temperature": origins.temperature, "n_atoms": found.n_atoms,
            "energy_reference": found.energies[:, 0], "energy_predicted": found.energies[:, 1],
            "forces_mae": found.force_absolute.sum(axis=1) / components, "forces_rmse": found.force_rmse,
            "stress_reference": found.stresses[:, 0], "stress_predicted": found.stresses[:, 1],
        }  # fmt: skip
        for symbol, parity in sorted(self._parity.items()):
            arrays |= {f"parity_{symbol}": parity.counts, f"parity_edges_{symbol}": parity.edges}
        return arrays

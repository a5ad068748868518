# SPDX-License-Identifier: MIT
"""A model beside its reference, frame by frame: some 150 bytes a frame, from which every error is made, and batches of which join."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is kept of compared frames; whatever else is known of an error is a sum over these."""

    elements: tuple[str, ...]
    """Symbols in alphabetical order: the second axis of what is told apart by element."""
    n_atoms: NDArray[np.int64]
    """``(n_frames,)``."""
    energies: NDArray[np.float64]
    """``(n_frames, 2)``: reference and prediction, of the whole cell, eV."""
    force_components: NDArray[np.int64]
    """``(n_frames, n_elements)``: three for each atom."""
    force_absolute: NDArray[np.float64]
    """``(n_frames, n_elements)``: Σ|ΔF| over the components, eV/Å."""
    force_square: NDArray[np.float64]
    """``(n_frames, n_elements)``: ΣΔF² over the components, (eV/Å)²."""
    reference_forces: NDArray[np.float64]
    """``(n_frames, 2)``: ΣF and ΣF² over the components of the reference, eV/Å and (eV/Å)²."""
    stresses: NDArray[np.float64]
    """``(n_frames, 2, 6)``: reference and prediction, eV/Å³, tension positive, Voigt; NaN unless all six are known of both."""

    def __len__(self) -> int:
        return len(self.n_atoms)

    def select(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Comparison:
        """Return the frames that ``which`` (indices or mask) names, in that order; all elements keep their place."""
        return replace(self, **{name: getattr(self, name)[which] for name in _PER_FRAME})

    @property
    def energy_errors(self) -> NDArray[np.float64]:
        """``(n_frames,)``: prediction − reference, eV per atom."""
        errors: NDArray[np.float64] = (self.energies[:, 1] - self.energies[:, 0]) / self.n_atoms
        return errors

    @property
    def force_rmse(self) -> NDArray[np.float64]:
        """``(n_frames,)``: root mean square over all components of a frame, eV/Å."""
        rmse: NDArray[np.float64] = np.sqrt(self.force_square.sum(axis=1) / self.force_components.sum(axis=1))
        return rmse

    @property
    def has_stress(self) -> NDArray[np.bool_]:
        """``(n_frames,)``: whether the stress was compared."""
        known: NDArray[np.bool_] = np.isfinite(self.stresses).all(axis=(1, 2))
        return known


_PER_FRAME = ("n_atoms", "energies", "force_components", "force_absolute", "force_square", "reference_forces", "stresses")


def compare_frames(reference: Frames, predicted: Frames) -> Comparison:
    """Return ``predicted`` beside ``reference``, which are the same frames in the same order.

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
    energies = np.stack(_both("energies", reference.energies, predicted.energies), axis=1)
    forces, given = _both("forces", reference.forces, predicted.forces)
    error = given - forces
    elements = tuple(sorted(set(reference.species)))
    atoms = [reference.indices_of(symbol) for symbol in elements]
    n_frames = len(reference)
    return Comparison(
        elements=elements,
        n_atoms=np.full(n_frames, len(reference.species)),
        energies=energies,
        force_components=np.tile(np.array([3 * len(mine) for mine in atoms]), (n_frames, 1)),
        force_absolute=np.stack([np.abs(error[:, mine]).sum(axis=(1, 2)) for mine in atoms], axis=1),
        force_square=np.stack([(error[:, mine] ** 2).sum(axis=(1, 2)) for mine in atoms], axis=1),
        reference_forces=np.stack([forces.sum(axis=(1, 2)), (forces**2).sum(axis=(1, 2))], axis=1),
        stresses=_stresses(reference, predicted),
    )


def join(parts: Sequence[Comparison]) -> Comparison:
    """Return all frames of ``parts`` in order; elements that a part lacks have no components there. Raises ``ValueError`` without any."""
    if not parts:
        raise ValueError("there are no frames to compare")
    elements = tuple(sorted({symbol for part in parts for symbol in part.elements}))
    spread = [_spread(part, elements) for part in parts]
    return Comparison(elements, **{name: np.concatenate([getattr(part, name) for part in spread]) for name in _PER_FRAME})


def _spread(part: Comparison, elements: tuple[str, ...]) -> Comparison:
    """Return ``part`` with a column for each of ``elements``."""
    if part.elements == elements:
        return part
    place = [elements.index(symbol) for symbol in part.elements]
    wide = {}
    for name in ("force_components", "force_absolute", "force_square"):
        narrow = getattr(part, name)
        wide[name] = np.zeros((len(part), len(elements)), dtype=narrow.dtype)
        wide[name][:, place] = narrow
    return replace(part, elements=elements, **wide)


def _both(
    name: str, reference: NDArray[np.float64] | None, predicted: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both, or raise where either is missing or not finite: a model's NaN must never be averaged away."""
    for whose, values in (("reference", reference), ("model", predicted)):
        if values is None:
            raise ValueError(f"the {whose} has no {name}: an accuracy needs energies and forces of both")
        if not np.isfinite(values).all():
            raise ValueError(f"the {name} of the {whose} hold numbers that are not finite: leave such frames out, or mend the model")
    assert reference is not None
    assert predicted is not None
    return reference, predicted


def _stresses(reference: Frames, predicted: Frames) -> NDArray[np.float64]:
    """Return ``(n_frames, 2, 6)``, NaN but for the frames with a whole reference stress; all NaN where the model gives no stress."""
    both = np.full((len(reference), 2, 6), np.nan)
    if reference.stresses is None or predicted.stresses is None:
        return both
    known = np.isfinite(reference.stresses).all(axis=1)
    if not np.isfinite(predicted.stresses[known]).all():
        raise ValueError("the stresses of the model hold numbers that are not finite: leave such frames out, or mend the model")
    both[known, 0], both[known, 1] = reference.stresses[known], predicted.stresses[known]
    return both

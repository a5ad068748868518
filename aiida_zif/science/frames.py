# SPDX-License-Identifier: MIT
"""Frames: the thing that flows through the project, from AIMD to the elastic constants of the glass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.science.units import AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3, BOLTZMANN, KINETIC_ENERGY_IN_EV

VOIGT: tuple[tuple[int, int], ...] = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Voigt order xx yy zz yz xz xy as index pairs."""

PER_FRAME: tuple[str, ...] = (
    "positions", "cells", "energies", "forces", "stresses", "velocities", "steps", "times", "temperatures",
)  # fmt: skip
"""The fields with one entry per frame, along their first axis."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Configurations of one set of atoms, in Å, eV, ps, K, amu. A field that is not known is ``None``.

    Raises ``ValueError`` where two shapes do not fit together.
    """

    species: tuple[str, ...]
    """Chemical symbols, ``(n_atoms,)``."""
    positions: NDArray[np.float64]
    """``(n_frames, n_atoms, 3)``, Cartesian, Å."""
    cells: NDArray[np.float64]
    """``(n_frames, 3, 3)``, vectors as rows, Å."""
    energies: NDArray[np.float64] | None = None
    """``(n_frames,)``, potential energy of the whole cell, eV."""
    forces: NDArray[np.float64] | None = None
    """``(n_frames, n_atoms, 3)``, Cartesian, eV/Å."""
    stresses: NDArray[np.float64] | None = None
    """``(n_frames, 6)``, tension positive, Voigt order xx yy zz yz xz xy, eV/Å³; NaN where unknown; of what ``stress_content`` says."""
    velocities: NDArray[np.float64] | None = None
    """``(n_frames, n_atoms, 3)``, Cartesian, Å/ps."""
    steps: NDArray[np.int64] | None = None
    """``(n_frames,)``, MD step."""
    times: NDArray[np.float64] | None = None
    """``(n_frames,)``, ps."""
    temperatures: NDArray[np.float64] | None = None
    """``(n_frames,)``, instantaneous, K."""
    masses: NDArray[np.float64] | None = None
    """``(n_atoms,)``, those of the run, amu."""
    stress_content: Literal["virial", "estimated", "total"] = "virial"
    """``virial``: kinetic part removed with the velocities and masses of the run; ``estimated``: removed with velocities estimated by
    central differences of positions; ``total``: virial and kinetic part, as the program printed them."""

    def __post_init__(self) -> None:
        n_frames, n_atoms = len(self.positions), len(self.species)
        shapes = {
            "positions": (n_frames, n_atoms, 3), "forces": (n_frames, n_atoms, 3), "velocities": (n_frames, n_atoms, 3),
            "cells": (n_frames, 3, 3), "stresses": (n_frames, 6), "energies": (n_frames,), "steps": (n_frames,),
            "times": (n_frames,), "temperatures": (n_frames,), "masses": (n_atoms,),
        }  # fmt: skip
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise ValueError(f"{name} has shape {np.shape(value)}, but {n_frames} frames of {n_atoms} atoms need {shape}")

    def __len__(self) -> int:
        return len(self.positions)

    def select(self, which: ArrayLike | slice) -> Frames:
        """Return the frames that ``which`` (indices, mask or slice) names, in that order."""
        index = which if isinstance(which, slice) else np.atleast_1d(np.asarray(which))
        if not isinstance(index, slice) and not index.size:
            index = index.astype(np.intp)  # an empty list is one of floats to numpy
        chosen = {name: value[index] for name in PER_FRAME if (value := getattr(self, name)) is not None}
        return replace(self, **chosen)

    @property
    def volumes(self) -> NDArray[np.float64]:
        """``(n_frames,)``, Å³."""
        volumes: NDArray[np.float64] = np.abs(np.linalg.det(self.cells))
        return volumes

    @property
    def densities(self) -> NDArray[np.float64]:
        """``(n_frames,)``, g/cm³. Raises ``ValueError`` without masses."""
        if self.masses is None:
            raise ValueError("a density needs the masses of the run, which these frames do not carry")
        densities: NDArray[np.float64] = self.masses.sum() * AMU_PER_CUBIC_ANGSTROM_IN_G_PER_CM3 / self.volumes
        return densities

    def indices_of(self, symbol: str) -> NDArray[np.intp]:
        """Return the indices of the atoms of one element."""
        return np.flatnonzero(np.array(self.species) == symbol)


def concatenate(parts: Sequence[Frames]) -> Frames:
    """Return all frames of ``parts`` in order; a field that one part lacks is dropped.

    Raises ``ValueError`` if there are none, the species or masses differ, or their stresses hold different parts.
    """
    if not parts:
        raise ValueError("there are no frames to join")
    if any(part.species != parts[0].species for part in parts):
        raise ValueError("frames of different atoms cannot be joined into one")
    masses = parts[0].masses
    for part in parts:
        if part.masses is None or masses is None:
            masses = None
        elif not np.allclose(part.masses, masses, rtol=1e-5):
            raise ValueError("frames of runs with different masses cannot be joined into one")
    joined = {
        name: None if any(getattr(part, name) is None for part in parts) else np.concatenate([getattr(part, name) for part in parts])
        for name in PER_FRAME
    }
    contents = {part.stress_content for part in parts if part.stresses is not None} or {parts[0].stress_content}
    if len(contents) > 1:
        raise ValueError(f"stresses that hold different parts ({', '.join(sorted(contents))}) cannot be joined into one series")
    return Frames(species=parts[0].species, masses=masses, stress_content=contents.pop(), **joined)  # type: ignore[arg-type]


def kinetic_temperature(velocities: NDArray[np.float64], masses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_frames,)`` temperatures in K, T = Σ m v² / ((3N − 3) k), the centre of mass being at rest.

    Raises ``ValueError`` for a single atom.
    """
    degrees = 3 * len(masses) - 3
    if degrees <= 0:
        raise ValueError("one atom whose centre of mass is at rest has no temperature")
    twice: NDArray[np.float64] = np.einsum("i,fia,fia->f", masses, velocities, velocities) * KINETIC_ENERGY_IN_EV
    return twice / (degrees * BOLTZMANN)


def kinetic_stress(velocities: NDArray[np.float64], masses: NDArray[np.float64], volumes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_frames, 6)`` the kinetic part of the *pressure* tensor, Σ m v v / V, eV/Å³, Voigt order."""
    tensor = np.einsum("i,fia,fib->fab", masses, velocities, velocities) * KINETIC_ENERGY_IN_EV / volumes[:, None, None]
    return to_voigt(tensor)


def to_voigt(tensor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(..., 6)`` of the symmetric part of ``(..., 3, 3)``."""
    return np.stack([(tensor[..., a, b] + tensor[..., b, a]) / 2 for a, b in VOIGT], axis=-1)


def from_voigt(voigt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric ``(..., 3, 3)`` of ``(..., 6)``."""
    tensor = np.empty((*np.shape(voigt)[:-1], 3, 3))
    for k, (a, b) in enumerate(VOIGT):
        tensor[..., a, b] = tensor[..., b, a] = voigt[..., k]
    return tensor


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Frames))

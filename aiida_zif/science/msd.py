# SPDX-License-Identifier: MIT
"""Mean squared displacements, from trajectories in which no atom jumps through the walls of the cell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames


@dataclass(frozen=True, eq=False)
class Msd:
    """Mean squared displacement of one element, or of all atoms."""

    lags: NDArray[np.int64]
    """``(n_frames,)``, in frames, from 0."""
    times: NDArray[np.float64] | None
    """``(n_frames,)``, ps; ``None`` where the frames carry no times."""
    msd: NDArray[np.float64]
    """``(n_frames,)``, averaged over atoms and all origins, Å². The longest lags rest on few origins."""


def mean_squared_displacement(frames: Frames, species: str | None = None, *, drift: bool = False) -> Msd:
    """Return ⟨|r(t₀ + t) − r(t₀)|²⟩ over all origins t₀; ``frames`` unwrapped (see :func:`unwrap`) and equally spaced in time.

    The displacement of the centre of mass (of the centre where no masses are known) is taken out unless ``drift``. In a changing cell the
    displacements are Cartesian ones, the cell's own motion included. By Fourier transform: G. R. Kneller et al., Comput. Phys. Commun. 91,
    191 (1995), doi:10.1016/0010-4655(95)00048-K.

    Raises ``ValueError`` where there is no frame, no such atom, or the times are not equally spaced.
    """
    n = len(frames)
    atoms = np.arange(len(frames.species)) if species is None else frames.indices_of(species)
    if not n or not len(atoms):
        raise ValueError(f"{n} frames with {len(atoms)} atoms of {species or 'any element'} were given; give one or more of each")
    times = None
    if frames.times is not None:
        times = frames.times - frames.times[0]
        if n > 1 and not np.allclose(np.diff(times), times[1], rtol=1e-6, atol=1e-9):
            raise ValueError("the frames are not equally spaced in time; select every n-th of one run, or run the parts one by one")
    positions = frames.positions
    if not drift:
        weights = np.ones(len(frames.species)) if frames.masses is None else frames.masses
        positions = positions - np.einsum("i,fia->fa", weights / weights.sum(), positions)[:, None]
    path = positions[:, atoms] - positions[:1, atoms]
    return Msd(np.arange(n), times, np.maximum(all_origins(path), 0.0))


def unwrap(frames: Frames) -> Frames:
    """Return the frames with every atom on a continuous path: between two frames it takes the nearest way, in fractional coordinates.

    Right where no atom moves by half a cell between two frames.
    """
    inverse = np.linalg.inv(frames.cells)
    fractional = np.einsum("fia,fab->fib", frames.positions, inverse)
    steps = np.diff(fractional, axis=0)
    fractional[1:] -= np.cumsum(np.round(steps), axis=0)
    return replace(frames, positions=np.einsum("fia,fab->fib", fractional, frames.cells))


def all_origins(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(n_frames,)`` of ``path`` ``(n_frames, n_atoms, 3)``: Σ of squares by a recursion, cross term by FFT."""
    n = len(path)
    squares = np.einsum("fia,fia->f", path, path) / path.shape[1]
    origins = n - np.arange(n)
    before, after = np.concatenate([[0.0], np.cumsum(squares)]), np.concatenate([[0.0], np.cumsum(squares[::-1])])
    # Both ends of each pair: the first n − t frames and the last n − t frames.
    sums = before[origins] + after[origins]
    cross = np.zeros(n)
    for one in range(path.shape[1]):  # atom by atom: the transform of all of them at once can fill the memory
        spectrum = np.fft.rfft(path[:, one], 2 * n, axis=0)
        cross += np.fft.irfft((spectrum * spectrum.conj()).sum(axis=1).real, 2 * n)[:n]
    averaged: NDArray[np.float64] = (sums - 2 * cross / path.shape[1]) / origins
    return averaged

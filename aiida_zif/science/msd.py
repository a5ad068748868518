# SPDX-License-Identifier: MIT
"""Mean squared displacements, from trajectories in which no atom jumps through the walls of the cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.frames import Frames
from aiida_zif.science.statistics import Estimate

WINDOW = (0.1, 0.5)
"""Lags, in shares of the length of a part of the run, over which ⟨r²⟩ is a straight line if it ever is."""
DIFFUSIVE = (0.8, 1.2)
"""Exponents of ⟨r²⟩ ∝ t^α that are taken for diffusion; atoms that rattle in a cage have 0, those that fly have 2."""


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

    Raises ``ValueError`` where there are fewer than two frames, no such atom, or the times are not equally spaced.
    """
    n = len(frames)
    atoms = np.arange(len(frames.species)) if species is None else frames.indices_of(species)
    if n < 2 or not len(atoms):
        raise ValueError(f"{n} frames with {len(atoms)} atoms of {species or 'any element'} were given; a displacement needs two frames")
    times = None
    if frames.times is not None:
        times = frames.times - frames.times[0]
        if not np.allclose(np.diff(times), times[1], rtol=1e-6, atol=1e-9):
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


class Paths:
    """Continuous paths of some atoms, from frames that come one by one: no more than ``stored`` positions of each are kept.

    Every frame is looked at, so that an atom that crosses a wall is followed; the centre of mass of all atoms is taken out.
    """

    def __init__(self, atoms: NDArray[np.intp], weights: NDArray[np.float64], stride: int) -> None:
        self._atoms, self._weights, self._stride, self._seen = atoms, weights / weights.sum(), stride, 0
        self._last: NDArray[np.float64] | None = None
        self._kept: list[NDArray[np.float64]] = []

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> bool:
        """Follow the atoms into the next frame, ``(n_atoms, 3)`` and ``(3, 3)``, Å; say whether it was kept."""
        fractional = positions @ np.linalg.inv(cell)
        if self._last is not None:
            fractional -= np.round(fractional - self._last)
        self._last = fractional
        kept = self._seen % self._stride == 0
        self._seen += 1
        if kept:
            whole = fractional @ cell
            self._kept.append(whole[self._atoms] - self._weights @ whole)
        return kept

    def frames(self, species: Sequence[str], times: NDArray[np.float64] | None) -> Frames:
        """Return what was kept: of elements ``species``, at ``times``; the cells, which the paths need no more, are units."""
        n = len(self._kept)
        return Frames(tuple(species), np.stack(self._kept), np.repeat(np.eye(3)[None], n, axis=0), times=times)


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


def diffusion(frames: Frames, species: str | None = None, n_parts: int = 4, *, drift: bool = False) -> Estimate:
    """Return the self-diffusion coefficient, Å²/ps, from ⟨r²⟩ = 6 D t over ``WINDOW``; ``frames`` as for ``mean_squared_displacement``.

    Mean and standard error are those of ``n_parts`` consecutive parts of the run, which must each be longer than the motion remembers.
    Raises ``ValueError`` without times, where a part has fewer than 20 frames, or the motion is no diffusion.
    """
    if frames.times is None:
        raise ValueError("a diffusion coefficient needs times; give the time between two frames")
    size = len(frames) // n_parts
    if n_parts < 2 or size < 20:
        raise ValueError(f"a diffusion coefficient needs {n_parts} parts of 20 frames or more; {len(frames)} frames were given")
    whole = mean_squared_displacement(frames, species, drift=drift)
    parts = [mean_squared_displacement(frames.select(slice(k * size, (k + 1) * size)), species, drift=drift) for k in range(n_parts)]
    window = slice(max(1, int(WINDOW[0] * size)), int(WINDOW[1] * size) + 1)
    assert whole.times is not None
    time, squares = whole.times[window], whole.msd[window]
    if not (squares > 0).all():
        raise ValueError("no atom moved, so that there is no diffusion coefficient")
    exponent = float(np.polyfit(np.log(time), np.log(squares), 1)[0])
    if not DIFFUSIVE[0] <= exponent <= DIFFUSIVE[1]:
        raise ValueError(
            f"⟨r²⟩ grows as t^{exponent:.2f} from {time[0]:.3g} to {time[-1]:.3g} ps, but as t^1 where atoms diffuse: "
            "there is no diffusion coefficient; run longer or hotter"
        )
    found = np.array([np.polyfit(time, part.msd[window], 1)[0] / 6 for part in parts])
    return Estimate(float(found.mean()), float(found.std(ddof=1) / np.sqrt(n_parts)), float(n_parts))

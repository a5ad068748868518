# SPDX-License-Identifier: MIT
"""How fast bodies wander: mean squared displacement of each over all origins, and its slope with an error from one to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_zif.science.msd import all_origins
from aiida_zif.science.statistics import Estimate

FEWEST_FRAMES = 10
"""Fewer give no line to fit."""
FITTED = (0.1, 0.5)
"""Lags that the line is fitted to, as shares of the length: below is vibration, beyond there are too few origins."""


@dataclass(frozen=True, eq=False)
class Mobility:
    """Mean squared displacement of some bodies, and its slope."""

    lags_ps: NDArray[np.float64]
    """``(n_lags,)``, from 0 to half the length."""
    msd: NDArray[np.float64]
    """``(n_lags,)``, mean over bodies and origins, Å²."""
    slope: Estimate
    """Å²/ps, six times a diffusion coefficient where it is one; the error is that over bodies, taken as independent; NaN of one alone."""


def wander(paths: NDArray[np.float64], times: NDArray[np.float64]) -> Mobility:
    """Return the mobility of bodies along continuous ``paths`` ``(n_frames, n_bodies, 3)``, Å, at equally spaced ``times`` in ps.

    A line is fitted to the displacement of each body between 10 and 50 % of the length. In a solid the slopes scatter around 0.

    Raises ``ValueError`` for fewer than 10 frames, no body, or times that are not equally spaced.
    """
    n = len(paths)
    if n < FEWEST_FRAMES or not paths.shape[1]:
        raise ValueError(
            f"{n} frames of {paths.shape[1]} bodies are too few for a slope of the displacement; it needs {FEWEST_FRAMES} and one"
        )
    steps = np.diff(times)
    if not steps[0] > 0 or not np.allclose(steps, steps[0], rtol=1e-6, atol=1e-9):
        raise ValueError("the frames are not equally spaced in time, which a mean squared displacement over all origins needs")
    last = max(2, round(FITTED[1] * (n - 1)))
    each = np.stack([all_origins(paths[:, k : k + 1] - paths[:1, k : k + 1])[: last + 1] for k in range(paths.shape[1])])
    each = np.maximum(each, 0.0)
    lags = times[: last + 1] - times[0]
    fitted = slice(min(last - 1, max(1, round(FITTED[0] * (n - 1)))), last + 1)
    slopes = np.polyfit(lags[fitted], each[:, fitted].T, 1)[0]
    error = float(slopes.std(ddof=1) / np.sqrt(len(slopes))) if len(slopes) > 1 else float("nan")
    return Mobility(lags, each.mean(axis=0), Estimate(float(slopes.mean()), error, float(len(slopes))))

# SPDX-License-Identifier: MIT
"""A number measured in several glasses: how well each is known, and how far they differ, told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_zif.science.measured import Measured


@dataclass(frozen=True)
class Between:
    """Mean over glasses, and the two sources of its error; all in the unit of the number."""

    mean: float
    """Of all glasses, each counted once."""
    error: float | None
    """Standard error of the mean, spread/√n, which holds both sources; within/√n where the spread is by luck smaller than that.

    ``None`` of one glass, which says nothing of the next."""
    spread: float | None
    """Sample standard deviation over the glasses; ``None`` of one."""
    within: float
    """Typical error of one glass, √⟨σᵢ²⟩: longer runs lower it."""
    between: float | None
    """√(spread² − within²), or 0: how far glasses truly differ. Only more glasses help. ``None`` of one glass."""
    n: int


def between(values: Sequence[Measured]) -> Between:
    """Return mean, within-glass and between-glass error of ``values``, one per glass (variance components of a one-way layout).

    Raises ``ValueError`` without a glass, or where a value or its error is not finite or an error negative.
    """
    means, errors = (np.array([value[k] for value in values], dtype=float) for k in (0, 1))
    if not len(means) or not (np.isfinite(means).all() and np.isfinite(errors).all() and (errors >= 0).all()):
        raise ValueError(f"the values are {[tuple(value) for value in values]}, but must be finite numbers with errors, one or more")
    within = float(np.sqrt(np.mean(errors**2)))
    if len(means) == 1:
        return Between(float(means[0]), None, None, within, None, 1)
    spread = float(means.std(ddof=1))
    excess = float(np.sqrt(max(0.0, spread**2 - within**2)))
    return Between(float(means.mean()), max(spread, within) / float(np.sqrt(len(means))), spread, within, excess, len(means))

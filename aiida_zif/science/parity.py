# SPDX-License-Identifier: MIT
"""Predicted against reference as counts in squares: bounded, whatever the number of values, and not knowing their range beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

N_BINS = 128
"""Along each axis; a multiple of 4, so that the bins of a doubled range are pairs of the former ones."""


class Parity:
    """Counts of pairs (reference, prediction) in ``N_BINS`` × ``N_BINS`` squares over [−range, range]².

    The range is the smallest power of two times ``start`` that holds all values: where one lies outside, it is doubled and each two bins
    become one, so that the counts do not depend on the order in which the values came.
    """

    def __init__(self, start: float = 1.0) -> None:
        self.range = start
        """Half the width of the square, in the unit of the values."""
        self.counts: NDArray[np.int64] = np.zeros((N_BINS, N_BINS), dtype=np.int64)
        """First axis: reference; second: prediction."""

    def add(self, reference: ArrayLike, predicted: ArrayLike) -> None:
        """Count pairs. Raises ``ValueError`` for a number that is not finite."""
        pairs = np.stack([np.ravel(np.asarray(values, dtype=float)) for values in (reference, predicted)])
        if not pairs.size:
            return
        largest = float(np.abs(pairs).max())
        if not np.isfinite(largest):
            raise ValueError("a value to be counted is not finite: leave such frames out")
        while largest > self.range:
            self._double()
        places = np.minimum(((pairs / self.range + 1) * (N_BINS // 2)).astype(np.int64), N_BINS - 1)
        self.counts += np.bincount(places[0] * N_BINS + places[1], minlength=N_BINS**2).reshape(N_BINS, N_BINS)

    def _double(self) -> None:
        half = N_BINS // 2
        paired = self.counts.reshape(half, 2, half, 2).sum(axis=(1, 3))
        self.counts = np.pad(paired, N_BINS // 4)
        self.range *= 2

    @property
    def edges(self) -> NDArray[np.float64]:
        """``(N_BINS + 1,)``, of the bins of either axis, in the unit of the values."""
        return np.linspace(-self.range, self.range, N_BINS + 1)

# SPDX-License-Identifier: MIT
"""Means of correlated series with errors that know of the correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error."""

    mean: float
    """In the unit of the series."""
    error: float
    """Standard error of the mean, same unit; NaN where one sample gives none."""
    n_eff: float
    """Number of independent samples that the series is worth."""


def statistical_inefficiency(x: ArrayLike) -> float:
    """Return g = 1 + 2 Σ (1 − t/N) C(t) ≥ 1, the number of samples between two independent ones.

    ``x`` ``(n_samples,)``. The sum stops where the autocorrelation C first falls to zero (t > 3), after Chodera et al.,
    J. Chem. Theory Comput. 3, 26 (2007), doi:10.1021/ct0502864. A constant series gives 1.

    Raises ``ValueError`` where there is no sample or one is not finite.
    """
    return float(inefficiencies(_series(x)[:, None])[0][0])


def inefficiencies(x: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Return the statistical inefficiency of each column of ``x`` ``(n_samples, n_series)``, and that of their mean autocorrelation.

    The second is less noisy by the root of ``n_series``, where all columns forget equally fast.
    """
    series = np.asarray(x, dtype=float)
    n = len(series)
    centred = series - series.mean(axis=0)
    variance = (centred**2).mean(axis=0)
    varies = variance > np.finfo(float).eps ** 2 * np.abs(series).max(axis=0) ** 2
    found = np.ones(series.shape[1])
    if n < 3 or not varies.any():
        return found, 1.0
    padded = 1 << (2 * n - 1).bit_length()  # a power of two: other lengths take up to ten times as long
    spectrum = np.fft.rfft(centred[:, varies], padded, axis=0)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, padded, axis=0)[:n] / (n - np.arange(n))[:, None] / variance[varies]
    found[varies] = [_integrated(column) for column in correlation.T]
    return found, _integrated(correlation.mean(axis=1))


def _integrated(correlation: NDArray[np.float64]) -> float:
    n = len(correlation)
    lags = np.arange(n)
    ends = np.flatnonzero((correlation <= 0) & (lags > 3))
    last = int(ends[0]) if len(ends) else n - 1
    terms = (1 - lags[1:last] / n) * correlation[1:last]
    return max(1.0, 1.0 + 2.0 * float(terms.sum()))


def mean_with_error(x: ArrayLike) -> Estimate:
    """Return the mean of ``x`` ``(n_samples,)`` with its standard error, corrected for autocorrelation.

    The variance takes the mean's own uncertainty into account, Σ (x − ⟨x⟩)² / (N − g): with few independent samples the plain one is
    too small by the factor 1 − g/N.

    Raises ``ValueError`` where there is no sample or one is not finite.
    """
    series = _series(x)
    n = len(series)
    if n < 2:
        return Estimate(mean=float(series[0]), error=float("nan"), n_eff=1.0)
    g = statistical_inefficiency(series)
    squares = float(((series - series.mean()) ** 2).sum())
    error = float(np.sqrt(squares / (n - g) * g / n)) if g < n else float("inf")
    return Estimate(mean=float(series.mean()), error=error, n_eff=n / g)


def mean_of_series(x: ArrayLike, series: ArrayLike) -> Estimate:
    """Return the mean of ``x`` ``(n_samples,)`` over several series, each correlated within itself, with its standard error.

    ``series`` ``(n_samples,)`` says to which series a sample belongs; those of one stand in time order. With nₖ samples in series k the
    error is √Σ (nₖ/N · errorₖ)², errorₖ that of ``mean_with_error``; N_eff adds up. A series of one sample has the spread of all.

    Raises ``ValueError`` where there is no sample or one is not finite.
    """
    samples, labels = _series(x), np.asarray(series)
    n, variance, n_eff, lone = len(samples), 0.0, 0.0, 0
    for label in np.unique(labels):
        part = samples[labels == label]
        if len(part) == 1:
            lone += 1
            continue
        found = mean_with_error(part)
        variance += (len(part) / n * found.error) ** 2
        n_eff += found.n_eff
    if lone:
        variance += lone * float(samples.var(ddof=1)) / n**2 if n > 1 else float("nan")
    return Estimate(mean=float(samples.mean()), error=float(np.sqrt(variance)), n_eff=n_eff + lone)


def block_jackknife(
    function: Callable[[NDArray[np.float64]], ArrayLike], samples: ArrayLike, n_blocks: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ``(value, error)`` of ``function(samples)``, the error by leaving out one of ``n_blocks`` consecutive blocks at a time.

    ``samples`` ``(n_samples, …)``; ``function`` takes such an array and returns a number or an array. A block has to be longer than the
    correlation for the error to be right. Error² = (n − 1)/n Σ (θ₋ₖ − ⟨θ₋⟩)².

    Raises ``ValueError`` for fewer than two blocks or fewer samples than blocks.
    """
    data = np.asarray(samples, dtype=float)
    if n_blocks < 2 or len(data) < n_blocks:
        raise ValueError(f"{len(data)} samples cannot be cut into {n_blocks} blocks; ask for 2 to {len(data)}")
    value = np.asarray(function(data), dtype=float)
    kept = (np.delete(data, block, axis=0) for block in np.array_split(np.arange(len(data)), n_blocks))
    left = np.stack([np.asarray(function(part), dtype=float) for part in kept])
    error = np.sqrt((n_blocks - 1) * ((left - left.mean(axis=0)) ** 2).mean(axis=0))
    return value, error


def _series(x: ArrayLike) -> NDArray[np.float64]:
    series = np.asarray(x, dtype=float)
    if series.ndim != 1 or not len(series):
        raise ValueError(f"a series of shape {series.shape} was given; give one number per sample")
    if not np.isfinite(series).all():
        raise ValueError(f"{int((~np.isfinite(series)).sum())} of {len(series)} samples are not finite numbers: drop them first")
    return series

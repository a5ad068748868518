# SPDX-License-Identifier: MIT
"""Statistics of correlated series, against the first-order autoregressive process, of which all is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from aiida_zif.science import statistics


def autoregressive(phi: float, n: int, rng: np.random.Generator, copies: int = 1) -> np.ndarray:
    """x_t = φ x_{t−1} + ε, variance 1; g = (1 + φ)/(1 − φ)."""
    noise = rng.standard_normal((copies, n + 500)) * np.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise, axis=1)[:, 500:]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_statistical_inefficiency_of_an_autoregressive_process(phi):
    """The mean over copies is the known value."""
    series = autoregressive(phi, 20000, np.random.default_rng(3), copies=8)
    found = np.mean([statistics.statistical_inefficiency(one) for one in series])
    assert found == pytest.approx((1 + phi) / (1 - phi), rel=0.12)


def test_error_of_the_mean_is_the_scatter_of_means():
    """The error that one series reports is the scatter over many."""
    series = autoregressive(0.8, 1000, np.random.default_rng(4), copies=300)
    estimates = [statistics.mean_with_error(one) for one in series]
    scatter = np.std([one.mean for one in estimates])
    assert np.mean([one.error for one in estimates]) == pytest.approx(scatter, rel=0.15)


def test_block_jackknife_of_a_mean_is_the_error_of_its_blocks():
    """For the mean the jackknife is the standard error of the block means, exactly."""
    samples = np.random.default_rng(5).normal(size=(100, 2))
    value, error = statistics.block_jackknife(lambda x: x.mean(axis=0), samples, 10)
    np.testing.assert_allclose(value, samples.mean(axis=0))
    np.testing.assert_allclose(error, samples.reshape(10, 10, 2).mean(axis=1).std(axis=0, ddof=1) / np.sqrt(10))


def test_a_constant_series_has_no_error():
    """No spread, no error, also at a value that rounding disturbs."""
    estimate = statistics.mean_with_error(np.full(50, 0.1))
    assert estimate.mean == pytest.approx(0.1)
    assert estimate.error == pytest.approx(0.0, abs=1e-15)


def test_one_sample_has_a_mean_and_no_error():
    """One sample says nothing about its spread."""
    assert np.isnan(statistics.mean_with_error([2.0]).error)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_any_series_gives_an_error_that_is_no_nonsense(x):
    """Never negative, never NaN; n_eff between 0 and N."""
    estimate = statistics.mean_with_error(x)
    assert estimate.error >= 0
    assert 0 < estimate.n_eff <= len(x)


@pytest.mark.parametrize("x", [[], [1.0, np.nan], [[1.0, 2.0]]])
def test_a_series_with_holes_is_refused(x):
    """Empty, NaN, two-dimensional: one sentence."""
    with pytest.raises(ValueError, match=r"give one number per sample|drop them"):
        statistics.mean_with_error(x)


def test_error_over_several_series_is_the_scatter_of_means():
    """Three correlated series of different means and lengths: the error is the scatter of the mean over all, N_eff that of all."""
    rng, labels = np.random.default_rng(5), np.repeat([0, 1, 2], [400, 800, 400])
    copies = autoregressive(0.8, 400, rng, 300), autoregressive(0.8, 800, rng, 300), autoregressive(0.8, 400, rng, 300)
    estimates = [statistics.mean_of_series(np.concatenate([a, b + 10, c - 5]), labels) for a, b, c in zip(*copies, strict=True)]
    assert np.mean([one.error for one in estimates]) == pytest.approx(np.std([one.mean for one in estimates]), rel=0.15)
    assert np.mean([one.n_eff for one in estimates]) == pytest.approx(1600 / 9, rel=0.15)


def test_series_of_one_sample_are_independent():
    """Each frame of a trajectory of its own: the error is that of independent samples."""
    x = np.random.default_rng(6).standard_normal(50)
    found = statistics.mean_of_series(x, np.arange(50))
    assert (found.error, found.n_eff) == (pytest.approx(x.std(ddof=1) / np.sqrt(50)), 50)
    assert np.isnan(statistics.mean_of_series([1.0], [3]).error)


def test_too_many_blocks_are_refused():
    """Three samples cannot be cut into five blocks."""
    with pytest.raises(ValueError, match="3 samples cannot be cut into 5 blocks"):
        statistics.block_jackknife(np.mean, np.zeros(3), 5)

# SPDX-License-Identifier: MIT
"""Counts in squares: all values, whatever their range and the order in which they come."""

import numpy as np
import pytest

from aiida_zif.science.parity import N_BINS, Parity


def test_values_lie_in_their_squares() -> None:
    """Reference along the first axis, prediction along the second."""
    parity = Parity(start=64.0)
    parity.add([0.5, -64.0], [10.2, 64.0])
    assert parity.counts[64, 74] == parity.counts[0, N_BINS - 1] == 1
    assert parity.counts.sum() == 2
    assert parity.edges[[0, 64, N_BINS]].tolist() == [-64.0, 0.0, 64.0]


def test_range_grows_and_no_value_is_lost() -> None:
    """The counts are those of numpy over the range that holds all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=5000) * 20
    y = x + rng.normal(size=5000)
    parity = Parity()
    for part in np.array_split(np.arange(5000), 50):
        parity.add(x[part], y[part])
    assert parity.range >= np.abs([x, y]).max() > parity.range / 2
    assert np.array_equal(parity.counts, np.histogram2d(x, y, bins=[parity.edges, parity.edges])[0])


def test_order_does_not_matter() -> None:
    """Small values first or last: equal counts."""
    x = np.array([0.1, 0.2, 33.0, -7.0, 0.3])
    forward, backward = Parity(), Parity()
    for k in range(5):
        forward.add(x[k], x[k] / 2)
        backward.add(x[4 - k], x[4 - k] / 2)
    assert np.array_equal(forward.counts, backward.counts)


def test_number_that_is_none_is_refused() -> None:
    """It lies in no square."""
    with pytest.raises(ValueError, match="not finite"):
        Parity().add([1.0], [np.nan])

# SPDX-License-Identifier: MIT
"""Numbers over replicas: mean, sample standard deviation, standard error, and outliers by a stated rule."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_zif.science.replicas import Rule, spread


def test_mean_and_spread():
    """1, 2, 3, 4: mean 2.5, sample sd 1.29, standard error half of it."""
    found = spread(dict(zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True)))
    assert (found.mean, found.n, found.outliers) == (2.5, 4, ())
    assert found.sd == pytest.approx(np.std([1, 2, 3, 4], ddof=1))
    assert found.error == pytest.approx(found.sd / 2)


def test_one_replica_has_no_spread():
    """None, not zero."""
    found = spread({"a": 1.0})
    assert (found.sd, found.error, found.outliers) == (None, None, ())


def test_outlier_does_not_hide_itself():
    """One wild value of five would lie within 2 sd of a mean that it moved; the median absolute deviation sees it."""
    found = spread({"a": 1.0, "b": 1.1, "c": 0.9, "d": 1.05, "e": 9.0})
    assert found.outliers == ("e",)
    assert abs(9.0 - found.mean) < 2 * found.sd


def test_few_replicas_name_no_outlier():
    """Of three, none; with a looser rule the same three."""
    values = {"a": 1.0, "b": 1.1, "c": 9.0}
    assert spread(values).outliers == ()
    assert spread(values, Rule(fewest=3)).outliers == ("c",)


def test_normal_numbers_are_rarely_outliers():
    """Of ten normal numbers, more than nine in ten draws name none."""
    rng = np.random.default_rng(1)
    clean = sum(not spread({str(k): x for k, x in enumerate(rng.normal(size=10))}).outliers for _ in range(300))
    assert clean > 250


@pytest.mark.parametrize("values", [{}, {"a": float("nan")}])
def test_what_is_no_number_is_refused(values):
    """Neither nothing nor not a number."""
    with pytest.raises(ValueError, match="finite numbers"):
        spread(values)

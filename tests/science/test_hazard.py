# SPDX-License-Identifier: MIT
"""Breaks per linker and nanosecond: an exact Poisson interval."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.stats import poisson

from aiida_zif.science import hazard


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_interval_ends_are_the_rates_that_make_the_count_improbable(n: int) -> None:
    """Of the lower end as many or more, of the upper as few or fewer have a probability of 2.5 %: Garwood's definition, by scipy's CDF."""
    found = hazard.rate(n, 0.8)
    assert found.rate == pytest.approx(n / 0.8)
    assert poisson.sf(n - 1, found.low * 0.8) == pytest.approx(0.025, rel=1e-9)
    assert poisson.cdf(n, found.high * 0.8) == pytest.approx(0.025, rel=1e-9)


def test_no_break_still_bounds_the_rate() -> None:
    """From 0 to −ln(0.025) over the exposure."""
    assert hazard.rate(0, 2.0) == pytest.approx((0.0, 0.0, -log(0.025) / 2.0))


def test_interval_covers_the_true_rate() -> None:
    """At least as often as it claims, whatever the rate."""
    rng = np.random.default_rng(3)
    for true in (0.3, 2.0, 12.0):
        ends = {int(n): hazard.rate(int(n), 1.0) for n in range(60)}
        drawn = rng.poisson(true, 4000)
        assert np.mean([ends[int(n)].low <= true <= ends[int(n)].high for n in drawn]) > 0.945


def test_linker_that_broke_is_no_longer_at_risk() -> None:
    """Four linkers over 10 ps, one of which broke at 2 ps, are 32 linker·ps; runs add up."""
    one = hazard.exposure(4, 10.0, [2.0])
    assert (one.n_breaks, one.linker_ns) == (1, pytest.approx(0.032))
    both = hazard.pool([one, hazard.exposure(4, 10.0, [])])
    assert (both.n_breaks, both.linker_ns) == (1, pytest.approx(0.072))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((-1, 1.0), "breaks were given"),
        ((1, 0.0), "exposure is 0.0"),
        ((1, float("nan")), "exposure is nan"),
        ((1, 1.0, 1.0), "confidence"),
    ],
)
def test_what_gives_no_rate_is_refused(given: tuple[float, ...], sentence: str) -> None:
    """One sentence."""
    with pytest.raises(ValueError, match=sentence):
        hazard.rate(*given)  # type: ignore[arg-type]


def test_break_outside_the_run_is_refused() -> None:
    """Neither more breaks than linkers, nor one after the end."""
    with pytest.raises(ValueError, match="cannot break"):
        hazard.exposure(1, 5.0, [1.0, 2.0])
    with pytest.raises(ValueError, match="outside the run"):
        hazard.exposure(2, 5.0, [6.0])

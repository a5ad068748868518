# SPDX-License-Identifier: MIT
"""Within-glass and between-glass errors, against glasses whose two sources of scatter are known."""

import numpy as np
import pytest

from aiida_zif.science.between import between
from aiida_zif.science.measured import Measured


def test_the_two_sources_of_scatter_are_told_apart() -> None:
    """400 glasses that differ by 0.3, each known to 0.4: spread 0.5, within 0.4, between 0.3."""
    rng = np.random.default_rng(0)
    found = between([Measured(2 + 0.3 * a + 0.4 * b, 0.4) for a, b in rng.standard_normal((400, 2))])
    assert found.mean == pytest.approx(2, abs=0.075)
    assert (found.spread, found.within, found.between) == pytest.approx((0.5, 0.4, 0.3), rel=0.12)
    assert found.error == pytest.approx(0.5 / 20, rel=0.12)


def test_equal_glasses_differ_by_nothing() -> None:
    """Scatter below the error bars is no difference of glasses."""
    found = between([Measured(1.0, 0.2), Measured(1.1, 0.2)])
    assert found.between == 0
    assert found.error == pytest.approx(0.2 / np.sqrt(2))
    assert found.spread == pytest.approx(0.1 / np.sqrt(2))


def test_one_glass_says_nothing_of_the_next() -> None:
    """Its own error remains; spread, between and the error of an ensemble are None."""
    found = between([Measured(1.0, 0.2)])
    assert (found.mean, found.within, found.n) == (1.0, 0.2, 1)
    assert found.error is found.spread is found.between is None


@pytest.mark.parametrize("values", [[], [Measured(1.0, float("nan"))], [Measured(1.0, -0.1)]])
def test_no_glass_or_no_error_is_refused(values: list[Measured]) -> None:
    """One sentence."""
    with pytest.raises(ValueError, match="finite numbers with errors"):
        between(values)

# SPDX-License-Identifier: MIT
"""Numbers for people."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([3.1234, 0.41], "3.1 ± 0.4"), ([3.1234, 0.142], "3.12 ± 0.14"), ([1.50214, 0.0096], "1.502 ± 0.010"),
        ([4982.3, 36.0], "4980 ± 40"),
        ([0.5, 0.0999], "0.50 ± 0.10"),
        ({"mean": 3.75, "error": 0.02, "n_eff": 9}, "3.75 ± 0.02"), ({"mean": 1.4987, "error": 0.0}, "1.50"), (2.5, "2.50"), (None, "–"),
        ({"mean": 2.0, "error": None}, "2.00"), ([float("nan"), 1.0], "–"), ([-0.3, 40.0], "0 ± 40"),
    ],
)  # fmt: skip
def test_error_decides_the_digits(value: object, text: str) -> None:
    """A number is rounded where its error begins; a constant and one without an error keep two decimals."""
    assert numbers.with_error(value) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_rounding_stays_within_the_error(mean: float, error: float) -> None:
    """What is printed differs from the number by less than its error, and the error by less than a half."""
    text = numbers.with_error([mean, error])
    printed = re.fullmatch(r"(-?[\d.]+)(?: ± ([\d.]+))?", text)
    assert printed is not None
    if printed[2]:
        assert abs(float(printed[1]) - mean) <= error * 1.001
        assert abs(float(printed[2]) - error) <= 0.5 * error


def test_unit_follows_the_number() -> None:
    """A unit stands behind number and error; what is not known has none."""
    assert numbers.with_error([3.1, 0.4], "GPa") == "3.1 ± 0.4 GPa"
    assert numbers.number(None, 1, "K") == "–"


def test_durations_read_as_clocks() -> None:
    """Short ones in seconds, long ones in minutes and seconds."""
    assert [numbers.duration(seconds) for seconds in (8.2, 99.4, 185, None)] == ["8 s", "99 s", "3:05 min", "–"]

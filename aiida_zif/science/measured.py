# SPDX-License-Identifier: MIT
"""A number and its error bar, where the number comes from a fit or a formula and not from one time series."""

from typing import NamedTuple


class Measured(NamedTuple):
    """``(mean, error)``: a value and its standard error, both in the unit that the holding field's name ends with."""

    mean: float
    error: float

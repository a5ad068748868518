# SPDX-License-Identifier: MIT
"""A number of several replicas: mean, spread between them, and which of them do not belong to the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import fmean, median, stdev

NORMAL = 0.6745
"""The median absolute deviation of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class Rule:
    """When a replica is an outlier: |0.6745 (x − median)| / MAD above ``max_modified_z``, of ``fewest`` replicas or more.

    B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers, ASQC Quality Press (1993). It names, and takes nothing out.
    """

    max_modified_z: float = 3.5
    fewest: int = 4

    def __post_init__(self) -> None:
        z, fewest = self.max_modified_z, self.fewest
        if isinstance(z, bool) or not isinstance(z, (int, float)) or not (isfinite(z) and z > 0):
            raise ValueError(f"max_modified_z is {z!r}, but must be a positive number")
        if isinstance(fewest, bool) or not isinstance(fewest, int) or fewest < 3:
            raise ValueError(f"fewest is {fewest!r}, but must be a whole number of at least 3: of two, neither is the outlier")


@dataclass(frozen=True)
class Spread:
    """A number over replicas."""

    mean: float
    """Outliers included."""
    sd: float | None
    """Sample standard deviation, (n − 1) in the divisor; ``None`` of one replica."""
    error: float | None
    """Standard error of the mean, sd/√n."""
    n: int
    outliers: tuple[str, ...]
    """Names, in their order."""


def spread(values: Mapping[str, float], rule: Rule | None = None) -> Spread:
    """Return mean, spread and outliers of ``values`` by replica. Raises ``ValueError`` where there is none, or one is not finite."""
    by = rule or Rule()
    if not values or not all(isfinite(value) for value in values.values()):
        raise ValueError(f"the values are {dict(values)}, but must be finite numbers, one or more")
    n, sd = len(values), stdev(values.values()) if len(values) > 1 else None
    middle = median(values.values())
    mad = median(abs(value - middle) for value in values.values())
    outliers: tuple[str, ...] = ()
    if n >= by.fewest and mad > 0:
        outliers = tuple(name for name, value in values.items() if NORMAL * abs(value - middle) / mad > by.max_modified_z)
    return Spread(fmean(values.values()), sd, None if sd is None else sd / sqrt(n), n, outliers)

# SPDX-License-Identifier: MIT
"""How often a linker breaks: a Poisson rate with its exact interval, of one run, and of an ensemble against temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from scipy.stats import chi2


class Rate(NamedTuple):
    """Events per linker and nanosecond."""

    rate: float
    """Breaks over exposure, 1/ns."""
    low: float
    """Lower end of the interval, 1/ns; 0 where nothing broke."""
    high: float
    """Upper end of the interval, 1/ns; finite also where nothing broke."""


@dataclass(frozen=True)
class Exposure:
    """What one run contributes: linkers at risk until their break or the end, and those that broke."""

    n_breaks: int
    """Linkers that broke."""
    linker_ns: float
    """Sum over the linkers of the time, ns, during which they were whole and watched."""


def rate(n_breaks: int, linker_ns: float, confidence: float = 0.95) -> Rate:
    """Return the rate of ``n_breaks`` Poisson events in ``linker_ns`` linker·ns and its exact (Garwood) interval, 1/ns.

    The ends are χ²(α/2; 2n)/2 and χ²(1 − α/2; 2n + 2)/2 over the exposure (F. Garwood, Biometrika 28, 437 (1936)): the interval covers the
    true rate with at least ``confidence``, also for no event at all, where its upper end is −ln(α/2) over the exposure.
    Raises ``ValueError`` for a count below 0, an exposure that is not positive, or a confidence outside 0 to 1.
    """
    if isinstance(n_breaks, bool) or int(n_breaks) != n_breaks or n_breaks < 0:
        raise ValueError(f"{n_breaks!r} breaks were given; give a whole number, 0 or more")
    if not (isfinite(linker_ns) and linker_ns > 0):
        raise ValueError(f"the exposure is {linker_ns!r} linker·ns; without a positive one there is no rate")
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence is {confidence!r}; give a number between 0 and 1, such as 0.95")
    tail = (1 - confidence) / 2
    low = chi2.ppf(tail, 2 * n_breaks) / 2 if n_breaks else 0.0
    high = chi2.isf(tail, 2 * n_breaks + 2) / 2
    return Rate(n_breaks / linker_ns, float(low) / linker_ns, float(high) / linker_ns)


def exposure(n_linkers: int, end_ps: float, breaks_ps: Sequence[float]) -> Exposure:
    """Return what a run of ``n_linkers`` watched from 0 to ``end_ps`` contributes, of which some broke at ``breaks_ps``, ps.

    A linker that broke is no longer at risk. Raises ``ValueError`` for more breaks than linkers, or one outside the run.
    """
    if len(breaks_ps) > n_linkers:
        raise ValueError(f"{len(breaks_ps)} of {n_linkers} linkers cannot break: each counts once, at its first break")
    if any(not 0 <= moment <= end_ps for moment in breaks_ps):
        raise ValueError(f"a break lies outside the run of {end_ps:g} ps: give times from its beginning")
    whole = (n_linkers - len(breaks_ps)) * end_ps
    return Exposure(len(breaks_ps), (whole + sum(breaks_ps)) / 1000.0)


def pool(runs: Sequence[Exposure]) -> Exposure:
    """Return runs of one temperature taken together: events and exposures add."""
    return Exposure(sum(run.n_breaks for run in runs), sum(run.linker_ns for run in runs))

# SPDX-License-Identifier: MIT
"""Numbers as people read them: with an error bar no longer than it deserves, and a dash for what is not known."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import Any

UNKNOWN = "–"
SIGNIFICANT = 1e-6
"""An error smaller than this share of the number is that of a constant."""


def pair(value: Any) -> tuple[float | None, float | None]:
    """Return mean and error of an estimate as nodes hold it: a mapping, a list of two, or a number."""
    if isinstance(value, dict):
        return value.get("mean"), value.get("error")
    if isinstance(value, (list, tuple)):
        return value[0], value[1]
    return value, None


def with_error(value: Any, unit: str = "", digits: int = 2) -> str:
    """Return ``mean ± error unit``, rounded where the error begins: to one digit of it, two where that one is a 1.

    Without an error, ``digits`` decimals.
    """
    mean, error = pair(value)
    if mean is None or not isfinite(mean):
        return UNKNOWN
    tail = f" {unit}" if unit else ""
    if error is None or not isfinite(error) or error <= SIGNIFICANT * abs(mean):
        return f"{mean:.{digits}f}{tail}"
    order = floor(log10(error))
    if round(error / 10**order) >= 10:
        order += 1
    places = -order + (1 if error / 10**order < 1.95 else 0)
    if places < 0:
        mean, error, places = round(mean, places), round(error, places), 0
    return f"{round(mean, places) + 0.0:.{places}f} ± {error:.{places}f}{tail}"  # no minus before a zero


def number(value: Any, digits: int = 1, unit: str = "") -> str:
    """Return a number with ``digits`` decimals and its unit."""
    if value is None:
        return UNKNOWN
    return f"{value:.{digits}f}{f' {unit}' if unit else ''}"


def share(value: Any, digits: int = 0) -> str:
    """Return a share as percent."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f} %"


def duration(seconds: float | None) -> str:
    """Return seconds as ``12 s`` or ``3:05 min``."""
    if seconds is None:
        return UNKNOWN
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60}:{whole % 60:02d} min"

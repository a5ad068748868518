# SPDX-License-Identifier: MIT
"""Averages over glasses: the error bar says how far one made glass differs from the next, not how long each was watched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

AVERAGED: tuple[str, ...] = (
    "density_g_per_cm3", "zn_n_coordination", "n_zn_n_angle_deg", "pore_volume_cm3_per_kg", "zn_n_coordination_histogram",
    "rings_per_cell", "rings_per_node",
)  # fmt: skip


def over(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return, for each number of the analyses, mean, standard error of the mean and spread over the glasses, and their number ``n``.

    What only some glasses have is averaged over those, except shares and rings: a size that does not occur has none. With one glass the
    error is NaN. Raises ``ValueError`` without a glass.
    """
    if not summaries:
        raise ValueError("an average over glasses needs one glass or more; none was given")
    found: dict[str, Any] = {"n": len(summaries)}
    for name in AVERAGED:
        given = [summary[name] for summary in summaries if summary.get(name)]
        if not given:
            continue
        if "mean" in given[0]:
            found[name] = _average([one["mean"] for one in given])
        else:
            keys = sorted({key for one in given for key in one}, key=float)
            found[name] = {key: _average([_number(one.get(key, 0.0)) for one in given]) for key in keys}
    return found


def _number(value: Any) -> float:
    return float(value["mean"] if isinstance(value, Mapping) else value)


def _average(values: Sequence[float | None]) -> dict[str, float]:
    known = np.array([value for value in values if value is not None], dtype=float)
    known = known[np.isfinite(known)]
    n = len(known)
    spread = float(known.std(ddof=1)) if n > 1 else float("nan")
    return {"mean": float(known.mean()) if n else float("nan"), "error": spread / np.sqrt(n) if n else spread, "spread": spread}

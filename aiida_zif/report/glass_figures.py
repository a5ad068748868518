# SPDX-License-Identifier: MIT
"""The evidence of a melt, and all replicas of an ensemble in time, as figures: numbers in, SVG or PNG bytes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aiida_zif.report.curves import Array, MeltQuench
from aiida_zif.report.figures import COLOURS, GREY, INK, LIGHT, canvas

KINDS: dict[str, str] = {
    "glass": "#0b7285", "quenched solid, not molten": "#d9480f", "damaged": "#c2255c", "imported": "#5f3dc4", "failed": "#c92a2a",
}  # fmt: skip
"""Colour by what a replica became."""
SHADE = "#fff0e6"


def melt_evidence(arrays: Array, thresholds: Mapping[str, Any], verdict: Mapping[str, Any], kind: str = "svg") -> bytes:
    """Return the plateau in time against the thresholds: bonds exchanged, coordination, the way over the barrier, and displacements."""
    with canvas(2, 2, 4.6, kind) as (figure, axes, buffer):
        figure.suptitle("molten" if verdict["molten"] else "not molten", x=0.02, ha="left", fontsize=9, fontweight="bold")
        time = arrays["time"] if "time" in arrays else np.arange(len(arrays["coordination"]))
        unit = "time / ps" if "time" in arrays else "frame"
        shares, around, motion, force = axes.ravel()
        for colour, (name, label, threshold) in zip(COLOURS[1:], (
            ("exchanged", "with a new N", "min_exchanged_share"),
            ("under_coordinated", "with fewer than four N", "min_under_coordinated_share"),
            ("barrier", "N per Zn on the barrier", "min_barrier_occupation"),
        ), strict=False):  # fmt: skip
            shares.plot(time, arrays[name], color=colour, label=label)
            _line(shares, thresholds.get(threshold), colour)
        shares.set_ylabel("share of the Zn; N per Zn")
        around.plot(time, arrays["coordination"], color=COLOURS[1])
        _line(around, thresholds.get("max_coordination"), COLOURS[1])
        around.set_ylabel("Zn–N coordination")
        for colour, (name, label) in zip(COLOURS[1:], (("zinc", "Zn"), ("linker", "linkers")), strict=False):
            if f"{name}_msd" in arrays:
                motion.plot(arrays[f"{name}_lag"], arrays[f"{name}_msd"], color=colour, label=_slope(label, verdict, name))
        if not motion.lines:
            motion.text(0.5, 0.5, "not measured", color=GREY, ha="center", va="center", transform=motion.transAxes)
        motion.set_xlabel("lag / ps")
        motion.set_ylabel("mean squared displacement / Å²")
        finite = np.isfinite(arrays["pmf"])
        force.axvspan(thresholds["barrier_from_angstrom"], thresholds["barrier_to_angstrom"], color=SHADE, linewidth=0, zorder=0)
        force.plot(arrays["distance"][finite], arrays["pmf"][finite], color=INK, marker=".", markersize=2)
        force.set_xlim(1.5, None)
        force.set_xlabel("Zn–N distance / Å (shaded: barrier region)")
        force.set_ylabel("potential of mean force / kJ/mol")
        for axis in (shares, around):
            axis.set_xlabel(unit)
        for axis in (shares, motion):
            if axis.lines:
                axis.legend(fontsize=7)
    return buffer.getvalue()


def _line(axis: Any, threshold: float | None, colour: str) -> None:
    if threshold is not None:
        axis.axhline(threshold, color=colour, linestyle="--", linewidth=0.8)


def _slope(label: str, verdict: Mapping[str, Any], name: str) -> str:
    found = (verdict.get("findings") or {}).get(f"{name}_motion") or {}
    if found.get("value") is None:
        return label
    return f"{label}: {found['value']:.3f} ± {found['error']:.3f} Å²/ps"


def schedules(replicas: Sequence[tuple[MeltQuench, str]], kind: str = "svg") -> bytes:
    """Return temperature and Zn–N coordination of all replicas in time, each in the colour of what it became; ``replicas`` with kinds.

    Where a linker broke stands a cross.
    """
    with canvas(2, 1, 4.4, kind, sharex=True) as (_, axes, buffer):
        above, below = axes[:, 0]
        for replica, what in replicas:
            colour = KINDS.get(what, GREY)
            above.plot(replica.time_ps, replica.temperature_k, color=colour, linewidth=0.6, alpha=0.8)
            below.plot(replica.frame_time_ps, replica.coordination, color=colour, linewidth=0.8, alpha=0.8)
            for time in replica.breaks_ps:
                at = int(np.argmin(np.abs(replica.time_ps - time)))
                above.plot([time], [replica.temperature_k[at]], "x", color=colour, markersize=7, markeredgewidth=1.5)
            for _, _, end in replica.stages:
                above.axvline(end, color=LIGHT, linewidth=0.4, zorder=0)
        for what, colour in KINDS.items():
            names = [replica.name for replica, became in replicas if became == what]
            if names:
                above.plot([], [], color=colour, label=f"{what}: {', '.join(names)}")
        above.set_ylabel("T / K")
        below.set_ylabel("Zn–N coordination")
        below.set_xlabel("time / ps")
        if replicas:
            above.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, 1.3))
        else:
            above.text(0.5, 0.5, "no replica ran", color=GREY, ha="center", va="center", transform=above.transAxes)
    return buffer.getvalue()

# SPDX-License-Identifier: MIT
"""The structural analysis in words: a table with a column per source, their average last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida_zif.report.numbers import UNKNOWN, with_error

Row = tuple[str, Callable[[Mapping[str, Any]], str]]


def _estimate(name: str, unit: str, digits: int = 2) -> Callable[[Mapping[str, Any]], str]:
    return lambda one: with_error(one[name], unit, digits) if one.get(name) else UNKNOWN


def _angle(one: Mapping[str, Any]) -> str:
    found = one["n_zn_n_angle_deg"]
    spread = found.get("std")
    return with_error(found, "°") + (f", spread {spread:.1f}°" if spread is not None else "")


def _histogram(one: Mapping[str, Any]) -> str:
    shares = {
        number: share["mean"] if isinstance(share, Mapping) else share for number, share in one["zn_n_coordination_histogram"].items()
    }
    return ", ".join(f"{number}: {100 * share:.1f} %" for number, share in shares.items())


def _barrier(one: Mapping[str, Any]) -> str:
    found = one.get("pmf_barrier_ev")
    return with_error({"mean": found["height"], "error": found["error"]}, "eV") if found else UNKNOWN


def _rings(one: Mapping[str, Any]) -> str:
    return ", ".join(f"{size}: {with_error(found, digits=1)}" for size, found in one.get("rings_per_cell", {}).items()) or UNKNOWN


def _linkers(one: Mapping[str, Any]) -> str:
    found = one.get("linkers")
    if not found:
        return UNKNOWN
    kinds = ", ".join(f"{n} {kind}" for kind, n in found["kinds"].items())
    if found["whole"]:
        return f"all {found['n']} whole ({kinds})"
    first = found["breaks"][0]
    return f"{len(found['breaks'])} of {found['n']} broke, first {first['linker']} in frame {first['frame'] + 1}: {first['reason']}"


ROWS: tuple[Row, ...] = (
    ("frames", lambda one: str(one.get("frames", f"{one.get('n')} sources"))),
    ("density", _estimate("density_g_per_cm3", "g/cm³", 3)),
    ("Zn–N coordination", _estimate("zn_n_coordination", "", 2)),
    ("its histogram", _histogram),
    ("N–Zn–N angle", _angle),
    ("linkers", _linkers),
    ("rings per cell", _rings),
    ("pores", _estimate("pore_volume_cm3_per_kg", "cm³/kg", 1)),
    ("Zn–N barrier", _barrier),
    ("diffusion of Zn", _estimate("diffusion_zn_angstrom2_per_ps", "Å²/ps", 4)),
)  # fmt: skip


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return the lines of a document of ``aiida-zif analysis``; what could not be said is said below, once for each reason."""
    columns = dict(document["sources"])
    if "average" in document:
        columns["average ± its error"] = document["average"]
    text: list[str] = []
    for name, one in columns.items():
        text += [name, *(f"  {label:<18} {value}" for label, write in ROWS if (value := write(one)) != UNKNOWN), ""]
    reasons: dict[str, list[str]] = {}
    for name, one in document["sources"].items():
        for what, why in one["missing"].items():
            reasons.setdefault(f"{what}: {why}", []).append(name)
    for why, names in reasons.items():
        text.append(f"not said of {', '.join(names)} – {why}" if len(columns) > 1 else f"not said – {why}")
    return text

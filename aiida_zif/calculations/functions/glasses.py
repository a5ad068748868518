# SPDX-License-Identifier: MIT
"""The table of an ensemble of glasses: what became of each replica, mean and spread over them, linkers broken by temperature."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict

from aiida_zif.calculations.functions.certificate import DAMAGED, GLASS
from aiida_zif.calculations.plain import plain
from aiida_zif.science import hazard
from aiida_zif.science.replicas import Rule, spread

OBSERVABLES: dict[str, tuple[str, ...]] = {
    "density_g_per_cm3": ("density_g_per_cm3", "mean"),
    "zn_n_coordination": ("zn_n_coordination", "mean"),
    "n_zn_n_angle_deg": ("n_zn_n_angle_deg", "mean"),
    "n_zn_n_angle_spread_deg": ("n_zn_n_angle_deg", "std"),
    "energy_above_crystal_mev_per_atom": ("energy_above_crystal_mev_per_atom", "mean"),
    "exchanged_share": ("melt", "exchanged_share"),
    "coordination_at_tmax": ("melt", "coordination_at_tmax", "mean"),
}
"""Name in the table → where it stands in a certificate. Rings come by size, per cell of the crystal."""


def rule_problem(values: Mapping[str, Any]) -> str | None:
    """Return one sentence unless ``values`` are a rule for outliers."""
    try:
        Rule(**values)
    except (ValueError, TypeError) as problem:
        return f"the rule has max_modified_z and fewest: {problem}"
    return None


@calcfunction
def tabulate_glasses(plan: Dict, rule: Dict, **certificates: Dict) -> Dict:
    """Return the table of an ensemble of glasses.

    ``plan`` has ``rows`` by label: ``settings`` and ``replicas`` (by name: seed, exit status, message, uuid, whether the melt was judged
    molten), and ``hazard``, the linkers at risk and broken by temperature. ``certificates`` are those of the replicas that have one.
    """
    given, by = plan.get_dict(), Rule(**rule.get_dict())
    told = {name: node.get_dict() for name, node in certificates.items()}
    rows = {label: _row(row, told, by) for label, row in given["rows"].items()}
    uuids = {name: str(node.uuid) for name, node in certificates.items()}
    for row in rows.values():
        for name, replica in row["replicas"].items():
            replica["certificate"] = uuids.get(name)
    remarks = [f"{name}: {remark}." for name, one in told.items() for remark in one.get("remarks", [])]
    table = {
        "kind": "glasses", "table": given.get("table"), "order": given["order"], "rows": rows, "rule": rule.get_dict(),
        "hazard": [_rated(one) for one in given["hazard"]], "notes": [*_notes(given, rows, by), *remarks],
    }  # fmt: skip
    return Dict(plain(table))


def _rated(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bin of temperature with the rate of breaking, per linker and ns, and its 95 % interval; none without time at risk."""
    if not one["linker_ns"] > 0:
        return {**one, "rate_per_ns": None}
    found = hazard.rate(one["breaks"], one["linker_ns"])
    return {**one, "rate_per_ns": found.rate, "rate_low_per_ns": found.low, "rate_high_per_ns": found.high}


def _row(row: Mapping[str, Any], told: Mapping[str, dict[str, Any]], by: Rule) -> dict[str, Any]:
    replicas = {name: {**one, "kind": told[name]["kind"] if name in told else None} for name, one in row["replicas"].items()}
    glasses = {name: told[name] for name, one in replicas.items() if one["kind"] == GLASS}
    solids = {name: told[name] for name, one in replicas.items() if one["kind"] not in (None, DAMAGED)}
    counted = glasses or solids
    melted = [one["molten"] for one in replicas.values() if one["molten"] is not None]
    result: dict[str, Any] = {
        "settings": row["settings"], "replicas": replicas, "asked": len(replicas), "glasses": len(glasses), "solids": len(solids),
        "judged": len(melted), "molten": sum(melted), "broken": sum(one["exit_status"] == BROKEN for one in replicas.values()),
        "over": "glasses" if glasses else "solids, none of which is a glass" if solids else None,
        "observables": _observables(counted, by), "verdict": _verdict(replicas),
    }  # fmt: skip
    return result


BROKEN = 530
"""Exit status of a run that a broken linker ended."""


def _observables(certificates: Mapping[str, dict[str, Any]], by: Rule) -> dict[str, Any]:
    series = {name: {key: _at(one, path) for key, one in certificates.items()} for name, path in OBSERVABLES.items()}
    sizes = sorted({int(size) for one in certificates.values() for size in one.get("rings_per_cell") or {}})
    for size in sizes:
        # a size that a glass does not have is 0 of it, where its rings were counted at all
        series[f"rings_of_{size}_per_crystal_cell"] = {
            key: (one["rings_per_cell"].get(str(size)) or {"mean": 0.0})["mean"] / prod(one.get("repeats") or [1])
            for key, one in certificates.items()
            if one.get("rings_per_cell")
        }
    known = {name: {key: value for key, value in values.items() if value is not None} for name, values in series.items()}
    return {name: {**plain(spread(values, by)), "values": values} for name, values in known.items() if values}


def _at(certificate: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = certificate
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else None


def _verdict(replicas: Mapping[str, dict[str, Any]]) -> str:
    """Return how many are glasses, and of each other one what it is or how it ended."""
    good = sum(one["kind"] == GLASS for one in replicas.values())
    others = [
        f"{name}: {one['kind'] or '[{}] {}'.format(one['exit_status'], one['message'])}"
        for name, one in replicas.items()
        if one["kind"] != GLASS
    ]
    return "; ".join([f"{good} of {len(replicas)} are glasses", *others])


def _notes(given: Mapping[str, Any], rows: Mapping[str, Any], by: Rule) -> list[str]:
    """Return what a reader of the numbers must know."""
    notes = []
    lone = [label for label in given["order"] if rows[label]["observables"] and max(
        one["n"] for one in rows[label]["observables"].values()) == 1]  # fmt: skip
    if lone:
        notes.append(f"No spread for {', '.join(lone)}: one solid does not say how far they differ; give two seeds or more.")
    few = [label for label in given["order"] if 0 < rows[label]["solids"] < by.fewest]
    if few:
        notes.append(f"No outlier is looked for in {', '.join(few)}: that takes {by.fewest} replicas or more.")
    named = {f"{label}, {name}: {', '.join(found['outliers'])}" for label in given["order"]
             for name, found in rows[label]["observables"].items() if found["outliers"]}  # fmt: skip
    notes += [f"Outlier in {one} (counted all the same)." for one in sorted(named)]
    if lost := given.get("unwatched"):
        notes.append(f"What broke in {', '.join(lost)} is not counted: it failed unwatched, and the rates are low.")
    if not given["hazard"]:
        notes.append("No linker was watched to the end of a run: there is no rate of breaking.")
    return notes

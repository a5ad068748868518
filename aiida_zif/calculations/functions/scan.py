# SPDX-License-Identifier: MIT
"""The table of a scan: what each row is, how wrong and how dear it is, over its seeds; front and pick."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from statistics import fmean, stdev
from typing import Any

from aiida.engine import calcfunction
from aiida.orm import Dict

from aiida_zif.data.model import ZifModelData
from aiida_zif.science.pareto import Candidate, front, pick

ERRORS: tuple[str, ...] = (
    "energy_mae_mev_per_atom", "energy_rmse_mev_per_atom", "forces_mae_mev_per_angstrom", "forces_rmse_mev_per_angstrom",
    "forces_mae_relative", "stress_mae_mpa", "stress_rmse_mpa",
)  # fmt: skip
"""What a row may be judged by; the less the better."""
COST = "cost_us_per_atom"
DEFAULT_RULE: dict[str, Any] = {"error": "forces_mae_mev_per_angstrom", "max_cost_us_per_atom": None}
SETTINGS: tuple[str, ...] = ("architecture", "l_max", "r_max", "parity", "irreps", "layers", "features", "epochs")
"""Settings of a training that stand in its row; all of them stand under ``run``."""


def rule_problem(rule: Mapping[str, Any]) -> str | None:
    """Return one sentence unless ``rule`` is one by which a row can be chosen."""
    if unknown := sorted(set(rule) - set(DEFAULT_RULE)):
        return f"the rule has {', '.join(DEFAULT_RULE)}, but no {unknown[0]}"
    if rule.get("error", ERRORS[0]) not in ERRORS:
        return f"the rule goes by {rule['error']!r}, but must go by one of {', '.join(ERRORS)}"
    limit = rule.get("max_cost_us_per_atom")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not limit > 0):
        return f"max_cost_us_per_atom is {limit!r}, but must be a number of µs above 0, or null"
    return None


@calcfunction
def tabulate_scan(plan: Dict, rule: Dict, **measured: Dict | ZifModelData) -> Dict:
    """Return the table of a scan.

    ``plan`` has ``rows`` by label: ``run``, ``dataset`` and ``trainings`` (by name: seed, exit status, message, uuid). ``measured`` are
    ``accuracy_NAME`` and ``model_NAME`` of the trainings that have them.
    """
    given, by = plan.get_dict(), {**DEFAULT_RULE, **rule.get_dict()}
    rows = {label: _row(row, measured) for label, row in given["rows"].items()}
    error, most = by["error"], by["max_cost_us_per_atom"]
    known = {label: row for label, row in rows.items() if row[error] is not None and row[COST] is not None}
    everyone = {label: Candidate(row[COST], row[error], row[f"{error}_spread"]) for label, row in known.items()}
    sound = {label: one for label, one in everyone.items() if rows[label]["verdict"] == "done"}
    best = pick(sound, most)
    members = front(everyone)
    for label, row in rows.items():
        row["on_front"] = label in members
    notes = _notes(given, rows)
    return Dict(
        {
            "kind": "scan", "table": given.get("table"), "order": given["order"], "rows": rows, "rule": by, "front": members,
            "best": best.name, "best_training": _best_training(rows, best.name, error), "tied": list(best.tied),
            "reason": f"{best.sentence} (by {error}; rows of which a training failed are not chosen)", "notes": notes,
        }
    )  # fmt: skip


def _row(row: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row: settings, frames, mean and sample standard deviation over the seeds that gave a number, verdict in words."""
    trainings = {}
    parameters: set[int] = set()
    for name, training in row["trainings"].items():
        accuracy = measured[f"accuracy_{name}"].get_dict() if f"accuracy_{name}" in measured else {}
        trainings[name] = {**training, "form": accuracy.get("model_form"), **{key: _finite(accuracy.get(key)) for key in (*ERRORS, COST)}}
        model = measured.get(f"model_{name}")
        parameters |= {found for found in [model.base.attributes.get("n_parameters", None) if model is not None else None] if found}
    failed = [f"seed {one['seed']}: [{one['exit_status']}] {one['message']}" for one in trainings.values() if one["exit_status"] != 0]
    result = {name: row["run"].get(name) for name in SETTINGS}
    result |= {
        "run": row["run"], "dataset": row["dataset"], "sampling": row["dataset"]["sampling"], "trainings": trainings,
        "seeds": [one["seed"] for one in trainings.values()], "n_parameters": min(parameters, default=None),
        "verdict": "; ".join(failed) or "done",
    }  # fmt: skip
    for key in (*ERRORS, COST):
        values = [one[key] for one in trainings.values() if one[key] is not None]
        result[key] = fmean(values) if values else None
        result[f"{key}_spread"] = stdev(values) if len(values) > 1 else None
    result["seeds_measured"] = sum(one[COST] is not None for one in trainings.values())
    return result


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and isfinite(value) else None


def _best_training(rows: Mapping[str, Any], best: str | None, error: str) -> str | None:
    """Return the training of the row chosen that has the lowest error; of equals the first."""
    if best is None:
        return None
    trainings = rows[best]["trainings"]
    return min(trainings, key=lambda name: (trainings[name][error], list(trainings).index(name)))


def _notes(given: Mapping[str, Any], rows: Mapping[str, Any]) -> list[str]:
    """Return what a reader of the numbers must know."""
    notes = []
    measured = [label for label in given["order"] if rows[label]["seeds_measured"]]
    single = [label for label in measured if rows[label]["seeds_measured"] == 1]
    if single:
        which = "any row" if len(single) == len(measured) > 1 else ", ".join(single)
        notes.append(f"No error bar for {which}: one seed does not say how far seeds differ; give `seeds` of two or more.")
    sets = {row["dataset"]["held_out_places"] for row in rows.values() if row["dataset"]["held_out_places"]}
    if len(sets) > 1:
        notes.append(f"The rows were measured on {len(sets)} different sets of held-out frames: do not compare them.")
    forms = {one["form"] for row in rows.values() for one in row["trainings"].values()} - {None}
    if "package" in forms:
        notes.append(
            f"Cost is that of {'some ' if len(forms) > 1 else ''}packages, which run uncompiled: compiled, a call is several times faster."
        )
    return notes

# SPDX-License-Identifier: MIT
"""A model against its reference: the same analysis of both, on nodes, and the table over all references."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, Dict, StructureData

from aiida_zif.calculations.functions.structure import to_structure
from aiida_zif.calculations.job import structure_arrays
from aiida_zif.calculations.plain import plain
from aiida_zif.data.trajectory import ZifTrajectoryData
from aiida_zif.science import agreement, linkers
from aiida_zif.science.frames import Frames

SETTINGS: tuple[str, ...] = ("r_max", "bins", "angle_bins", "blocks")
"""What of the parameters goes to the observation; ``max_frames`` and the rule are the others."""


def parameters_problem(values: dict[str, Any]) -> str | None:
    """Return one sentence unless ``values`` are parameters of a comparison."""
    known = (*SETTINGS, "max_frames", "max_sigmas", "tolerances")
    if unknown := sorted(set(values) - set(known)):
        return f"a comparison has no {unknown[0]}; it may have {', '.join(known)}"
    for name in ("bins", "angle_bins", "blocks", "max_frames"):
        value = values.get(name, 2)
        if isinstance(value, bool) or not isinstance(value, int) or value < 2:
            return f"{name} is {value!r}, but must be a whole number of at least 2"
    try:
        agreement.Rule(**{name: values[name] for name in ("max_sigmas", "tolerances") if name in values})
    except (ValueError, TypeError, AttributeError) as problem:
        return str(problem)
    return None


@calcfunction
def begin_validation(reference: ZifTrajectoryData) -> dict[str, Any]:
    """Return where a run that is compared with ``reference`` starts, its last frame, and the mean temperature of its used frames."""
    frames = (
        reference.used_frames(("temperatures",)) if "temperatures" in reference.base.attributes.get("fields") else reference.frames([-1])
    )
    known = frames.temperatures is not None
    mean = float(frames.temperatures.mean()) if frames.temperatures is not None else reference.base.attributes.get("asked_temperature_k")
    facts = {"temperature_k": mean, "measured": known, "volume_angstrom3": float(frames.volumes.mean()), "frames": len(frames)}
    return {"structure": to_structure(frames.species, frames.positions[-1], frames.cells[-1]), "facts": Dict(plain(facts))}


@calcfunction
def compare_with_reference(
    crystal: StructureData, reference: ZifTrajectoryData, model: ZifTrajectoryData, parameters: Dict
) -> dict[str, Any]:
    """Return ``table``, the difference of each observable with its verdict, and ``curves`` of both.

    Of the reference the used frames count, of the model those from ``first_step`` on; of either at most ``max_frames``, evenly chosen.
    """
    wanted = parameters.get_dict()
    first, most = wanted.pop("first_step"), wanted.pop("max_frames", 500)
    rule = agreement.Rule(**{name: wanted.pop(name) for name in ("max_sigmas", "tolerances") if name in wanted})
    topology = linkers.perceive(*structure_arrays(crystal))
    ours = agreement.observe(_frames(model, first, most), topology, **wanted)
    theirs = agreement.observe(_frames(reference, reference.first_used_step, most), topology, **wanted)
    found, both = agreement.compare(theirs, ours, rule), (theirs, ours)
    table = {"observables": found, "frames": [one.n_frames for one in both],
             "n_eff": {name: [one.numbers[name].n_eff for one in both] for name in both[0].numbers if name in both[1].numbers}}  # fmt: skip
    curves = ArrayData()
    for side, one in zip(("reference", "model"), both, strict=True):
        for name, (x, mean, error) in one.curves.items():
            for suffix, values in (("x", x), ("mean", mean), ("error", error)):
                curves.set_array(f"{name}_{side}_{suffix}", values)
            curves.base.attributes.set(f"units|{name}_{side}_x", "degree" if name.startswith("angle") else "angstrom")
    return {"table": Dict(plain(table)), "curves": curves}


def _frames(node: ZifTrajectoryData, first: int, most: int) -> Frames:
    with node.h5md() as file:
        rows = np.flatnonzero(file.array("steps") >= first) if "steps" in file.fields else np.arange(file.n_frames)
        if len(rows) > most:
            rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
        return file.read(rows, [name for name in ("steps", "temperatures") if name in file.fields])


@calcfunction
def tabulate_validation(plan: Dict, rule: Dict, **tables: Dict) -> Dict:
    """Return the table of a validation: a row per reference, and one over all structures, whose differences are taken in pairs.

    ``plan`` has ``rows`` by name: kind (``trajectory`` or ``structure``), temperature, exit status, message, uuid.
    """
    given = plan.get_dict()
    by = agreement.Rule(**{name: value for name, value in rule.get_dict().items() if name in ("max_sigmas", "tolerances")})
    rows = {name: {**row, **(tables[name].get_dict() if name in tables else {"observables": {}})} for name, row in given["rows"].items()}
    pairs = {name: row["observables"] for name, row in rows.items() if row["kind"] == "structure" and row["observables"]}
    if pairs:
        names = sorted({key for found in pairs.values() for key in found} - set(agreement.CURVES))
        series = {key: {name: found[key]["difference"] for name, found in pairs.items() if key in found} for key in names}
        rows["all structures"] = {
            "kind": "paired", "exit_status": 0, "message": f"{len(pairs)} pairs", "temperature_k": None,
            "observables": {key: plain(agreement.paired(values, key, by)) for key, values in series.items()},
        }  # fmt: skip
    for row in rows.values():
        row["verdict"] = _verdict(row)
    counts = [one["verdict"] for row in rows.values() for one in row["observables"].values()]
    result = {
        "kind": "validation", "order": [*given["rows"], *(["all structures"] if pairs else [])], "rows": rows, "rule": rule.get_dict(),
        "agree": counts.count(agreement.AGREES), "differ": counts.count(agreement.DIFFERS), "unjudged": counts.count(agreement.UNJUDGED),
    }  # fmt: skip
    return Dict(plain(result))


def _verdict(row: dict[str, Any]) -> str:
    if not row["observables"]:
        return f"no comparison: [{row['exit_status']}] {row['message']}"
    worst = {name: one for name, one in row["observables"].items() if one["verdict"] == agreement.DIFFERS}
    judged = sum(one["verdict"] != agreement.UNJUDGED for one in row["observables"].values())
    if not judged:
        return "nothing could be judged"
    return f"{judged - len(worst)} of {judged} agree" + (f"; differ: {', '.join(worst)}" if worst else "")

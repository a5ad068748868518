# SPDX-License-Identifier: MIT
"""What a scan or an ensemble would do: rows or seeds, shared draws, the input of the first training. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_zif.cli.preview import Inputs, Preview, training


def scan(inputs: Inputs) -> Preview:
    """The first training of the first row; a line per draw and per row; how much all of it is."""
    from aiida_zif.workchains import scan_rows, table_rows

    rows, common, seeds = inputs["rows"].get_list(), inputs["run"].get_dict(), inputs["seeds"].get_list()
    given = dict(inputs.get("datasets") or {})
    counts = {name: node.counts["train"] for name, node in given.items()}
    forecast = []
    if "sampling" in inputs and inputs.get("trajectories"):
        drawn = [row for row in rows if scan_rows.dataset_of(row, list(given)) not in given]
        for name, parameters in scan_rows.samplings(drawn, inputs["sampling"].get_dict()).items():
            forecast.append(f"frames {name}: {_draw(inputs, parameters)}")
            counts[name] = parameters["n_train"]
    runs = scan_rows.trainings(rows, common, seeds)
    passes = 0
    for row in rows:
        run = scan_rows.run_of(row, common, table_rows.seeds_of(row, seeds)[0])
        name = scan_rows.dataset_of(row, list(given))
        forecast.append(f"{scan_rows.label_of(row, common)}: {_row(run)}, frames {name}, seeds {table_rows.seeds_of(row, seeds)}")
        passes += len(table_rows.seeds_of(row, seeds)) * _of(run, "epochs") * counts[name]
    limit = inputs["max_concurrent"].value
    at_once = f"at most {limit} at a time" if limit else "all at once"
    forecast.append(f"{len(runs)} trainings, {at_once}; at most {passes} passes of a frame, and a compilation and an evaluation each")
    number, seed = next(iter(runs.values()))
    elements = _elements(inputs)
    first = training(scan_rows.run_of(rows[number], common, seed), elements, "")
    return Preview(first.program, first.text, tuple(forecast))


def ensemble(inputs: Inputs) -> Preview:
    """The first training, and how many there are."""
    counts, seeds, run = inputs["dataset"].counts, inputs["seeds"].get_list(), inputs["run"].get_dict()
    frames = f"{counts['train']} frames to learn from, {counts['validation']} to validate with"
    first = training({**run, "seed": seeds[0]}, inputs["dataset"].elements, frames)
    last = f"all this for the seeds {seeds}; then the disagreement on {counts['held_out']} held-out frames"
    return Preview(first.program, first.text, (f"each member: {_row(run)}", frames, last))


def _of(run: Mapping[str, Any], name: str) -> Any:
    from aiida_zif.formats.nequip_run import TrainRun

    return getattr(TrainRun.from_dict(run), name)


def _row(run: Mapping[str, Any]) -> str:
    known = {name: _of(run, name) for name in ("architecture", "l_max", "r_max", "parity", "irreps", "layers", "features", "epochs")}
    parity = "parity" if known["parity"] else "rotations only" if known["irreps"] == "so3" else "no parity"
    size = f"{known['layers']} layers of {known['features']} features"
    return f"{known['architecture']}, l {known['l_max']}, {known['r_max']:g} Å, {parity}, {size}, {known['epochs']} epochs"


def _draw(inputs: Inputs, parameters: Mapping[str, Any]) -> str:
    from aiida.orm import Dict

    from aiida_zif.cli.preview import preview

    return "; ".join(preview("dataset", {"parameters": Dict(dict(parameters)), "trajectories": inputs["trajectories"]}).forecast)


def _elements(inputs: Inputs) -> list[str]:
    nodes = [*(inputs.get("datasets") or {}).values(), *(inputs.get("trajectories") or {}).values()]
    return sorted({symbol for node in nodes for symbol in node.base.attributes.get("elements")})

# SPDX-License-Identifier: MIT
"""The rows of a scan: what each is called, what it trains, on which frames; said wrongly, refused in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aiida_zif.formats.nequip_run import TrainRun
from aiida_zif.science.drawing import Recipe
from aiida_zif.workchains import table_rows
from aiida_zif.workchains.table_rows import Row, seeds_of, seeds_problem_of_row

ROW: tuple[str, ...] = ("label", "dataset", "sampling", "seeds")
"""Keys of a row; all others are settings of the training, which then differ for it alone."""
SAMPLING: tuple[str, ...] = ("method", "n_train", "n_validation", "seed", "bins_per")
"""What of a draw a row may change. What is held out is not among it: all rows are measured on the same frames."""


def label_of(row: Row, common: Row) -> str:
    """Return what a row is called in the graph and in the table."""
    if "label" in row:
        return str(row["label"])
    run = TrainRun.from_dict(run_of(row, common, 1))
    word = f"{run.architecture}_l{run.l_max}_r{run.r_max:g}{'_parity' if run.parity else ''}"
    frames = row.get("dataset") or (sampling_label(row["sampling"]) if row.get("sampling") else "")
    return re.sub(r"\W", "p", f"{word}_{frames}" if frames else word)


def run_of(row: Row, common: Row, seed: int) -> dict[str, Any]:
    """Return the training of a row: the common one, changed by what the row says."""
    return {**common, **{name: value for name, value in row.items() if name not in ROW}, "seed": seed}


def sampling_label(sampling: Row) -> str:
    """Return what a draw is called: what it changes, one word after the other."""
    return "_".join(str(sampling[name]) if name != "seed" else f"seed{sampling[name]}" for name in SAMPLING if name in sampling)


def samplings(rows: Sequence[Row], common: Row) -> dict[str, dict[str, Any]]:
    """Return the draws that the rows ask for, by name; rows of the same draw share it. ``common`` is the draw that they change."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if "dataset" not in row:
            found.setdefault(dataset_of(row), {**common, **row.get("sampling", {})})
    return found


def dataset_of(row: Row, given: Sequence[str] = ()) -> str:
    """Return the name of the dataset of a row: the one it names, that of its draw, or the only one ``given``."""
    if "dataset" in row:
        return str(row["dataset"])
    if not row.get("sampling") and len(given) == 1:
        return given[0]
    return re.sub(r"\W", "p", sampling_label(row.get("sampling", {})) or "drawn")


def trainings(rows: Sequence[Row], common: Row, seeds: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return which row and which seed each training is, by its name in the graph."""
    return {f"{label_of(row, common)}_seed_{seed}": (k, seed) for k, row in enumerate(rows) for seed in seeds_of(row, seeds)}


def problem(rows: Any, common: Row, seeds: Sequence[int], datasets: Sequence[str], sampling: Row | None, n_trajectories: int) -> str | None:
    """Return one sentence on what is wrong with a table, ``None`` where nothing is."""
    return table_rows.problem(
        rows, "a training", "the settings of a training that differ", ROW, lambda row: _problem_of_row(
            row, common, seeds, datasets, sampling, n_trajectories), lambda row: label_of(row, common),
    )  # fmt: skip


def _problem_of_row(
    row: Row, common: Row, seeds: Sequence[int], datasets: Sequence[str], sampling: Row | None, n_trajectories: int
) -> str | None:
    if problem_found := seeds_problem_of_row(row, seeds):
        return problem_found
    try:
        TrainRun.from_dict(run_of(row, common, 1))
    except (ValueError, TypeError) as wrong:
        return str(wrong)
    if "dataset" in row:
        if "sampling" in row:
            return "it names a dataset and a sampling; give one of them"
        there = ", ".join(datasets) or "none"
        return None if row["dataset"] in datasets else f"there is no dataset {row['dataset']!r} in `datasets`, which has {there}"
    return _problem_of_draw(row, datasets, sampling, n_trajectories)


def _problem_of_draw(row: Row, datasets: Sequence[str], sampling: Row | None, n_trajectories: int) -> str | None:
    changes = row.get("sampling", {})
    if not changes and len(datasets) == 1:
        return None
    if not isinstance(changes, dict):
        return f"sampling is {changes!r}, but must be a mapping of {', '.join(SAMPLING)}"
    if not n_trajectories or sampling is None:
        ways = f"name one of the datasets {', '.join(datasets)}" if datasets else "give `datasets`"
        return f"its frames are to be drawn, which needs `trajectories` and `sampling`; or {ways}"
    if unknown := sorted(set(changes) - set(SAMPLING)):
        return f"a row's sampling may have {', '.join(SAMPLING)}, but not {unknown[0]}: what is held out is the same for all rows"
    try:
        Recipe.from_dict({**sampling, **changes})
    except (ValueError, TypeError) as wrong:
        return str(wrong)
    return None

# SPDX-License-Identifier: MIT
"""The rows of an ensemble of glasses: in what each differs, what it is called, with which seeds it runs; said wrongly, refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiida.orm import Dict, List

from aiida_zif.workchains import stages, table_rows
from aiida_zif.workchains.melt_quench import start_problem, validate_repeats
from aiida_zif.workchains.table_rows import Row, seeds_of, seeds_problem_of_row

ROW: tuple[str, ...] = ("label", "seeds", "repeats", "start")
"""Keys of a row; all others are settings of the run, which then differ for it alone."""
CRYSTAL = "crystal"
"""The ``start`` of a row that names none."""
REPLICA = "replica"
SHORT: dict[str, str] = {"tmax_k": "T", "rate_k_per_ps": "rate", "plateau_ps": "plateau", "timestep_fs": "dt"}
"""Settings that stand in a label by a word of their own."""


def run_of(row: Row, common: Row) -> dict[str, Any]:
    """Return the run of a row: the common one, changed by what the row says."""
    return {**common, **{name: value for name, value in row.items() if name not in ROW}}


def repeats_of(row: Row, common: Sequence[int]) -> list[int]:
    """Return the supercell of a row: its own, or that of all."""
    return list(row.get("repeats", common))


def label_of(row: Row) -> str:
    """Return what a row is called: its label, else what it changes, one word after the other."""
    if "label" in row:
        return str(row["label"])
    words = [f"{SHORT.get(name, name)}{value:g}" if isinstance(value, (int, float)) else f"{name}_{value}"
             for name, value in row.items() if name not in ROW and name != "timestep_fs"]  # fmt: skip
    words += ["x".join(map(str, row["repeats"]))] if "repeats" in row else []
    words += [str(row["start"])] if row.get("start", CRYSTAL) != CRYSTAL else []
    text = re.sub(r"\W", "p", "_".join(words) or REPLICA)
    return text if text[0].isalpha() else f"cell_{text}"


def replicas(rows: Sequence[Row], seeds: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Return which row and which seed each replica is, by its name in the graph; those of one row without a word are numbered."""
    if len(rows) == 1 and label_of(rows[0]) == REPLICA:
        return {f"{REPLICA}_{number:02d}": (0, seed) for number, seed in enumerate(seeds_of(rows[0], seeds), 1)}
    return {f"{label_of(row)}_seed_{seed}": (k, seed) for k, row in enumerate(rows) for seed in seeds_of(row, seeds)}


def problem(rows: Any, common: Row, seeds: Sequence[int], repeats: Sequence[int], crystal: Any, starts: Mapping[str, Any]) -> str | None:
    """Return one sentence on what is wrong with a table, ``None`` where nothing is."""
    return table_rows.problem(
        rows, "the run", "what differs: tmax_k, rate_k_per_ps, plateau_ps, repeats, start", ROW, lambda row: _problem_of_row(
            row, common, seeds, repeats, crystal, starts), label_of,
    )  # fmt: skip


def _problem_of_row(
    row: Row, common: Row, seeds: Sequence[int], repeats: Sequence[int], crystal: Any, starts: Mapping[str, Any]
) -> str | None:
    if problem_found := seeds_problem_of_row(row, seeds):
        return problem_found
    if 0 in seeds_of(row, seeds):
        return "the seeds must be 1 or more: LAMMPS draws no velocities with 0"
    cells: Any = row.get("repeats", list(repeats))
    if problem_found := validate_repeats(List(cells), None) if isinstance(cells, list) else f"repeats are {cells!r}, no list of three":
        return problem_found
    start = row.get("start", CRYSTAL)
    if start != CRYSTAL:
        if start not in starts:
            return f"there is no start {start!r}: it is {CRYSTAL}, or one of `starts`, which has {', '.join(starts) or 'none'}"
        if problem_found := start_problem(crystal, cells, starts[start]):
            return problem_found
    return stages.validate_melt_quench(Dict(run_of(row, common)), None)

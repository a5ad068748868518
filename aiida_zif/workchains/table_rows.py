# SPDX-License-Identifier: MIT
"""What the rows of any table of runs share: a label of their own, seeds, and one sentence on what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")


def seeds_of(row: Row, common: Sequence[int]) -> list[int]:
    """Return the seeds of a row: its own, or those of all."""
    return list(row.get("seeds", common))


def seeds_problem(seeds: Any) -> str | None:
    """Return one sentence unless ``seeds`` are whole numbers, each once."""
    whole = isinstance(seeds, list) and all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    if not whole or not seeds or len(set(seeds)) != len(seeds):
        return f"the seeds are {seeds!r}, but must be a list of whole numbers of at least 0, each once"
    return None


def seeds_problem_of_row(row: Row, common: Sequence[int]) -> str | None:
    """Return one sentence on what is wrong with the seeds of a row."""
    if "seed" in row:
        return "a row has `seeds`, a list, and no seed"
    return seeds_problem(seeds_of(row, common) if isinstance(row.get("seeds", []), list) else row["seeds"])


def problem(
    rows: Any, settings: str, differs: str, keys: Sequence[str], wrong_with: Callable[[Row], str | None], label_of: Callable[[Row], str]
) -> str | None:
    """Return one sentence on what is wrong with a table, ``None`` where nothing is.

    ``settings`` are those that a row has, ``differs`` is what an empty table is told to give, ``keys`` may stand in a row beside them;
    ``wrong_with`` says what is wrong with one row, and only of a row that is right is the label asked.
    """
    if not rows:
        return f"the table has no rows; give a list of mappings, each with {differs}"
    labels = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            return f"row {number} is {row!r}, but must be a mapping with settings of {settings}, and may have {', '.join(keys)}"
        if wrong := wrong_with(row):
            return f"row {number}: {wrong}"
        labels.append(label_of(row))
        if not _LABEL.fullmatch(labels[-1]):
            return f"row {number}: the label {labels[-1]!r} must be a letter, then up to 60 letters, digits and _"
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        return f"the rows {', '.join(twice)} come twice: give each a label of its own"
    return None

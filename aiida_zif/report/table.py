# SPDX-License-Identifier: MIT
"""The table that the terminal shows at the end: what was found, with errors, and what it may be called."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from aiida_zif.report import rounds, words
from aiida_zif.report.facts import collect
from aiida_zif.report.numbers import duration, number, share

__all__ = ["WIDTH", "collect", "render"]

WIDTH = 100
"""Columns that the table fits."""
LABEL = 22
SIDE_BY_SIDE = 3
"""Solids beside each other."""


def render(facts: dict[str, Any]) -> str:
    """Return the table of ``facts`` (:func:`collect`) as text of at most ``WIDTH`` columns. What is missing is said in a word."""
    parts = [
        _top(facts), _aimd(facts), _dataset(facts), _models(facts), _rounds(facts), *_solids(facts), _verdicts(facts), _aids(facts),
        _cost(facts),
    ]  # fmt: skip
    return "\n\n".join("\n".join(part) for part in parts if part)


def _rule(title: str) -> str:
    return f"── {title} ".ljust(WIDTH, "─")


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool] = ()) -> list[str]:
    """Return the lines of one row; a cell that is too long goes on below."""
    columns = [textwrap.wrap(cell, width - 1) or [""] for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for k in range(max(map(len, columns))):
        texts = [column[k] if k < len(column) else "" for column in columns]
        aligned = [
            text.rjust(width - 2) + "  " if right and right[n] else text.ljust(width)
            for n, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        lines.append("".join(aligned).rstrip())
    return lines


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    return [line for row in (head, *rows) for line in _row(row, widths, right)]


def _paragraph(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent)


def _top(facts: dict[str, Any]) -> list[str]:
    structure = facts["structure"]
    size = f"{structure['n_atoms']} atoms" + (f", {structure['n_atoms_md']} in MD" if structure["n_atoms_md"] else "")
    lines = [_rule(f"{structure['formula']}, {size}"), *_paragraph(words.headline(facts))]
    limits = f" ({'; '.join(facts['limits'])})" if facts["limits"] else ""
    lines += _paragraph(words.DEMONSTRATION.removesuffix(".") + limits + ".")
    if not facts["pipeline"]["finished_ok"]:
        lines += _paragraph(words.ending(facts["pipeline"]))
    return lines


def _aimd(facts: dict[str, Any]) -> list[str]:
    if not facts["aimd"]:
        return [_rule("AIMD"), "missing: no state point was begun"]
    rows = [
        (
            number(row["asked_temperature_k"], 0, "K"), number(row["mean_temperature_k"], 0, "K"), number(row["volume_factor"], 2),
            "–" if row["frames_used"] is None else f"{row['frames_used']} of {row['frames']}", words.verdict_of_point(row),
        )
        for row in facts["aimd"]
    ]  # fmt: skip
    right = (True, True, True, True, False)
    head = ("asked T", "⟨T⟩ measured", "V/V₀", "frames used", "")
    title = "AIMD: recorded trajectories, not run here" if facts["pipeline"]["recorded"] else "AIMD"
    lines = [_rule(title), *_grid(head, rows, (11, 16, 9, 16, 48), right)]
    if facts["labels"]:
        labels = facts["labels"]
        ended = "" if labels["verdict"] == "done" else f" – {labels['verdict']}"
        lines += _paragraph(f"labelled one by one: {labels['kept']} of {labels['asked']} geometries converged{ended}")
    return lines


def _dataset(facts: dict[str, Any]) -> list[str]:
    found = facts["dataset"]
    if found is None:
        return [_rule("dataset"), "missing: the pipeline did not come so far"]
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found["counts"].items())
    return [_rule("dataset"), *_paragraph(f"{counts} ({words.drawing(found)})")]


def _models(facts: dict[str, Any]) -> list[str]:
    if not facts["models"]:
        return [_rule("models"), "missing: the pipeline did not come so far"]
    rows = [
        (
            model["name"], f"{model['epochs'] or '–'}", words.energies(model), words.forces(model),
            words.stresses(model), number(model["cost_us_per_atom"], 1),
            ("runs MD" if model["runs_md"] else "") if model["verdict"] == "done" else model["verdict"],
        )
        for model in facts["models"]
    ]  # fmt: skip
    frames = next((model["n_frames"] for model in facts["models"] if model["n_frames"]), None)
    head = ("", "epochs", "meV/atom", "meV/Å (of spread)", "MPa", "µs/atom/call", "")
    title = f"models: mean absolute errors on {frames} held-out frames" if frames else "models"
    return [_rule(title), *_grid(head, rows, (12, 9, 14, 20, 12, 15, 18), (False, True, True, True, True, True, False))]


def _rounds(facts: dict[str, Any]) -> list[str]:
    """Return how the model was tested and mended, where it was."""
    found = facts["active_learning"]
    if found is None:
        return []
    widths = (7, 8, 10, 22, 8, 9, 12, 11, 13)
    grid = _grid(rounds.HEAD, rounds.rows(found), widths, (True,) * len(widths))
    return [_rule("active learning: the model tested in the cell of the labels"), *grid, *_paragraph(rounds.sentence(found))]


def _solids(facts: dict[str, Any]) -> list[list[str]]:
    if not facts["glasses"]:
        return [[_rule("melt-quench"), "missing: the pipeline did not come so far"]]
    blocks = []
    columns = [*([facts["crystal"]] if facts["crystal"] else []), *facts["glasses"]]
    for first in range(0, len(columns), SIDE_BY_SIDE):
        chosen = columns[first : first + SIDE_BY_SIDE]
        width = (WIDTH - LABEL) // len(chosen)
        blocks.append([_rule("the crystal and what became of it"), *_side_by_side(chosen, (LABEL, *(width,) * len(chosen)))])
    return blocks


def _side_by_side(solids: Sequence[dict[str, Any]], widths: Sequence[int]) -> list[str]:
    """Return a row per property, a column per solid."""
    lines = []
    for label, cells in words.properties(solids):
        for k in range(max(map(len, cells))):
            lines += _row([label if not k else "", *(cell[k] if k < len(cell) else "" for cell in cells)], widths)
    return lines


def _verdicts(facts: dict[str, Any]) -> list[str]:
    """Return every verdict that is not plain success, once: a parent that repeats its child says nothing new."""
    told: dict[str, str] = {}
    for one in facts["verdicts"]:
        if one["verdict"] != "done":
            told.setdefault(one["verdict"], one["label"])
    good = sum(one["verdict"] == "done" for one in facts["verdicts"])
    lines = [_rule("verdicts"), f"{good} of {len(facts['verdicts'])} jobs and chains ended with [0]"]
    for verdict, label in told.items():
        lines += _paragraph(f"{label}: {verdict}", "  ")
    return lines


def _aids(facts: dict[str, Any]) -> list[str]:
    if not facts["aids"]:
        return []
    return [_rule("aids, declared"), *(line for aid in facts["aids"] for line in _paragraph(f"· {aid['sentence']}", "  "))]


def _cost(facts: dict[str, Any]) -> list[str]:
    found = facts["cost"]
    run = {name.replace("_", "-"): stage for name, stage in found["stages"].items() if stage["cached"] < stage["jobs"]}
    stages = ", ".join(f"{name} {duration(stage['core_s'])}" for name, stage in run.items())
    detail = f": {stages}" if stages else ""
    lines = [_rule("cost"), *_paragraph(f"core time {duration(found['core_s'])}{detail}{words.cached(found)}")]
    percent = share(found["aiida_s"] / found["wall_s"]) if found["wall_s"] else "–"
    own = f"{duration(found['aiida_s'])} ({percent})"
    return [*lines, *_paragraph(f"wall time {duration(found['wall_s'])}; no job was at work in {own} of it: AiiDA's own share")]

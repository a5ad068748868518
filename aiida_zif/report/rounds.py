# SPDX-License-Identifier: MIT
"""The rounds of an active learning as text, CSV or a figure. Numbers in, text or SVG bytes out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import Any

from aiida_zif.report.figures import COLOURS, GREY, canvas
from aiida_zif.report.numbers import UNKNOWN, number

Facts = Mapping[str, Any]
KIND = "active_learning"
"""What the node of a table of rounds says of itself."""
HEAD = (
    "round", "broken", "first after / ps", "breaks per linker and ns (95 %)", "picked", "labelled", "trained on", "F / meV/Å",
    "E / meV/atom",
)  # fmt: skip


def rows(facts: Facts) -> list[tuple[str, ...]]:
    """Return a row of words per round, under ``HEAD``."""
    found: list[tuple[str, ...]] = []
    for one in facts["rounds"]:
        rate, runs = one["hazard"], one["runs"]
        first = min((run["survived_ps"] for run in runs if not run["whole"]), default=None)
        found.append((
            str(one["round"]), f"{one['broken']} of {len(runs)}", UNKNOWN if first is None else f"{first:.2f}",
            f"{rate['per_linker_ns']:.1f} ({rate['low']:.1f} to {rate['high']:.1f})", str(one["picked"]), str(one["labelled"]),
            str(one["train_frames"]), number(one["forces_mae_mev_per_angstrom"], 0), number(one["energy_mae_mev_per_atom"], 1),
        ))  # fmt: skip
    return found


def sentence(facts: Facts) -> str:
    """Return what was tested, and how it ended."""
    run, runs = facts["run"], facts["rounds"][-1]["runs"]
    means = [run["mean_temperature_k"] for run in runs if run["mean_temperature_k"] is not None]
    measured = f", ⟨T⟩ {min(means):.0f} to {max(means):.0f} K in the last round" if means else ""
    return f"{len(runs)} runs of {run['picoseconds']:g} ps at {run['temperature_k']:g} K each{measured}: {facts['verdict']}."


def text(facts: Facts) -> str:
    """Return the table for a terminal."""
    lines = [HEAD, *rows(facts)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(HEAD))]
    grid = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([*grid, "", sentence(facts)])


def as_csv(facts: Facts) -> str:
    """Return a line per run of each round, numbers in full; what is not known is empty."""
    buffer = io.StringIO()
    names = ("seed", "whole", "survived_ps", "mean_temperature_k", "transients", "reason")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["round", *names])
    for one in facts["rounds"]:
        writer.writerows([[one["round"], *(run[name] for name in names)] for run in one["runs"]])
    return buffer.getvalue()


def as_latex(facts: Facts) -> str:
    """Return the table as a ``tabular`` for ``booktabs``."""
    head, *body = (" & ".join(line).replace("%", r"\%").replace("Å", r"\AA{}").replace(UNKNOWN, "--") for line in (HEAD, *rows(facts)))
    lines = [rf"\begin{{tabular}}{{{'r' * len(HEAD)}}}", r"\toprule", rf"{head} \\", r"\midrule", *(rf"{line} \\" for line in body)]
    return "\n".join([f"% {sentence(facts)}", *lines, r"\bottomrule", r"\end{tabular}"])


WRITERS: dict[str, Callable[..., str]] = {
    "text": lambda facts, *_: text(facts), "csv": lambda facts, *_: as_csv(facts), "latex": lambda facts, *_: as_latex(facts),
}  # fmt: skip
"""By name of the format; what is published of scans is not asked for."""


def figure(facts: Facts) -> bytes:
    """Return how long each run of each round survived (left), and the rate of breaks with its 95 % interval (right)."""
    rounds, length = facts["rounds"], facts["run"]["picoseconds"]
    with canvas(1, 2, 2.8) as (_, axes, buffer):
        times, rates = axes[0]
        for one in rounds:
            runs = sorted(one["runs"], key=lambda run: run["survived_ps"])
            for k, run in enumerate(runs):
                place = one["round"] + 0.5 * ((k + 0.5) / len(runs) - 0.5)
                colour = COLOURS[1] if run["whole"] else COLOURS[2]
                times.plot(
                    [place], [run["survived_ps"]], "o", color=colour, markersize=4, markerfacecolor=colour if run["whole"] else "white"
                )
        times.axhline(length, color=GREY, linestyle="--", linewidth=0.9)
        times.set_ylim(0, 1.08 * length)
        times.set_ylabel("linkers whole / ps")
        times.set_title("filled: to the end; open: broken or blown up")
        values = [one["hazard"] for one in rounds]
        low = [rate["per_linker_ns"] - rate["low"] for rate in values]
        high = [rate["high"] - rate["per_linker_ns"] for rate in values]
        numbers = [one["round"] for one in rounds]
        rates.errorbar(numbers, [rate["per_linker_ns"] for rate in values], [low, high], fmt="o", color=COLOURS[1], markersize=5, capsize=3)
        rates.set_ylim(bottom=0)
        rates.set_ylabel("breaks per linker and ns")
        for axis in (times, rates):
            axis.set_xlabel("round")
            axis.set_xticks(numbers)
            axis.set_xlim(-0.5, max(numbers) + 0.5)
    return buffer.getvalue()

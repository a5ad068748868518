# SPDX-License-Identifier: MIT
"""The table of a scan as text, CSV or LaTeX, and the figure of error against cost. Numbers in, text or SVG bytes out."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from aiida_zif.report.figures import COLOURS, GREY, INK, canvas
from aiida_zif.report.numbers import UNKNOWN, with_error
from aiida_zif.report.table import WIDTH

Facts = Mapping[str, Any]
NUMBERS: dict[str, tuple[str, str, int]] = {
    "energy_mae_mev_per_atom": ("energy", "meV/atom", 2),
    "forces_mae_mev_per_angstrom": ("forces", "meV/Å", 1),
    "stress_mae_mpa": ("stress", "MPa", 0),
    "cost_us_per_atom": ("cost", "µs/atom", 1),
}
"""Key → what it is, its unit, decimals where there is no error bar."""
SETTINGS: dict[str, str] = {
    "architecture": "architecture", "l_max": "l", "r_max": "r/Å", "parity": "parity", "sampling": "frames drawn", "seeds": "seeds",
    "n_parameters": "parameters",
}  # fmt: skip
"""Key → head of the column."""
PUBLISHED = "published"


def rows(facts: Facts, published: Mapping[str, Facts] | None = None) -> list[dict[str, Any]]:
    """Return a row of plain values per row of the table, in its order; what others published of one follows it, marked so."""
    found = []
    for label in facts["order"]:
        row = facts["rows"][label]
        one = {"label": label, **{key: row.get(key) for key in SETTINGS}, "parity": parity(row), "seeds": len(row["seeds"])}
        one["sampling"] = f"{row['sampling']}, {row['dataset']['counts'].get('train', 0)}" if row["dataset"]["counts"] else row["sampling"]
        for key in NUMBERS:
            one |= {key: row.get(key), f"{key}_spread": row.get(f"{key}_spread")}
        mark = "best" if label == facts["best"] else "front" if row["on_front"] else ""
        found.append({**one, "mark": mark, "verdict": row["verdict"]})
        if published and label in published:
            blank = dict.fromkeys([*SETTINGS, *(f"{key}_spread" for key in NUMBERS)])
            found.append({"label": label, **blank, **dict.fromkeys(NUMBERS), **published[label], "mark": PUBLISHED, "verdict": ""})
    return found


def parity(row: Facts) -> str:
    """Return whether the features know odd and even, or rotations only."""
    return "yes" if row.get("parity") else "SO(3)" if row.get("irreps") == "so3" else "no"


def text(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> str:
    """Return the table for a terminal, with front, pick, verdicts and what a reader must know."""
    head = ["", *SETTINGS.values(), *(unit for _, unit, _ in NUMBERS.values()), ""]
    lines = [[*_settings(row), *_numbers(row, " ± "), row["mark"]] for row in rows(facts, published)]
    widths = [max(len(line[k]) for line in (head, *lines)) for k in range(len(head))]
    left = {0, 1, 4, 5, len(head) - 1}
    grid = ["  ".join(cell.ljust(w) if k in left else cell.rjust(w) for k, (cell, w) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in (head, *lines)]  # fmt: skip
    return "\n".join([*grid, "", *(line for one in sentences(facts, published, citation) for line in _wrapped(one))])


def sentences(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> list[str]:
    """Return what stands under the table."""
    held_out = sorted({row["dataset"]["counts"].get("held_out", 0) for row in facts["rows"].values() if row["dataset"]["counts"]})
    found = [f"Mean absolute errors on {' or '.join(map(str, held_out)) or 'no'} held-out frames, ± the standard deviation over seeds."]
    if facts["front"]:
        found.append(f"Front of {facts['rule']['error']} against cost, from the cheapest: {', '.join(facts['front'])}.")
    found.append(f"Best: {facts['reason']}.")
    found += facts["notes"]
    found += [f"{label}: {facts['rows'][label]['verdict']}" for label in facts["order"] if facts["rows"][label]["verdict"] != "done"]
    if published and citation:
        found.append(f"Published: {citation}.")
    return found


def as_csv(facts: Facts, published: Mapping[str, Facts] | None = None) -> str:
    """Return the table as comma-separated values, numbers in full; what is not known is empty."""
    buffer = io.StringIO()
    found = rows(facts, published)
    writer = csv.DictWriter(buffer, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return buffer.getvalue().rstrip("\n")


def as_latex(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> str:
    """Return the table as a LaTeX ``tabular`` that needs no package but ``booktabs``."""
    head = ["", *SETTINGS.values(), *(f"{name} / {unit}" for name, unit, _ in NUMBERS.values())]
    lines = []
    for row in rows(facts, published):
        label = f"\\quad {PUBLISHED}" if row["mark"] == PUBLISHED else _latex(row["label"])
        label = f"\\textbf{{{label}}}" if row["mark"] == "best" else label
        settings = [_latex(cell) for cell in _settings(row)[1:]]
        lines.append([label, *settings, *(cell.replace(UNKNOWN, "--") for cell in _numbers(row, r" $\pm$ "))])
    body = [" & ".join(line) + r" \\" for line in lines]
    top = " & ".join(_latex(cell) for cell in head) + r" \\"
    notes = [f"% {one}" for one in sentences(facts, published, citation)]
    frame = [rf"\begin{{tabular}}{{l{'l' * len(SETTINGS)}{'r' * len(NUMBERS)}}}", r"\toprule", top, r"\midrule"]
    return "\n".join([*notes, *frame, *body, r"\bottomrule", r"\end{tabular}"])


WRITERS: dict[str, Callable[..., str]] = {"text": text, "csv": lambda facts, published, _: as_csv(facts, published), "latex": as_latex}
"""By name of the format."""


def figure(facts: Facts) -> bytes:
    """Return the error of each row against its cost, by number; what is on the front is joined, what was chosen is filled."""
    error = facts["rule"]["error"]
    known = {label: row for label in facts["order"] if (row := facts["rows"][label]).get(error) is not None and row["cost_us_per_atom"]}
    architectures = sorted({str(row["architecture"]) for row in known.values()})
    with canvas(1, 1, 4.2) as (_, axes, buffer):
        axis = axes[0, 0]
        front = [known[label] for label in facts["front"] if label in known]
        axis.step(
            [row["cost_us_per_atom"] for row in front], [row[error] for row in front], where="post", color=GREY, linewidth=0.9, zorder=1
        )
        if limit := facts["rule"]["max_cost_us_per_atom"]:
            axis.axvline(limit, color=COLOURS[2], linestyle="--", linewidth=0.9)
        for number, (label, row) in enumerate(known.items(), 1):
            colour = COLOURS[(architectures.index(str(row["architecture"])) + 1) % len(COLOURS)]
            axis.errorbar(
                row["cost_us_per_atom"], row[error], row[f"{error}_spread"], row["cost_us_per_atom_spread"], "o", color=colour,
                markersize=7 if label == facts["best"] else 5, markerfacecolor=colour if label == facts["best"] else "white",
                elinewidth=0.8, capsize=2, zorder=2, label=f"{number}  {label}",
            )  # fmt: skip
            axis.annotate(str(number), (row["cost_us_per_atom"], row[error]), (6, 4), textcoords="offset points", color=INK)
        axis.set_xlabel("cost / µs per atom and call")
        axis.set_ylabel(_axis(error))
        axis.margins(0.08, 0.12)
        if known:
            axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize=7)
        else:
            axis.text(0.5, 0.5, "no row has numbers", color=GREY, ha="center", va="center", transform=axis.transAxes)
        axis.set_title(f"chosen: {facts['best']}" if facts["best"] else "none chosen")
    return buffer.getvalue()


def _axis(error: str) -> str:
    quantity, _, rest = error.partition("_")
    kind, _, unit = rest.partition("_")
    return f"{kind.upper()} of {quantity} / {unit.replace('mev_per_', 'meV per ').replace('mpa', 'MPa').replace('angstrom', 'Å')}"


def _settings(row: Facts) -> list[str]:
    if row["mark"] == PUBLISHED:
        return [f"  {PUBLISHED}", *[""] * len(SETTINGS)]
    values = [UNKNOWN if row[key] is None else f"{row[key]:g}" if isinstance(row[key], float) else str(row[key]) for key in SETTINGS]
    return [row["label"], *values]


def _numbers(row: Facts, sign: str) -> list[str]:
    """Return each number with its spread; of one seed alone the spread is a dash."""
    cells = []
    for key, (_, _, digits) in NUMBERS.items():
        cell = with_error((row[key], row[f"{key}_spread"]), digits=digits)
        if row[key] is not None and row[f"{key}_spread"] is None and row["mark"] != PUBLISHED:
            cell += f" ± {UNKNOWN}"
        cells.append(cell.replace(" ± ", sign))
    return cells


def _latex(cell: str) -> str:
    cell = cell.replace("_", r"\_").replace("µ", r"$\mu$").replace("Å", r"\AA{}")
    return cell.replace("r/\\AA{}", "$r$ / \\AA{}").replace(UNKNOWN, "--")


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")

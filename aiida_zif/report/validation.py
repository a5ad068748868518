# SPDX-License-Identifier: MIT
"""A model against its references: the table as text, CSV or LaTeX, and the figure of both. Numbers in, text or SVG bytes out."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from aiida.orm import ProcessNode

from aiida_zif.report import graph
from aiida_zif.report.figures import COLOURS, GREY, INK, LIGHT, canvas
from aiida_zif.report.numbers import UNKNOWN, number, with_error
from aiida_zif.report.table import WIDTH
from aiida_zif.report.trained import arrays_of

Facts = Mapping[str, Any]
HEAD = ("", "reference", "model", "difference", "sigmas", "")
CURVES: dict[str, tuple[str, str]] = {
    "g_zn_n": ("Zn–N g(r)", "r / Å"), "g_zn_zn": ("Zn–Zn g(r)", "r / Å"), "angle_density": ("N–Zn–N / 1/degree", "angle / degree"),
}  # fmt: skip
"""Name of the curve → what stands at its axes."""


def rows(facts: Facts) -> list[dict[str, Any]]:
    """Return a row of plain values per reference and observable."""
    return [
        {"reference": name, "observable": key, **{k: v for k, v in one.items() if k not in ("reference", "model")},
         "reference_value": one["reference"], "model_value": one["model"]}
        for name in facts["order"] for key, one in facts["rows"][name]["observables"].items()
    ]  # fmt: skip


def text(facts: Facts, *_: Any) -> str:
    """Return the table for a terminal: a block per reference, and what a reader must know."""
    lines = []
    for name in facts["order"]:
        row = facts["rows"][name]
        kelvin = "" if row["temperature_k"] is None else f" at {row['temperature_k']:.0f} K"
        lines += [f"{name}{kelvin}: {row['verdict']}"]
        cells = [HEAD, *(_cells(key, one) for key, one in row["observables"].items())]
        widths = [max(len(line[k]) for line in cells) for k in range(len(HEAD))]
        if len(cells) > 1:
            lines += ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
        lines.append("")
    return "\n".join([*lines, *(line for one in sentences(facts) for line in textwrap.wrap(one, WIDTH, subsequent_indent="  "))])


def sentences(facts: Facts) -> list[str]:
    """Return what stands under the table."""
    sigmas = facts["rule"].get("max_sigmas", 3.0)
    told = [
        f"A difference of more than {sigmas:g} combined standard errors is one; of a curve the difference is ∫|Δ| as a share of its area, "
        "and sigmas are the root mean square over its bins.",
        f"{facts['agree']} agree, {facts['differ']} differ, {facts['unjudged']} are not judged.",
    ]
    if tolerances := facts["rule"].get("tolerances"):
        told.append("Tolerances: " + ", ".join(f"{name} {value:g}" for name, value in tolerances.items()) + ".")
    few = sorted({name for name in facts["order"] for one in facts["rows"][name].get("n_eff", {}).values() if min(one) < FEW})
    if few:
        told.append(f"Of {', '.join(few)} some numbers rest on fewer than {FEW} independent frames: their errors are themselves uncertain.")
    return told


FEW = 10


def _cells(name: str, one: Facts) -> tuple[str, ...]:
    both = [with_error((one[side], one[f"{side}_error"]), digits=3) for side in ("reference", "model")]
    curve = name in CURVES and one["difference"] is not None
    difference = UNKNOWN if one["difference"] is None else f"{100 * one['difference']:.1f} %" if curve else f"{one['difference']:+.3g}"
    reason = f"{one['verdict']}: {one['reason']}" if one["reason"] else one["verdict"]
    return name, *both, difference, number(one["sigmas"], 1), reason


def as_csv(facts: Facts, *_: Any) -> str:
    """Return the table as comma-separated values, numbers in full; what is not known is empty."""
    found, buffer = rows(facts), io.StringIO()
    names = list(found[0]) if found else ["reference", "observable"]
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return buffer.getvalue().rstrip("\n")


def as_latex(facts: Facts, *_: Any) -> str:
    """Return the table as a LaTeX ``tabular`` that needs no package but ``booktabs``."""
    lines = []
    for name in facts["order"]:
        lines.append(rf"\multicolumn{{6}}{{l}}{{{_latex(name)}}} \\")
        lines += [" & ".join(map(_latex, _cells(key, one))) + r" \\" for key, one in facts["rows"][name]["observables"].items()]
    top = " & ".join(HEAD) + r" \\"
    return "\n".join([r"\begin{tabular}{lrrrrl}", r"\toprule", top, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"])


def _latex(cell: str) -> str:
    return cell.replace("_", r"\_").replace("%", r"\%").replace("±", r"$\pm$").replace(UNKNOWN, "--")


WRITERS: dict[str, Callable[..., str]] = {"text": text, "csv": as_csv, "latex": as_latex}
"""By name of the format."""


def figure(chain: ProcessNode, kind: str = "svg") -> bytes:
    """Return the curves of model and reference with bands of one standard error, a row per reference, and the sigmas of all observables."""
    found = graph.outputs(chain)
    facts = graph.content(found.get("table"))
    names = [name for name in facts["order"] if f"curves__{name}" in found]
    limit = facts["rule"].get("max_sigmas", 3.0)
    with canvas(len(names), len(CURVES) + 1, 0.4 + 1.9 * len(names), kind) as (_, axes, buffer):
        for line, name in zip(axes, names, strict=True):
            arrays = arrays_of(found[f"curves__{name}"])
            for axis, (key, (what, where)) in zip(line, CURVES.items(), strict=False):
                for side, colour in (("reference", INK), ("model", COLOURS[2])):
                    x, mean, error = (arrays[f"{key}_{side}_{part}"] for part in ("x", "mean", "error"))
                    axis.plot(x, mean, color=colour, linewidth=0.9, label=side)
                    if np.isfinite(error).all():
                        axis.fill_between(x, mean - error, mean + error, color=colour, alpha=0.25, linewidth=0)
                axis.set_ylabel(what)
                axis.set_xlabel(where)
                axis.set_ylim(bottom=0)
            line[0].set_title(name)
            line[0].legend(fontsize=6)
            _sigmas(line[-1], facts["rows"][name]["observables"], limit)
    return buffer.getvalue()


def _sigmas(axis: Any, observables: Facts, limit: float) -> None:
    known = {key: one for key, one in observables.items() if one["sigmas"] is not None}
    colours = [COLOURS[1] if one["verdict"] == "agrees" else "#c92a2a" for one in known.values()]
    axis.barh(range(len(known)), [one["sigmas"] for one in known.values()], color=colours, height=0.7)
    axis.set_yticks(range(len(known)), [key.removesuffix("_angstrom").removesuffix("_deg").replace("_", " ") for key in known], fontsize=5)
    axis.axvline(limit, color=LIGHT, linestyle="--", linewidth=0.9)
    axis.invert_yaxis()
    axis.set_xlabel("difference / error")
    if not known:
        axis.text(0.5, 0.5, "nothing judged", color=GREY, ha="center", va="center", transform=axis.transAxes)

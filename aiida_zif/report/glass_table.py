# SPDX-License-Identifier: MIT
"""The table of an ensemble of glasses, and that of all glasses with a certificate, as text, CSV or LaTeX. Numbers in, text out."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiida_zif.report.numbers import UNKNOWN, number, with_error
from aiida_zif.report.table import WIDTH

Facts = Mapping[str, Any]
NUMBERS: dict[str, tuple[str, str, int]] = {
    "density_g_per_cm3": ("density", "g/cm³", 3), "zn_n_coordination": ("coordination", "", 2), "n_zn_n_angle_deg": ("angle", "°", 1),
    "energy_above_crystal_mev_per_atom": ("energy", "meV/atom", 1), "exchanged_share": ("exchanged", "", 2),
}  # fmt: skip
"""Key → what it is, its unit, decimals where there is no error bar."""
SETTINGS = ("tmax_k", "rate_k_per_ps", "plateau_ps")


def rows(facts: Facts, published: Mapping[str, Facts] | None = None) -> list[dict[str, Any]]:
    """Return a row of plain values per row of the table: settings, what became of the replicas, mean, sd and standard error."""
    found = []
    for label in facts["order"]:
        row = facts["rows"][label]
        one = {"label": label, **{name: row["settings"].get(name) for name in SETTINGS}, "cell": cell(row["settings"])}
        one |= {name: row[name] for name in ("asked", "judged", "molten", "glasses", "broken")}
        for key, value in row["observables"].items():
            one |= {key: value["mean"], f"{key}_sd": value["sd"], f"{key}_error": value["error"]}
        theirs = (published or {}).get(label)
        found.append({**one, "verdict": row["verdict"], **({f"published_{key}": value for key, value in theirs.items()} if theirs else {})})
    return found


def cell(settings: Facts) -> str:
    """Return supercell and start of a row in a word."""
    size = "×".join(map(str, settings["repeats"]))
    return size if settings["start"] == "crystal" else f"{size} {settings['start']}"


def text(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> str:
    """Return the table for a terminal, with verdicts, linkers broken by temperature, and what a reader must know."""
    names = [name for name in NUMBERS if any(name in facts["rows"][label]["observables"] for label in facts["order"])]
    head = ["", "Tmax/K", "K/ps", "ps", "cell", "molten", "glasses", *(_head(name) for name in names)]
    lines = []
    for label in facts["order"]:
        row = facts["rows"][label]
        cells = [_plain(row["settings"].get(name)) for name in SETTINGS]
        counts = [f"{row['molten']} of {row['judged']}", f"{row['glasses']} of {row['asked']}"]
        told = [_mean(row["observables"].get(name), NUMBERS[name][2]) for name in names]
        lines.append([label, *cells, cell(row["settings"]), *counts, *told])
    return "\n".join([*_grid(head, lines), "", *(line for one in sentences(facts, published, citation) for line in _wrapped(one))])


def _mean(found: Facts | None, digits: int) -> str:
    if found is None:
        return UNKNOWN
    text_of = with_error((found["mean"], found["error"]), digits=digits)
    return text_of if found["error"] is not None else f"{text_of} ± {UNKNOWN}"


def sentences(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> list[str]:
    """Return what stands under the table."""
    over = sorted({str(row["over"]) for row in facts["rows"].values() if row["over"]})
    found = [f"Mean ± standard error over {' or '.join(over) or 'no'} (sample sd/√n; the sd stands in the CSV)."]
    found += [f"{label}: {facts['rows'][label]['verdict'].rstrip('.')}." for label in facts["order"]]
    found += hazard(facts)
    found += facts["notes"]
    for label, theirs in (published or {}).items():
        if label in facts["rows"]:
            found.append(f"Published of {label}: {', '.join(f'{key} {value}' for key, value in theirs.items())}.")
    return [*found, *([f"Published: {citation}."] if published and citation else [])]


def hazard(facts: Facts) -> list[str]:
    """Return a sentence per temperature bin at which linkers broke, and one over those at which none did."""
    quiet = [one for one in facts["hazard"] if not one["breaks"]]
    told = [f"At {one['from_k']:.0f} to {one['to_k']:.0f} K {_count(one['breaks'])} broke in {one['linker_ns']:.3g} linker ns{_rate(one)}."
            for one in facts["hazard"] if one["breaks"]]  # fmt: skip
    if quiet:
        total = sum(one["linker_ns"] for one in quiet)
        told.append(f"At {'the other' if told else 'all'} temperatures none broke in {total:.3g} linker ns.")
    return told


def _count(breaks: int) -> str:
    return "1 linker" if breaks == 1 else f"{breaks} linkers"


def _rate(one: Facts) -> str:
    if one.get("rate_per_ns") is None:
        return ""
    return f": {one['rate_per_ns']:.3g} per linker and ns ({one['rate_low_per_ns']:.3g} to {one['rate_high_per_ns']:.3g})"


def as_csv(facts: Facts, published: Mapping[str, Facts] | None = None) -> str:
    """Return the table as comma-separated values, numbers in full; what is not known is empty."""
    found = rows(facts, published)
    return _csv(found, list(dict.fromkeys(name for row in found for name in row)))


def as_latex(facts: Facts, published: Mapping[str, Facts] | None = None, citation: str | None = None) -> str:
    """Return the table as a LaTeX ``tabular`` that needs no package but ``booktabs``."""
    names = [name for name in NUMBERS if any(name in facts["rows"][label]["observables"] for label in facts["order"])]
    lines = []
    for label in facts["order"]:
        row = facts["rows"][label]
        cells = [label, *(_plain(row["settings"].get(name)) for name in SETTINGS), cell(row["settings"])]
        cells += [f"{row['molten']}/{row['judged']}", f"{row['glasses']}/{row['asked']}"]
        cells += [_mean(row["observables"].get(name), NUMBERS[name][2]) for name in names]
        lines.append(" & ".join(map(_latex, cells)) + r" \\")
    head = ["", "Tmax / K", "rate / K/ps", "plateau / ps", "cell", "molten", "glasses", *(_head(name) for name in names)]
    notes = [f"% {one}" for one in sentences(facts, published, citation)]
    top = " & ".join(map(_latex, head)) + r" \\"
    columns = "l" + "r" * (len(head) - 1)
    return "\n".join([*notes, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", top, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"])


WRITERS: dict[str, Callable[..., str]] = {"text": text, "csv": lambda facts, published, _: as_csv(facts, published), "latex": as_latex}
"""By name of the format."""

LISTED: dict[str, Callable[[Facts], str]] = {
    "pk": lambda one: str(one["pk"]), "kind": lambda one: one["kind"], "model": lambda one: (one["model"] or {}).get("uuid", UNKNOWN)[:8],
    "seed": lambda one: _plain(one.get("seed")), "atoms": lambda one: str(one["n_atoms"]),
    "Tmax/K": lambda one: number(one.get("tmax_k"), 0),
    "molten/ps": lambda one: number(one.get("molten_ps"), 1), "whole": lambda one: "yes" if one["linkers_whole"] else "no",
    "g/cm³": lambda one: with_error(one["density_g_per_cm3"], digits=3), "Zn–N": lambda one: with_error(one["zn_n_coordination"]),
    "meV/atom": lambda one: with_error(one.get("energy_above_crystal_mev_per_atom"), digits=1),
    "K/GPa": lambda one: with_error((one["bulk_modulus_gpa"], one.get("bulk_modulus_gpa_error"))),
}  # fmt: skip
"""Head of the column → what stands there, of one certificate with ``pk``, that of the structure."""


def listing(certificates: Sequence[Facts]) -> str:
    """Return the table of certificates, a line each; ``energy`` is that above the crystal."""
    return "\n".join(_grid(list(LISTED), [[tell(one) for tell in LISTED.values()] for one in certificates]))


def _grid(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[k]) for line in (head, *lines)) for k in range(len(head))]
    return ["  ".join(one.ljust(width) for one, width in zip(line, widths, strict=True)).rstrip() for line in (head, *lines)]


def _csv(found: Sequence[Facts], names: list[str]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(found)
    return buffer.getvalue().rstrip("\n")


def _head(name: str) -> str:
    what, unit, _ = NUMBERS[name]
    return f"{what}, {unit}" if unit else what


def _plain(value: Any) -> str:
    return UNKNOWN if value is None else f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _latex(text_of: str) -> str:
    text_of = text_of.replace("_", r"\_").replace("±", r"$\pm$").replace("×", r"$\times$").replace("°", r"$^\circ$")
    return text_of.replace("cm³", "cm$^3$").replace(UNKNOWN, "--")


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")

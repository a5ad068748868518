# SPDX-License-Identifier: MIT
"""The figures of structure as files: each as SVG, PDF and PNG, and beside it the numbers it shows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif.report import structure
from aiida_zif.report.structure import Sources

KINDS: tuple[str, ...] = ("svg", "pdf", "png")
TABLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "rdf_pmf": (("r", "g_zn_n", "g_zn_n_error", "n_zn_n", "g_zn_zn", "g_zn_zn_error"), ("pmf_r", "pmf_zn_n")),
    "angles": (("angle", "angle_density", "angle_density_error", "pmf_angle"),),
    "coordination": (("times", "steps", "coordination"),),
    "msd": (("msd_time", "msd_zn", "msd_n"),),
    "pores_linkers": (("times", "steps", "intact_share"), ("pore_frame", "pore_volume")),
    "scattering": (("q", "s_xray", "s_neutron"), ("far_r", "d_xray", "d_neutron")),
}
"""By figure: the columns that belong together, a CSV each."""
NEEDS: dict[str, str] = {"msd": "msd_time", "scattering": "q"}
IN_TIME = ("coordination", "pores_linkers")


def write(sources: Sources, document: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write every figure that one of the sources has numbers for, and ``analysis.json`` with all numbers; return the files."""
    written: list[Path] = []
    for name, tables in TABLES.items():
        needed = NEEDS.get(name)
        shown = {key: curves for key, curves in sources.items() if needed is None or needed in curves}
        if name in IN_TIME:
            shown = {key: curves for key, curves in shown.items() if len(curves["coordination"][0]) > 1}
        if not shown:
            continue
        draw: Callable[[Sources, str], bytes] = getattr(structure, name)
        written += _draw(folder / name, lambda kind, draw=draw, shown=shown: draw(shown, kind))  # type: ignore[misc]
        written += [_table(folder / f"{name}{'' if k == 0 else f'_{k + 1}'}.csv", shown, columns) for k, columns in enumerate(tables)]
    if solids := {name: one["rings_per_node"] for name, one in document["sources"].items() if one["rings_per_node"]}:
        written += _draw(folder / "rings", lambda kind: structure.rings(solids, kind))
        rows = [[name, size, one["mean"], one["error"]] for name, found in solids.items() for size, one in found.items()]
        written.append(_rows(folder / "rings.csv", ["source", "size", "rings_per_zn", "error"], rows))
    path = folder / "analysis.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*written, path]


def _draw(place: Path, figure: Callable[[str], bytes]) -> list[Path]:
    paths = [place.with_suffix(f".{kind}") for kind in KINDS]
    for path, kind in zip(paths, KINDS, strict=True):
        path.write_bytes(figure(kind))
    return paths


def _table(path: Path, sources: Sources, columns: Sequence[str]) -> Path:
    """A row per bin or frame and source; what a source lacks, and what is no number, is empty."""
    known = [name for name in columns if any(name in curves for curves in sources.values())]
    units = {name: next(curves[name][1] for curves in sources.values() if name in curves) for name in known}
    rows = []
    for source, curves in sources.items():
        held = [name for name in known if name in curves]
        for k in range(len(curves[held[0]][0]) if held else 0):
            cells = [float(curves[name][0][k]) if name in curves else np.nan for name in known]
            rows.append([source, *(f"{cell:.10g}" if np.isfinite(cell) else "" for cell in cells)])
    return _rows(path, ["source", *(f"{name} [{units[name]}]" if units[name] else name for name in known)], rows)


def _rows(path: Path, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(head)
        table.writerows(rows)
    return path

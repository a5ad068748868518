# SPDX-License-Identifier: MIT
"""The figures of models as files: each as SVG and PNG, and beside it the numbers it shows."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_zif.report import training
from aiida_zif.report.trained import Trained, rows_of

KINDS: tuple[str, ...] = ("svg", "png")


def write(models: Sequence[Trained], folder: Path) -> list[Path]:
    """Write all figures that ``models`` have numbers for, and return the files; one of several models shows them side by side."""
    written: list[Path] = []
    if learned := {model.name: model.learning for model in models if model.learning}:
        written += _draw(folder / "learning_curves", lambda kind: training.learning_curves(learned, kind))
        tables = {name: rows_of(columns) for name, columns in learned.items()}
        head = list(dict.fromkeys(word for words, _ in tables.values() for word in words))
        rows = [{"model": name, **dict(zip(words, row, strict=True))} for name, (words, found) in tables.items() for row in found]
        written.append(_table(folder / "learning_curves.csv", ["model", *head], rows))
    predicted = [model for model in models if model.predictions]
    for number, model in enumerate(predicted, 1):
        name = "parity" if len(predicted) == 1 else f"parity_{number:02d}"
        written += _parity(model, folder / name)
    if judged := [{**model.accuracy, "name": model.name} for model in models if model.accuracy]:
        written += _draw(folder / "errors_by_element", lambda kind: training.errors_by_element(judged, kind))
        columns = (("forces_mae_mev_per_angstrom", "per_element"), ("forces_rmse_mev_per_angstrom", "per_element_rmse"))
        rows = [
            {"model": one["name"], "element": symbol, **{head: one[key].get(symbol) for head, key in columns}}
            for one in judged
            for symbol in one["per_element"]
        ]
        written.append(_table(folder / "errors_by_element.csv", list(rows[0]), rows))
        by_temperature = {one["name"]: one["per_temperature"] for one in judged}
        written += _draw(folder / "errors_by_temperature", lambda kind: training.errors_by_temperature(by_temperature, kind))
        head = ["model", "temperature_k", "n_frames", *(key for panel in training.ERRORS for key in panel[:2])]
        rows = [{"model": name, **{key: row.get(key) for key in head[1:]}} for name, found in by_temperature.items() for row in found]
        written.append(_table(folder / "errors_by_temperature.csv", head, rows))
    return written


def _parity(model: Trained, place: Path) -> list[Path]:
    """The frames are a table; the counts, which are no table, are a list of those squares that hold something."""
    arrays = model.predictions
    files = _draw(place, lambda kind: training.parity(arrays, kind))
    per_frame = {name: values for name, values in arrays.items() if not name.startswith("parity_")}
    head, rows = rows_of(per_frame)
    files.append(_table(place.with_suffix(".csv"), head, [dict(zip(head, row, strict=True)) for row in rows]))
    counts = {}
    for name in sorted(name for name in arrays if name.startswith("parity_edges_")):
        symbol = name.removeprefix("parity_edges_")
        filled = arrays[f"parity_{symbol}"]
        squares = [[int(i), int(k), int(filled[i, k])] for i, k in zip(*np.nonzero(filled), strict=True)]
        counts[symbol] = {"edges_ev_per_angstrom": arrays[name].tolist(), "reference_predicted_count": squares}
    path = place.with_suffix(".json")
    path.write_text(json.dumps({"model": model.name, "force_components": counts}) + "\n", encoding="utf-8")
    return [*files, path]


def _draw(place: Path, figure: Callable[[str], bytes]) -> list[Path]:
    paths = [place.with_suffix(f".{kind}") for kind in KINDS]
    for path, kind in zip(paths, KINDS, strict=True):
        path.write_bytes(figure(kind))
    return paths


def _table(path: Path, head: Sequence[str], rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        table = csv.DictWriter(handle, head, restval="")
        table.writeheader()
        table.writerows(rows)
    return path

# SPDX-License-Identifier: MIT
"""The metrics of a training, ``metrics.csv`` of Lightning's CSVLogger, as one row per epoch."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VALIDATION = "val0_epoch/"
"""Prefix of what was measured on the validation frames."""


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """What was logged at the ends of the epochs; energies eV, forces eV/Å, stresses eV/Å³."""

    epoch: NDArray[np.int64]
    """``(n_epochs,)``, ascending, each once."""
    columns: dict[str, NDArray[np.float64]]
    """``(n_epochs,)`` by the program's own name, such as ``val0_epoch/forces_mae``; NaN where an epoch has no value."""
    not_a_number: int | None = None
    """The first epoch with a loss or a validation error that is not finite; ``None`` if all are."""

    def __len__(self) -> int:
        return len(self.epoch)

    @property
    def validated(self) -> NDArray[np.int64]:
        """The epochs whose validation has come to its end."""
        watched = self.columns.get(f"{VALIDATION}weighted_sum")
        return self.epoch[np.isfinite(watched)] if watched is not None else self.epoch[:0]

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest validation error, that of the best checkpoint; ``None`` before the first validation."""
        watched = self.columns.get(f"{VALIDATION}weighted_sum")
        if watched is None or not np.isfinite(watched).any():
            return None
        return int(self.epoch[np.nanargmin(np.where(np.isfinite(watched), watched, np.nan))])


def read(metrics_csv_text: str) -> LearningCurve:
    """Return the learning curve of ``metrics.csv``, whose rows are sparse: they are joined on the epoch.

    The last value of an epoch counts. A row without an epoch (learning rates) belongs to the epoch of the next row that
    names one. A last line that is cut, before its newline, is left out; so is a row that is not of the header's length.
    A text without one whole row gives an empty curve.
    """
    whole = metrics_csv_text[: metrics_csv_text.rfind("\n") + 1]
    rows = list(csv.reader(whole.splitlines()))
    if not rows or "epoch" not in rows[0]:
        return LearningCurve(np.empty(0, dtype=np.int64), {})
    header = rows[0]
    epoch_at = header.index("epoch")
    values: dict[int, dict[str, float]] = {}
    waiting: list[dict[str, float]] = []
    bad: list[int] = []
    for row in rows[1:]:
        found = _numbers(header, row)
        if found is None:
            continue
        if not row[epoch_at]:
            waiting.append(found)
            continue
        epoch = int(found["epoch"])
        for part in (*waiting, found):
            values.setdefault(epoch, {}).update(part)
        waiting = []
        if any(not np.isfinite(value) for name, value in found.items() if name.endswith("weighted_sum")):
            bad.append(epoch)
    epochs = np.array(sorted(values), dtype=np.int64)
    names = [name for name in header if name not in ("epoch", "step") and "_step/" not in name]
    columns = {name: np.array([values[epoch].get(name, np.nan) for epoch in epochs.tolist()]) for name in names}
    return LearningCurve(epochs, columns, min(bad) if bad else None)


def join(curves: Sequence[LearningCurve]) -> LearningCurve:
    """Return one curve of a training and its restarts, in order; an epoch that was repeated counts as the later run has it."""
    merged: dict[int, dict[str, float]] = {}
    names: dict[str, None] = {}
    for curve in curves:
        names |= dict.fromkeys(curve.columns)
        for row, epoch in enumerate(curve.epoch.tolist()):
            finite = {name: float(column[row]) for name, column in curve.columns.items() if not np.isnan(column[row])}
            merged[epoch] = merged.get(epoch, {}) | finite
    epochs = np.array(sorted(merged), dtype=np.int64)
    columns = {name: np.array([merged[epoch].get(name, np.nan) for epoch in epochs.tolist()]) for name in names}
    bad = [curve.not_a_number for curve in curves if curve.not_a_number is not None]
    return LearningCurve(epochs, columns, min(bad) if bad else None)


def _numbers(header: Sequence[str], row: Sequence[str]) -> dict[str, float] | None:
    if len(row) != len(header):
        return None
    try:
        return {name: float(word) for name, word in zip(header, row, strict=True) if word}
    except ValueError:
        return None

# SPDX-License-Identifier: MIT
"""The metrics of a training, ``metrics.csv`` of Lightning's CSVLogger, as one row per epoch; and what nequip-train's own output says."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VALIDATION = "val0_epoch/"
"""Prefix of what was measured on the validation frames."""
EPOCH_SECONDS = "epoch_s"
"""The metric that says how long an epoch took, s."""
ENDED = "TRAIN RUN END"
"""What nequip-train writes when a training, or a segment of it, has come to its end."""
SEGMENT_ENDED = "Segment ends after epoch"
"""What it writes besides where the time was up, and epochs are left to do."""
WEIGHTS = "Weights to learn: "
"""What comes before their number."""

_WEIGHTS = re.compile(rf"{WEIGHTS}(\d+) on (\d+) x (.+)")
_NO_GPU = re.compile(r"No supported gpu backend found|But your machine only has|No CUDA GPUs are available|no NVIDIA driver", re.IGNORECASE)
_GPU_MEMORY_FULL = re.compile(r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError")
_RAISED = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")
_TERMINATED = re.compile(r"^[\w.]*(SIGTERMException|KeyboardInterrupt)", re.MULTILINE)
_TRACEBACK = "Traceback (most recent call last)"


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


@dataclass(frozen=True)
class TrainOutput:
    """What the output of nequip-train says of how a segment went."""

    ended: bool
    """Whether it came to its end: not killed, not aborted."""
    segment_ended: bool
    """Whether it ended because its time was up."""
    n_parameters: int | None = None
    """Weights that are learned."""
    ranks: int | None = None
    """Processes that shared the batches."""
    device: str | None = None
    """``CPU``, or the name of the GPU."""
    no_gpu: str | None = None
    """The line that says that the GPU asked for is not there."""
    gpu_memory_full: bool = False
    """Whether the memory of the GPU was full."""
    error: str | None = None
    """What was raised last, of a program that aborted."""


def parse_output(text: str) -> TrainOutput:
    """Return what nequip-train's output ``text`` says; cut anywhere, it says less."""
    found = _WEIGHTS.search(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    raised = [line for line in lines if _RAISED.match(line)]
    return TrainOutput(
        ended=ENDED in text,
        segment_ended=SEGMENT_ENDED in text,
        n_parameters=int(found[1]) if found else None,
        ranks=int(found[2]) if found else None,
        device=found[3].strip() if found else None,
        no_gpu=next((line for line in lines if _NO_GPU.search(line)), None),
        gpu_memory_full=_GPU_MEMORY_FULL.search(text) is not None,
        error=(raised or lines)[-1] if _TRACEBACK in text and not _TERMINATED.search(text) else None,
    )


def why_it_ended(output: TrainOutput, curve: LearningCurve, done: int, asked: int) -> str:
    """Return why a segment ended, after which ``done`` of ``asked`` epochs are done: ``asked epochs``, ``patience``, ``segment time``,
    ``not a number``, ``killed`` or ``aborted``.
    """
    if curve.not_a_number is not None:
        return "not a number"
    if not output.ended:
        return "killed" if output.error is None else "aborted"
    if output.segment_ended:
        return "segment time"
    return "asked epochs" if done >= asked else "patience"


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

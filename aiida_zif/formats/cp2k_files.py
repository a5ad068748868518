# SPDX-License-Identifier: MIT
"""The three kinds of text that a CP2K run leaves behind, each read as far as it is whole: XYZ files, tables, the log.

A number cut in mid-digit is still a number, so a frame or a row counts only when all its lines end in a newline and
nothing was glued to them by a later run that appended to the file.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HEADER = re.compile(rb" i = *(\d+),(?: time = *(-?[\d.]+),)? E = *(-?[\d.]+) *\n")
_COUNT = re.compile(rb"(?:^|[^\d])(\d+)$")
_COLUMN, _DECIMALS = 20, 10
"""CP2K writes each coordinate as F20.10; the symbol stands before."""
_NUMBERS = 3 * _COLUMN + 1
"""Bytes of a line behind the symbol, newline included."""
_RANK = np.full(256, 9, np.uint8)
_RANK[ord(" ")], _RANK[ord("-")], _RANK[ord("0") : ord("9") + 1] = 0, 1, 2
_TELLING = re.compile(
    r"SCF run NOT|MD_INI\| MD init|MD\| Step n|OPTIMIZATION|requested exec|external request|ABORT\]|COORDINATES IN|PROGRAM ST"
    r"|^ CP2K|^ GLOBAL\||^ MD_PAR\|"
)
"""Lines of the log that say something to us: one look at each of millions of lines."""
_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class XyzFile:
    """Where the whole frames of one XYZ file stand; the numbers are read when asked for."""

    path: Path
    species: tuple[str, ...]
    """Chemical symbols, ``(n_atoms,)``; empty without a frame."""
    steps: NDArray[np.int64]
    """``(n_frames,)``, the step in each header, in the order of the file."""
    times_fs: NDArray[np.float64]
    """``(n_frames,)``, NaN where the header has none."""
    energies: tuple[bytes, ...]
    """``(n_frames,)``, potential energy, Hartree, as text: by it a frame is found again in another file."""
    starts: NDArray[np.int64]
    """``(n_frames,)``, the byte at which the atoms of each frame begin."""
    segments: NDArray[np.int64]
    """``(n_frames,)``, 0 and up: which of the runs that wrote the file one after the other wrote the frame, as far as it shows."""
    line_bytes: int
    cut: bool
    """True if bytes are left that belong to no whole frame."""

    def read(self, which: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return ``(len(which), n_atoms, 3)`` numbers as they stand in the file, a few MB of text at a time."""
        n_atoms = len(self.species)
        values = np.empty((len(which), n_atoms, 3))
        if not len(which):
            return values
        data = np.memmap(self.path, np.uint8, "r")
        size = n_atoms * self.line_bytes
        batch = max(1, _BATCH_BYTES // size)
        for begin in range(0, len(which), batch):
            text = np.stack([data[start : start + size] for start in self.starts[which[begin : begin + batch]]])
            values[begin : begin + len(text)] = _numbers(text.reshape(-1, self.line_bytes)).reshape(len(text), n_atoms, 3)
        return values


def scan_xyz(path: Path) -> XyzFile:
    """Find the whole frames of a file; never raises for what the file holds, nor where it is absent."""
    steps, times, energies, starts, broken = [], [], [], [], []
    symbols: NDArray[np.uint8] | None = None
    size = path.stat().st_size if path.is_file() else 0
    end = 0
    if size:
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            search_from = 0
            while (newline := data.find(b"\n i = ", search_from)) >= 0:
                search_from = newline + 1
                header = _HEADER.match(data, newline + 1)
                count = _COUNT.search(data[max(0, newline - 16) : newline])
                if header is None or count is None:
                    continue
                start = header.end()
                lines = _atom_lines(data, start, int(count[1]), size)
                if lines is None or (symbols is not None and not np.array_equal(symbols, lines[:, :-_NUMBERS])):
                    continue
                if symbols is None:
                    symbols = lines[:, :-_NUMBERS].copy()
                broken.append(bool(data[end:newline].strip(b" 0123456789")))
                steps.append(int(header[1]))
                times.append(float(header[2]) if header[2] else np.nan)
                energies.append(header[3])
                starts.append(start)
                end = start + lines.size
                search_from = end - 1
    return XyzFile(
        path=path,
        species=() if symbols is None else tuple(bytes(row).decode("ascii", "replace").strip() for row in symbols),
        steps=np.array(steps, np.int64),
        times_fs=np.array(times, float),
        energies=tuple(energies),
        starts=np.array(starts, np.int64),
        segments=_segments(steps, times, broken),
        line_bytes=0 if symbols is None else symbols.shape[1] + _NUMBERS,
        cut=any(broken) or end != size,
    )


@dataclass(frozen=True)
class Table:
    """The whole rows of a table such as ``.ener``, ``.stress`` or ``.cell``, in the order of the file."""

    steps: NDArray[np.int64]
    """``(n_rows,)``, the first column."""
    times_fs: NDArray[np.float64]
    """``(n_rows,)``, the second column."""
    rows: NDArray[np.float64]
    """``(n_rows, n_columns - 2)``, the others."""
    segments: NDArray[np.int64]
    """``(n_rows,)``, as those of XyzFile."""
    cut: bool
    """True if bytes are left that belong to no whole row."""


def read_table(path: Path, n_columns: int) -> Table:
    """Read the rows that have exactly ``n_columns`` numbers and a newline; never raises for what the file holds."""
    text = path.read_bytes() if path.is_file() else b""
    whole = text[: text.rfind(b"\n") + 1]
    rows: list[list[float]] = []
    broken: list[bool] = []
    seen_broken = any_broken = False
    for line in whole.split(b"\n"):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        try:
            row = [float(word) for word in words] if len(words) == n_columns and words[0].isdigit() else []
        except ValueError:
            row = []
        if row:
            rows.append(row)
            broken.append(seen_broken)
        seen_broken = not row
        any_broken |= seen_broken
    values = np.array(rows, float).reshape(-1, n_columns)
    steps = values[:, 0].astype(np.int64)
    return Table(
        steps=steps,
        times_fs=values[:, 1],
        rows=values[:, 2:],
        segments=_segments(steps.tolist(), values[:, 1].tolist(), broken),
        cut=any_broken or len(whole) != len(text),
    )


@dataclass
class Log:
    """What CP2K says of itself in its main output; of several runs in one file the last counts."""

    run_type: str | None = None
    """MD, REFTRAJ, GEO_OPT, CELL_OPT, …"""
    version: str | None = None
    host: str | None = None
    ranks: int | None = None
    threads: int | None = None
    wall_s: float | None = None
    """From CP2K's own timing report; ``None`` where the run did not reach it."""
    reason_ended: str = "cut"
    """``finished``, ``walltime``, ``exit file``, ``aborted`` or ``cut``."""
    error: str | None = None
    """The sentence with which CP2K aborted."""
    converged: bool | None = None
    """Of a relaxation: did it converge? ``None`` for other runs."""
    masses: dict[int, float] = field(default_factory=dict)
    """Mass of each atom, amu, by its number from 0."""
    start_failed: bool = False
    """Did the SCF before the first step fail?"""
    scf_failed: dict[int, bool] = field(default_factory=dict)
    """For each step whose SCF was seen: did it fail?"""


def read_log(path: Path | None) -> Log:
    """Read a main output line by line; never raises for what it holds, nor where it is absent."""
    log = Log()
    if path is None or not path.is_file():
        return log
    failed = in_masses = in_abort = False
    step: int | None = None
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if in_abort:
                if line.startswith(" ****"):
                    in_abort = False
                else:
                    log.error = f"{log.error or ''} {line[11:78].strip()}".strip()
            elif in_masses and len(words := line.split()) == 9 and words[0].isdigit() and _is_number(words[8].encode()):
                log.masses[int(words[0]) - 1] = float(words[8])
            elif not _TELLING.search(line):
                continue
            elif "SCF run NOT converged" in line:
                failed = True
                if log.converged is not None and step is not None:
                    log.scf_failed[step] = True
            elif "MD_INI| MD init" in line:
                log.start_failed, failed = failed, False
            elif "MD| Step number" in line and (number := line.split()[-1]).isdigit():
                if step is None:
                    log.scf_failed[int(number) - 1] = log.start_failed
                step = int(number)
                log.scf_failed[step], failed = failed, False
            elif "OPTIMIZATION STEP:" in line and (number := line.split()[-1]).isdigit():
                step, log.converged = int(number), False
            elif "OPTIMIZATION COMPLETED" in line:
                log.converged = True
            elif "exceeded requested execution time" in line:
                log.reason_ended = "walltime"
            elif "terminated by external request" in line:
                log.reason_ended = "exit file"
            elif "[ABORT]" in line:
                log.reason_ended, in_abort = "aborted", True
            elif "ATOMIC COORDINATES IN" in line:
                in_masses = True
            elif "PROGRAM STARTED AT" in line:
                log = Log(scf_failed=log.scf_failed)
                failed, in_masses, step = False, False, None
            elif "PROGRAM STOPPED IN" in line and log.reason_ended == "cut":
                log.reason_ended = "finished"
            else:
                _read_fact(line, log)
    return log


def _read_fact(line: str, log: Log) -> None:
    words = line.split()
    if "PROGRAM STARTED ON" in line:
        log.host = words[-1]
    elif line.startswith(" CP2K| version string:"):
        log.version = words[-1]
    elif line.startswith(" GLOBAL| Run type"):
        log.run_type = words[-1]
    elif line.startswith(" MD_PAR| Ensemble type") and words[-1] == "REFTRAJ":
        log.run_type = "REFTRAJ"
    elif line.startswith(" GLOBAL| Total number of message passing processes") and words[-1].isdigit():
        log.ranks = int(words[-1])
    elif line.startswith(" GLOBAL| Number of threads for this process") and words[-1].isdigit():
        log.threads = int(words[-1])
    elif line.startswith(" CP2K     ") and len(words) == 7 and _is_number(words[-1].encode()):
        log.wall_s = float(words[-1])


def _segments(steps: list[int], times: list[float], broken: list[bool]) -> NDArray[np.int64]:
    """Count the runs: a new one begins where step and time go back or stay, or where something cut off stands before."""
    entries = list(zip(steps, times, strict=True))
    starts = [bool(i) and (broken[i] or entries[i] <= entries[i - 1]) for i in range(len(entries))]
    return np.cumsum(starts, dtype=np.int64)


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _numbers(lines: NDArray[np.uint8]) -> NDArray[np.float64]:
    columns = np.ascontiguousarray(lines[:, -_NUMBERS:-1])
    return columns.view(f"S{_COLUMN}").astype(np.float64)


def _atom_lines(data: mmap.mmap, start: int, n_atoms: int, size: int) -> NDArray[np.uint8] | None:
    """Return the ``(n_atoms, line_bytes)`` text of one frame, or ``None`` unless every line and number of it is whole."""
    line_bytes = data.find(b"\n", start, start + 256) + 1 - start
    end = start + n_atoms * line_bytes
    if not n_atoms or line_bytes <= _NUMBERS or end > size:
        return None
    lines = np.frombuffer(data[start:end], np.uint8).reshape(n_atoms, line_bytes)
    columns = lines[:, -_NUMBERS:-1].reshape(n_atoms, 3, _COLUMN)
    # blanks, at most one minus sign, digits, a point, decimals: anything else (stars, a glued line) is no number of CP2K's
    before = _RANK[columns[:, :, : -_DECIMALS - 1]]
    whole = (
        (lines[:, -1] == ord("\n")).all()
        and (columns[:, :, -_DECIMALS - 1] == ord(".")).all()
        and (_RANK[columns[:, :, -_DECIMALS:]] == 2).all()
        and (before[:, :, -1] == 2).all()
        and (before[:, :, :-1] <= before[:, :, 1:]).all()
        and ((before == 1).sum(axis=2) <= 1).all()
    )
    return lines if whole else None

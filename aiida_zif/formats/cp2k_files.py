# SPDX-License-Identifier: MIT
"""The tables that a CP2K run leaves behind, and its log, each read as far as it is whole, in bounded memory."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats.cp2k_xyz import MOST_DIGITS, segments_of

BLOCK_BYTES = 512 * 1024
_TELLING = (
    "SCF run NOT converged", "MD_INI| MD init", "MD| Step number", "OPTIMIZATION STEP:", "OPTIMIZATION COMPLETED",
    "exceeded requested execution time", "terminated by external request", "[ABORT]", "ATOMIC COORDINATES IN", "PROGRAM ST",
    "\n CP2K", "\n GLOBAL|", "\n MD_PAR|",
)  # fmt: skip
"""What stands in a line of the log that says something to us, one of hundreds."""


@dataclass(frozen=True)
class Table:
    """Where the whole rows of a table such as ``.ener``, ``.stress`` or ``.cell`` stand, in the order of the file."""

    path: Path
    steps: NDArray[np.int64]
    """``(n_rows,)``, the first column."""
    times_fs: NDArray[np.float64]
    """``(n_rows,)``, the second column."""
    starts: NDArray[np.int64]
    """``(n_rows,)``, the byte at which each begins."""
    segments: NDArray[np.int32]
    """``(n_rows,)``, as those of XyzFile."""
    n_columns: int
    cut: bool
    """True if bytes are left that belong to no whole row."""

    def pick(self, which: NDArray[np.intp]) -> Table:
        """Return the table of these rows alone, with a gap for each -1, and without what is known of them: 8 bytes a row."""
        starts = np.full(len(which), -1, np.int64)
        starts[which >= 0] = self.starts[which[which >= 0]]
        return replace(self, starts=starts, steps=self.steps[:0], times_fs=self.times_fs[:0], segments=self.segments[:0])

    def read(self, which: slice = slice(None)) -> NDArray[np.float64]:
        """Return ``(n, n_columns - 2)``, the columns behind the first two; NaN in a gap, and where the file was cut in the meantime."""
        starts = self.starts[which]
        values = np.full((len(starts), self.n_columns - 2), np.nan)
        if not (starts >= 0).any():
            return values
        with self.path.open("rb") as handle:
            at = -1
            for k, start in enumerate(starts.tolist()):
                if start < 0:
                    continue
                if start != at:
                    handle.seek(start)
                line = handle.readline()
                at = start + len(line)
                values[k] = _row(line, self.n_columns)[2:] or np.nan
        return values

    @property
    def rows(self) -> NDArray[np.float64]:
        """``(n_rows, n_columns - 2)``, all of them."""
        return self.read()


def read_table(path: Path, n_columns: int) -> Table:
    """Find the rows that have exactly ``n_columns`` numbers and a newline; never raises for what the file holds."""
    steps, times, starts, broken = array("q"), array("d"), array("q"), array("B")
    seen_broken = any_broken = False
    for block, begin in _blocks(path):
        for line in block.splitlines(keepends=True):
            start, begin = begin, begin + len(line)
            if line.endswith(b"\n") and (line.isspace() or line.lstrip().startswith(b"#")):
                continue
            row = _row(line, n_columns)
            if row:
                steps.append(int(row[0]))
                times.append(row[1])
                starts.append(start)
                broken.append(seen_broken)
            seen_broken = not row
            any_broken |= seen_broken
    all_steps, all_times = np.array(steps, np.int64), np.array(times, np.float64)
    return Table(
        path=path,
        steps=all_steps,
        times_fs=all_times,
        starts=np.array(starts, np.int64),
        segments=segments_of(all_steps, all_times, np.array(broken, np.bool_)),
        n_columns=n_columns,
        cut=any_broken,
    )


def _row(line: bytes, n_columns: int) -> list[float]:
    """Return the numbers of a whole row, else nothing; NaN is no number."""
    words = line.split()
    if len(words) != n_columns or not line.endswith(b"\n") or not words[0].isdigit() or len(words[0]) > MOST_DIGITS:
        return []
    try:
        row = [float(word) for word in words]
    except ValueError:
        return []
    return row if math.isfinite(sum(row)) else []


def _blocks(path: Path | None) -> Iterator[tuple[bytes, int]]:
    """Yield whole lines, half a MB of them, and the byte at which they begin; at last what has no newline, as has a block without any."""
    if path is None or not path.is_file():
        return
    with path.open("rb", buffering=0) as handle:
        rest, begin = b"", 0
        while text := handle.read(BLOCK_BYTES):
            text = rest + text
            end = text.rfind(b"\n") + 1
            if not end and len(text) >= BLOCK_BYTES:
                end = len(text)
            if end:
                yield text[:end], begin
            rest, begin = text[end:], begin + end
        if rest:
            yield rest, begin


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
    scf_failed: set[int] = field(default_factory=set)
    """The steps whose SCF failed, by the last run that did them."""


def read_log(path: Path | None) -> Log:
    """Read a main output, skipping from one telling line to the next; never raises for what it holds, nor where it is absent."""
    reader = _LogReader()
    for block, _ in _blocks(path):
        text = "\n" + block.decode("latin-1")
        hits = sorted({text.rfind("\n", 0, place + 1) + 1 for word in _TELLING for place in _places(text, word)})
        at, next_hit = 1, 0
        while at < len(text):
            if not reader.wants_every_line:
                next_hit = bisect_left(hits, at, next_hit)
                if next_hit == len(hits):
                    break
                at = hits[next_hit]
            end = text.find("\n", at) + 1 or len(text)
            reader.read(text[at:end])
            at = end
    return reader.log


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


class _LogReader:
    """One line after the other → Log."""

    def __init__(self) -> None:
        self.log = Log()
        self._failed = self._in_masses = self._in_abort = False
        self._step: int | None = None

    @property
    def wants_every_line(self) -> bool:
        """Whether the next line counts, whatever it says."""
        return self._in_masses or self._in_abort

    def read(self, line: str) -> None:
        """Take one line."""
        log = self.log
        if self._in_abort:
            if line.startswith(" ****"):
                self._in_abort = False
            else:
                log.error = f"{log.error or ''} {line[11:78].strip()}".strip()
            return
        if self._in_masses:
            words = line.split()
            if len(words) == 9 and _is_whole(words[0]) and _is_number(words[8]):
                log.masses[int(words[0]) - 1] = float(words[8])
                return
            if not log.masses or not words:  # the head of the table, or the line behind it
                self._in_masses = not log.masses
                return
            self._in_masses = False
        self._tell(line, log)

    def _tell(self, line: str, log: Log) -> None:
        if "SCF run NOT converged" in line:
            self._failed = True
            if log.converged is not None and self._step is not None:
                log.scf_failed.add(self._step)
        elif "MD_INI| MD init" in line:
            log.start_failed, self._failed = self._failed, False
        elif "MD| Step number" in line and _is_whole(number := line.split()[-1]):
            if self._step is None:
                self._note(int(number) - 1, log.start_failed)
            self._step = int(number)
            self._note(self._step, self._failed)
            self._failed = False
        elif "OPTIMIZATION STEP:" in line and _is_whole(number := line.split()[-1]):
            self._step, log.converged = int(number), False
        elif "OPTIMIZATION COMPLETED" in line:
            log.converged = True
        elif "exceeded requested execution time" in line:
            log.reason_ended = "walltime"
        elif "terminated by external request" in line:
            log.reason_ended = "exit file"
        elif "[ABORT]" in line:
            log.reason_ended, self._in_abort = "aborted", True
        elif "ATOMIC COORDINATES IN" in line:
            self._in_masses = not log.masses
        elif "PROGRAM STARTED AT" in line:
            self.log = Log(scf_failed=log.scf_failed)
            self._failed, self._step = False, None
        elif "PROGRAM STOPPED IN" in line and log.reason_ended == "cut":
            log.reason_ended = "finished"
        else:
            _read_fact(line, log)

    def _note(self, step: int, failed: bool) -> None:
        (self.log.scf_failed.add if failed else self.log.scf_failed.discard)(step)


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
    elif line.startswith(" GLOBAL| Total number of message passing processes") and _is_whole(words[-1]):
        log.ranks = int(words[-1])
    elif line.startswith(" GLOBAL| Number of threads for this process") and _is_whole(words[-1]):
        log.threads = int(words[-1])
    elif line.startswith(" CP2K     ") and len(words) == 7 and _is_number(words[-1]):
        log.wall_s = float(words[-1])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_whole(word: str) -> bool:
    """Whether it is a number of decimal digits, and of a size that a step may have (latin-1 knows superscript digits, too)."""
    return word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS

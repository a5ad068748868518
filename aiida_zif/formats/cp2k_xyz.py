# SPDX-License-Identifier: MIT
"""A CP2K trajectory file, XYZ: where its whole frames stand, found in one pass, and their numbers, read when asked for.

A number cut in mid-digit is still a number, so a frame counts only when all its lines end in a newline and nothing was glued to
them by a later run that appended to the file. All frames of a run have the same length, so that many are compared at once with
the pattern of one; where they differ, the next frame is searched for. Files are read, never mapped: they may shrink under us.
"""

from __future__ import annotations

import os
import re
from array import array
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aiida_zif.formats.cp2k_columns import BLANK, COLUMN, DECIMALS, LEADING, NUMBERS, all_whole, leading_whole, parse, parse_any

_HEADER = re.compile(rb" i = *(\d+),(?: time = *(-?[\d.]+),)? E = *(-?[\d.]+) *\n")
_COUNT = re.compile(rb"(?:^|[^\d])(\d+)$")
_HEADER_BYTES, _LINE_BYTES = 256, 256
"""More than a header and a line of an atom ever have."""
BLOCK_BYTES = 512 * 1024
"""Text that is worked on at once: it stays in the cache."""
MOST_DIGITS = 15
"""Of a step: more is no step."""
_SEARCH_BYTES = 1024 * 1024
_TYPES = {"steps": "q", "times": "d", "energies": "d", "starts": "q", "broken": "B", "small": "B"}
_NUMERIC = np.zeros(256, np.uint8)
_NUMERIC[np.frombuffer(b" 0123456789", np.uint8)] = 2
_NUMERIC[np.frombuffer(b"-.", np.uint8)] = 1


def segments_of(steps: NDArray[np.int64], times: NDArray[np.float64], broken: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Count the runs: a new one begins where step and time go back or stay, or where something cut off stands before."""
    starts = broken.copy()
    if len(steps):
        starts[0] = False
        starts[1:] |= (steps[1:] < steps[:-1]) | ((steps[1:] == steps[:-1]) & ~(times[1:] > times[:-1]))
    return np.cumsum(starts, dtype=np.int32)


@dataclass(frozen=True)
class XyzFile:
    """Where the whole frames of one XYZ file stand; 38 bytes a frame."""

    path: Path
    species: tuple[str, ...]
    """Chemical symbols, ``(n_atoms,)``; empty without a frame."""
    steps: NDArray[np.int64]
    """``(n_frames,)``, the step in each header, in the order of the file."""
    times_fs: NDArray[np.float64]
    """``(n_frames,)``, NaN where the header has none."""
    energies: NDArray[np.float64]
    """``(n_frames,)``, potential energy, Hartree: by it a frame is found again in another file."""
    starts: NDArray[np.int64]
    """``(n_frames,)``, the byte at which the atoms of each frame begin."""
    segments: NDArray[np.int32]
    """``(n_frames,)``, 0 and up: which of the runs that wrote the file one after the other wrote the frame, as far as it shows."""
    small: NDArray[np.bool_]
    """``(n_frames,)``, whether all numbers are from -999 to 99999."""
    line_bytes: int
    cut: bool
    """True if bytes are left that belong to no whole frame."""

    def places(self) -> XyzFile:
        """Return what is needed to read the numbers: 9 bytes a frame."""
        return replace(self, **{name: getattr(self, name)[:0] for name in ("steps", "times_fs", "energies", "segments")})

    def read(self, which: slice = slice(None), scale: float = 1.0) -> NDArray[np.float64]:
        """Return ``(n, n_atoms, 3)`` numbers of these frames times ``scale``, half a MB of text at a time.

        Raises ``ValueError`` if the file has become shorter in the meantime.
        """
        n_atoms = len(self.species)
        starts, small = self.starts[which], self.small[which]
        values = np.empty((len(starts), n_atoms, 3))
        if not len(starts):
            return values
        size = n_atoms * self.line_bytes
        gaps = np.diff(starts)
        most = max(1, BLOCK_BYTES // size)
        with self.path.open("rb", buffering=0) as handle:
            begin = 0
            while begin < len(starts):
                stride = int(gaps[begin]) if begin < len(gaps) else 0
                end = begin + 1
                if size <= stride <= size + 2 * _HEADER_BYTES:  # frames at equal distances, one behind the other
                    same = (gaps[begin : begin + most - 1] == stride) & small[begin + 1 : begin + most]
                    end += len(same) if same.all() else int(np.argmin(same))
                text = np.frombuffer(
                    os.pread(handle.fileno(), int(starts[end - 1]) - int(starts[begin]) + size, int(starts[begin])), np.uint8
                )
                if len(text) < int(starts[end - 1] - starts[begin]) + size:
                    raise ValueError(f"{self.path} became shorter while it was read; let the run end, then read it again")
                if small[begin]:
                    offset = self.line_bytes - NUMBERS + BLANK
                    parse(_words(text, "c16", (end - begin, n_atoms), (stride, self.line_bytes), offset), scale, values[begin:end])
                else:
                    end = begin + 1
                    lines = text[:size].reshape(n_atoms, self.line_bytes)
                    values[begin] = parse_any(lines[:, -NUMBERS:-1]) * scale
                begin = end
        return values


def scan_xyz(path: Path) -> XyzFile:
    """Find the whole frames of a file in bounded memory; never raises for what the file holds, nor where it is absent."""
    found = _Found()
    size = path.stat().st_size if path.is_file() else 0
    if size:
        with path.open("rb", buffering=0) as handle:
            text = _Text(handle.fileno(), size)
            while _search(text, found):
                _follow(text, found)
    steps, times, broken, symbols = found.column("steps"), found.column("times"), found.column("broken").view(np.bool_), found.symbols
    return XyzFile(
        path=path,
        species=() if symbols is None else tuple(bytes(row).decode("ascii", "replace").strip() for row in symbols),
        steps=steps,
        times_fs=times,
        energies=found.column("energies"),
        starts=found.column("starts"),
        segments=segments_of(steps, times, broken),
        small=found.column("small").view(np.bool_),
        line_bytes=0 if symbols is None else symbols.shape[1] + NUMBERS,
        cut=bool(broken.any()) or found.end != size,
    )


class _Found:
    """What a scan has found so far."""

    def __init__(self) -> None:
        self._columns = {name: array(code) for name, code in _TYPES.items()}
        self.symbols: NDArray[np.uint8] | None = None
        self.end = 0
        """Behind the last whole frame."""
        self.search_from = 0

    def add(self, **columns: ArrayLike) -> None:
        for name, values in columns.items():
            self._columns[name].frombytes(np.asarray(values, _TYPES[name]).tobytes())

    def column(self, name: str) -> NDArray[Any]:
        return np.frombuffer(self._columns[name], _TYPES[name]) if self._columns[name] else np.empty(0, _TYPES[name])


class _Text:
    """Bytes of an open file by their place."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor, self.size = descriptor, size

    def __call__(self, begin: int, end: int) -> bytes:
        return os.pread(self._descriptor, max(0, min(end, self.size) - begin), begin)


def _search(text: _Text, found: _Found) -> bool:
    """Find the next whole frame, wherever it stands, and add it; return False where there is none."""
    while found.search_from < text.size:
        window = text(found.search_from, found.search_from + _SEARCH_BYTES)
        at = 0
        while (place := window.find(b"\n i = ", at)) >= 0:
            at = place + 1
            newline = found.search_from + place
            header = _HEADER.match(text(newline + 1, newline + 1 + _HEADER_BYTES))
            count = _COUNT.search(text(max(0, newline - 16), newline))
            if header is None or count is None or len(header[1]) > MOST_DIGITS:
                continue
            start = newline + 1 + header.end()
            lines = _atom_lines(text, start, int(count[1]))
            time, energy = _number(header[2] or b"nan"), _number(header[3])
            if (
                lines is None
                or time is None
                or energy is None
                or (found.symbols is not None and not np.array_equal(found.symbols, lines[:, :-NUMBERS]))
            ):
                continue
            if found.symbols is None:
                found.symbols = lines[:, :-NUMBERS].copy()
            columns = lines[:, -NUMBERS:-1].reshape(-1, 3, COLUMN)
            found.add(
                steps=int(header[1]), times=time, energies=energy, starts=start,
                broken=newline - found.end > _HEADER_BYTES or bool(text(found.end, newline).strip(b" 0123456789")),
                small=bool((columns[..., :BLANK] == ord(" ")).all()),
            )  # fmt: skip
            found.end = start + lines.size
            found.search_from = found.end - 1
            return True
        found.search_from += max(1, len(window) - 5)
    return False


def _number(word: bytes) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _atom_lines(text: _Text, start: int, n_atoms: int) -> NDArray[np.uint8] | None:
    """Return the ``(n_atoms, line_bytes)`` text of one frame, or ``None`` unless every line and number of it is whole."""
    line_bytes = text(start, start + _LINE_BYTES).find(b"\n") + 1
    end = start + n_atoms * line_bytes
    if not n_atoms or line_bytes <= NUMBERS or end > text.size:
        return None
    lines = np.frombuffer(text(start, end), np.uint8)
    if len(lines) != end - start:
        return None
    lines = lines.reshape(n_atoms, line_bytes)
    whole = (lines[:, -1] == ord("\n")).all() and all_whole(lines[:, -NUMBERS:-1].reshape(n_atoms, 3, COLUMN))
    return lines if whole else None


def _follow(text: _Text, found: _Found) -> None:
    """Add the frames that stand directly behind one another in the same layout, many at a time, until one differs."""
    assert found.symbols is not None
    n_atoms, line_bytes = len(found.symbols), found.symbols.shape[1] + NUMBERS
    peek = text(found.end, found.end + _HEADER_BYTES)
    newline = peek.find(b"\n")
    header = _HEADER.match(peek, newline + 1)
    if header is None or newline < 0 or not peek[:newline].strip(b" ").isdigit() or int(peek[:newline]) != n_atoms:
        return
    head, stride = header.end(), header.end() + n_atoms * line_bytes
    # Every byte xor pattern is at most its limit: 0 where it must be the same, 9 for a digit, 255 where it is looked at apart.
    pattern = np.full(stride, ord(" "), np.uint8)
    limit = np.zeros(stride, np.uint8)
    pattern[:head] = np.frombuffer(peek[:head], np.uint8)
    fields = [
        (peek.index(sign, newline) + len(sign), header.end(k)) for k, sign in ((1, b" i ="), (2, b" time ="), (3, b" E =")) if header[k]
    ]
    for begin, end in fields:
        limit[begin:end] = 255
    lines, limits = pattern[head:].reshape(n_atoms, line_bytes), limit[head:].reshape(n_atoms, line_bytes)
    lines[:, :-NUMBERS], lines[:, -1] = found.symbols, ord("\n")
    for k in range(3):
        column = slice(line_bytes - NUMBERS + k * COLUMN, line_bytes - NUMBERS + (k + 1) * COLUMN)
        lines[:, column][:, -DECIMALS - 1] = ord(".")
        for digits in (slice(-DECIMALS, None), slice(-DECIMALS - 2, -DECIMALS - 1)):
            lines[:, column][:, digits], limits[:, column][:, digits] = ord("0"), 9
        limits[:, column][:, BLANK : BLANK + LEADING] = 255
    most = max(1, BLOCK_BYTES // stride)
    block = np.empty((most, stride), np.uint8)
    while True:
        read = os.preadv(text._descriptor, [block.data], found.end) if found.end < text.size else 0
        n = min(read, text.size - found.end) // stride
        records = block[:n]
        whole = (records ^ pattern <= limit).all(axis=1)
        leading = _words(block, "<u4", (n, n_atoms), (stride, line_bytes), head + line_bytes - NUMBERS + BLANK)
        whole &= leading_whole(leading).all(axis=(1, 2))
        good = n if whole.all() else int(np.argmin(whole))
        columns = _fields(records[:good], fields) if good else None
        if columns is None:
            return
        starts = found.end + head + stride * np.arange(good, dtype=np.int64)
        times = columns[1] if len(fields) == 3 else np.full(good, np.nan)
        found.add(
            steps=columns[0].astype(np.int64), times=times, energies=columns[-1], starts=starts, broken=np.zeros(good, np.bool_),
            small=np.ones(good, np.bool_),
        )  # fmt: skip
        found.end += good * stride
        found.search_from = found.end - 1
        if good < most:
            return


def _fields(records: NDArray[np.uint8], fields: list[tuple[int, int]]) -> list[NDArray[np.float64]] | None:
    """Return the numbers of the headers, or ``None`` where one is none."""
    columns: list[NDArray[np.float64]] = []
    for begin, end in fields:
        text = np.ascontiguousarray(records[:, begin:end])
        if _NUMERIC[text].min() < (2 if not columns else 1):  # the first is the step
            return None
        try:
            columns.append(text.view(f"S{end - begin}").astype(np.float64).reshape(-1))
        except ValueError:
            return None
    return columns if columns[0].max() < 10**MOST_DIGITS else None


def _words(data: NDArray[np.uint8], dtype: str, shape: tuple[int, int], strides: tuple[int, int], offset: int) -> NDArray[Any]:
    """Return ``(*shape, 3)``, the words at ``offset`` of each line and two columns further on; they need not be aligned."""
    words = np.empty((*shape, 3), dtype)
    for k in range(3):  # column by column: the inner loop of numpy is over lines
        if all(shape):
            words[..., k] = np.ndarray(shape, dtype, buffer=data, offset=offset + k * COLUMN, strides=strides)
    return words

# SPDX-License-Identifier: MIT
"""The numbers of a dump as `zif.md` asks for it, in columns of fixed width, many frames at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_zif.formats import cp2k_columns

INTEGER, FLOAT, DECIMALS = "%8d", "%16.8f", 8
"""How LAMMPS is asked to print; a space follows each number but the last."""
WIDTH = 16
_POINT = WIDTH - DECIMALS - 1


def parse(frames: NDArray[np.uint8], template: NDArray[np.uint8], n_floats: int) -> NDArray[np.float64] | None:
    """Return ``(n_frames, n_lines, n_floats)``, the last numbers of lines of equal length, newline included; ``None`` unless all are so.

    ``template`` ``(n_lines, length)`` is a frame; what stands before the numbers must be the same in all. A number is blanks, at most one
    minus, digits, a point and eight decimals. Each is the one nearest to its text, as ``float`` gives it.
    """
    # a newline stands where a space would follow the last number; older versions print both
    end = frames.shape[2] - (1 if frames[0, 0, -2] == ord(" ") else 0)
    begin = end - n_floats * (WIDTH + 1)
    if begin < 8 or not _same(frames, template, begin) or (frames[:, :, -1] != ord("\n")).any():
        return None
    spaced = frames[:, :, begin:end].reshape(-1, n_floats, WIDTH + 1)
    if (spaced[:, :-1, WIDTH] != ord(" ")).any():
        return None
    text = np.ascontiguousarray(spaced[..., :WIDTH])
    words = text.view(np.uint32)
    digits = words[..., 2:] ^ np.uint32(0x30303030)
    decimals = ((digits + np.uint32(0x06060606)) | digits) & np.uint32(0xF0F0F0F0)
    if decimals.any() or not _leading(words, text):
        return None
    found = np.empty((len(frames), frames.shape[1], n_floats))
    cp2k_columns.parse(text.view(np.complex128), 1.0, found, DECIMALS)
    return found


def _same(frames: NDArray[np.uint8], template: NDArray[np.uint8], n_bytes: int) -> bool:
    """Whether the first bytes of all lines are those of the template's, eight at a time."""
    ours = np.ascontiguousarray(frames)
    for offset in {*range(0, n_bytes - 8, 8), n_bytes - 8}:
        wanted: NDArray[np.uint64] = np.ndarray(template.shape[:-1], "<u8", template, offset, template.strides[:-1])
        found: NDArray[np.uint64] = np.ndarray(ours.shape[:-1], "<u8", ours, offset, ours.strides[:-1])
        if (wanted != found).any():
            return False
    return True


def _leading(words: NDArray[np.uint32], text: NDArray[np.uint8]) -> bool:
    """Whether blanks, at most one minus and digits, in this order, stand before a point, the last of them a digit."""
    near = np.ascontiguousarray(words[..., 1])  # three characters and the point
    if ((near >> np.uint32(24)) != ord(".")).any() or ((near >> np.uint32(20)) & np.uint32(15) != 3).any():
        return False
    if (words[..., 0] == np.uint32(0x20202020)).all():  # no number needs the first four
        return bool(cp2k_columns.leading_whole((near << np.uint32(8)) | np.uint32(0x20)).all())
    first = np.ascontiguousarray(text[..., :_POINT])
    blank, minus, digit = first == ord(" "), first == ord("-"), (first >= ord("0")) & (first <= ord("9"))
    rank = minus + 2 * digit.astype(np.uint8)
    ordered = (rank[..., :-1] <= rank[..., 1:]).all() and (minus.sum(axis=-1) <= 1).all()
    return bool(ordered and (blank | minus | digit).all())

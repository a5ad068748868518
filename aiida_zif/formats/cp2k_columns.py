# SPDX-License-Identifier: MIT
"""Numbers in columns of fixed width, F20.10, checked and read many at a time with whole-word arithmetic.

A column is nine characters, a point and ten decimals. Behind four blanks its digits are two words of eight characters, and three
multiplications make one integer of eight digits (D. Lemire, "SWAR explained: parsing eight digits", 2022). The integer of all digits
is below 2^53 and 1e10 is exact, so that their quotient is the number nearest to the text: bit for bit what ``float`` gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLUMN, DECIMALS = 20, 10
"""CP2K writes each coordinate as F20.10; the symbol stands before."""
BLANK = 4
"""Characters that a column begins with blank, if its number is from -999 to 99999."""
LEADING = 4
"""Characters behind them that are blank, a sign or a digit; the one before the point is a digit."""
NUMBERS = 3 * COLUMN + 1
"""Bytes of a line behind the symbol, newline included."""

_RANK = np.full(256, 9, np.uint8)
_RANK[ord(" ")], _RANK[ord("-")], _RANK[ord("0") : ord("9") + 1] = 0, 1, 2
_ONES = np.uint32(0x01010101)
_PAIRS = ((2561, 8, 0x00FF00FF00FF00FF), (6553601, 16, 0x0000FFFF0000FFFF), (42949672960001, 32, None))
"""Factor, shift and mask that join digits to pairs, pairs to fours, fours to eights."""


def all_whole(columns: NDArray[np.uint8]) -> bool:
    """Whether each of ``(..., 20)`` is blanks, at most one minus sign, digits, a point, decimals: stars or a glued line are not."""
    before = _RANK[columns[..., : -DECIMALS - 1]]
    return bool(
        (columns[..., -DECIMALS - 1] == ord(".")).all()
        and (_RANK[columns[..., -DECIMALS:]] == 2).all()
        and (before[..., -1] == 2).all()
        and (before[..., :-1] <= before[..., 1:]).all()
        and ((before == 1).sum(axis=-1) <= 1).all()
    )


def leading_whole(words: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return for each four characters (little-endian) whether they are blanks, at most one minus sign, digits, in this order."""
    x = words ^ np.uint32(0x20202020)  # a blank is now 00, a minus 0D, a digit 10 to 19
    digit = x >> np.uint32(4)
    digit &= _ONES
    other = digit ^ _ONES
    minus = x & other
    started = minus | digit
    started <<= np.uint32(8)
    started &= other  # a blank or a minus behind a minus or a digit
    minus *= np.uint32(0x0D)
    x ^= minus
    x ^= digit << np.uint32(4)  # now 0 to 9 for a digit, 0 for a blank or a minus, else something wrong
    other *= np.uint32(9)
    other += np.uint32(0x06060606)
    other += x
    other |= x
    other &= np.uint32(0xF0F0F0F0)
    other |= started
    whole: NDArray[np.bool_] = other == 0
    return whole


def parse(text: NDArray[np.complex128], scale: float, out: NDArray[np.float64], decimals: int = DECIMALS) -> None:
    """Write into ``out``, contiguous, ``scale`` times the numbers whose last 16 characters each item of ``text`` holds, as its bytes.

    ``decimals`` is how many of the characters follow the point, 10 or 8.

    The caller has seen that the characters are whole and those before them blank.
    """
    words = text.reshape(-1).view(np.uint64).reshape(-1, 2)
    high, low = words[:, 0].copy(), words[:, 1] & np.uint64(0x0F0F0F0F0F0F0F0F)
    sign = ~high
    sign &= high << np.uint64(2)  # bit 2 is set in a minus, bit 4 in every digit
    sign &= np.uint64(0x10101010 if decimals == DECIMALS else 0x101010101010)
    np.negative(sign.view(np.int64), out=sign.view(np.int64))
    sign &= np.uint64(1 << 63)
    behind = high & np.uint64(0xFFFF000000000000)  # five characters, the point, two decimals: drop the point
    high <<= np.uint64(8)  # with eight decimals the point is the last of this word, and gone by now
    if decimals == DECIMALS:
        high &= np.uint64(0x0000FFFFFFFFFF00)
        high |= behind
    np.right_shift(high, np.uint64(4), out=behind)
    behind &= np.uint64(0x0101010101010101)
    behind *= np.uint64(15)
    high &= behind  # digits to 0 to 9, blank and minus to 0
    for factor, shift, mask in _PAIRS:
        for word in (high, low):
            word *= np.uint64(factor)
            word >>= np.uint64(shift)
            if mask is not None:
                word &= np.uint64(mask)
    high *= np.uint64(10**8)
    high += low
    flat = out.reshape(-1)
    np.copyto(flat, high.view(np.int64), casting="unsafe")
    flat /= 10.0**decimals
    flat.view(np.uint64)[...] |= sign
    if scale != 1:
        flat *= scale


def parse_any(columns: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the numbers of ``(..., 60)`` characters as ``(..., 3)``, whatever their size."""
    return np.ascontiguousarray(columns).view(f"S{COLUMN}").astype(np.float64)

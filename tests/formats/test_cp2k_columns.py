# SPDX-License-Identifier: MIT
"""Columns of F20.10, checked and read by whole words: what is a number there, and which, as ``re`` and ``float`` say."""

import itertools
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aiida_zif.formats import cp2k_columns

TOO_LARGE = 99_999 * 10**10 + 10**10 - 1


def parsed(texts, scale=1.0):
    """The numbers of three columns a line, from their last 16 characters."""
    columns = np.frombuffer("".join(texts).encode(), np.uint8).reshape(-1, cp2k_columns.COLUMN)[:, cp2k_columns.BLANK :]
    out = np.empty(len(texts))
    cp2k_columns.parse(np.ascontiguousarray(columns).view(np.complex128), scale, out)
    return out


@given(st.lists(st.integers(-9_999_999_999_999, TOO_LARGE), min_size=1, max_size=40), st.booleans())
def test_numbers_are_those_of_float(digits, minus_zero):
    """Bit for bit, whatever the digits, minus zero among them."""
    texts = [f"{'-' if n < 0 else ''}{abs(n) // 10**10}.{abs(n) % 10**10:010d}".rjust(20) for n in digits]
    texts += ["-0.0000000000".rjust(20)] if minus_zero else []
    np.testing.assert_array_equal(parsed(texts).view(np.int64), np.array([float(text) for text in texts]).view(np.int64))


def test_numbers_as_fortran_writes_them():
    """Random coordinates through F20.10, many at once; a scale multiplies once."""
    rng = np.random.default_rng(3)
    numbers = rng.normal(size=3000) * 10.0 ** rng.integers(-11, 3, 3000)
    texts = [f"{x:20.10f}" for x in numbers]
    exact = np.array([float(text) for text in texts])
    np.testing.assert_array_equal(parsed(texts), exact)
    np.testing.assert_array_equal(parsed(texts, 51.422067), exact * 51.422067)


def test_leading_characters_are_blanks_sign_digits():
    """All words of telling characters, and every byte in every place, against a regular expression."""
    telling = [bytes(word) for word in itertools.product(b' -.059:/*+,\x00\n!"=\x7f\xad\xfa\xff', repeat=4)]
    each = [bytes([*b"  -1"[:k], byte, *b"  -1"[k + 1 :]]) for byte in range(256) for k in range(4)]
    words = telling + each
    found = cp2k_columns.leading_whole(np.frombuffer(b"".join(words), "<u4").copy())
    np.testing.assert_array_equal(found, [bool(re.fullmatch(rb" *(-?[0-9]*)", word)) for word in words])

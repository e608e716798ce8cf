"""Many short decimal numbers at once: eight characters in one 64-bit word, a few operations for all of them.

The words hold text in memory order (little endian: the first character is the lowest byte), right-aligned so that a
number's last character is the highest byte. The three multiplications that join eight digits are the well-known
SIMD-within-a-register method (D. Lemire, "Quickly parsing eight digits", 2018).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

WORD = 8
"""Characters in a word: the longest number, without its sign, that :func:`parse_short` reads."""

Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def _repeated(byte: int) -> np.uint64:
    return np.uint64(int.from_bytes(bytes([byte]) * WORD, "little"))


_ALL = 2**64 - 1
_ZEROS, _DOTS = _repeated(ord("0")), _repeated(ord("."))
_HIGH_HALVES, _LOW_HALVES, _THREES, _SIXES = _repeated(0xF0), _repeated(0x0F), _repeated(0x33), _repeated(0x06)
_SEVEN_BITS = _repeated(0x7F)
_ONE, _FOUR, _EIGHT = np.uint64(1), np.uint64(4), np.uint64(8)
_JOINS = (
    (np.uint64(1 + (10 << 8)), np.uint64(8), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(1 + (100 << 16)), np.uint64(16), np.uint64(0x0000FFFF0000FFFF)),
    (np.uint64(1 + (10_000 << 32)), np.uint64(32), np.uint64(0x00000000FFFFFFFF)),
)
"""Twice as many digits a field with each step: factor, shift, and the fields that are left."""
_LAST = np.array([_ALL ^ (_ALL >> (8 * count)) for count in range(WORD)] + [_ALL], np.uint64)
"""By count: the bytes of the last so many characters."""
_BEFORE = np.array([(1 << (8 * place)) - 1 for place in range(WORD)] + [0], np.uint64)
"""By place: the bytes before a character; none for place 8, which is no character."""
_AFTER = np.array([_ALL ^ ((1 << (8 * place + 8)) - 1) for place in range(WORD)] + [_ALL], np.uint64)
_FILL = np.array([ord("0")] * WORD + [0], np.uint64)
_POWERS = np.array([10.0**power for power in range(WORD)])
_SMALLEST = np.array([0] + [10 ** (length - 1) for length in range(1, WORD + 1)], np.int64)
"""By length: the smallest number of so many digits."""


def parse_integers(words: Words, lengths: Integers) -> tuple[Integers, Booleans]:
    """Return n integers without sign and which of them are written as JSON has it.

    Args:
        words: the last eight characters up to each number's end.
        lengths: how many of them belong to it, 0 to 8.
    """
    filled = _filled(words, lengths)
    right = _all_digits(filled)
    values = _join(filled)
    # A leading zero shows in a value too small for its length.
    right &= (lengths == 1) | ((lengths > 1) & (values >= _SMALLEST[lengths]))
    return values, right


def parse_decimals(words: Words, lengths: Integers) -> tuple[npt.NDArray[np.float64], Booleans, Booleans]:
    """Return n numbers without sign, which of them are written as JSON has it, and which have a decimal point.

    At most seven digits over a power of ten below 10**8: one division, so correctly rounded.

    Args:
        words: the last eight characters up to each number's end.
        lengths: how many of them belong to it, 0 to 8.
    """
    filled = _filled(words, lengths)
    differing = filled ^ _DOTS
    dots = ~(((differing & _SEVEN_BITS) + _SEVEN_BITS) | differing | _SEVEN_BITS)
    place = (np.bitwise_count(dots - _ONE) >> 3).astype(np.int64)  # of the first dot; 8 where there is none
    with_dot = dots != 0
    digits = (filled & _AFTER[place]) | ((filled & _BEFORE[place]) << _EIGHT) | _FILL[place]
    right = _all_digits(digits)
    fraction = np.where(with_dot, WORD - 1 - place, 0)
    whole = lengths - fraction - with_dot
    right &= (whole >= 1) & ((fraction >= 1) | ~with_dot)
    values: npt.NDArray[np.float64] = _join(digits) / _POWERS[fraction]
    # A leading zero before another digit shows in a whole part too small for its length.
    right &= (whole == 1) | (values >= _SMALLEST[np.clip(whole, 0, WORD)])
    return values, right, with_dot


def _filled(words: Words, lengths: Integers) -> Words:
    own = _LAST[lengths]
    filled: Words = (words & own) | (_ZEROS & ~own)
    return filled


def _all_digits(words: Words) -> Booleans:
    # A byte is a digit when its high half is 3, and still is after six is added.
    high = (words & _HIGH_HALVES) | (((words + _SIXES) & _HIGH_HALVES) >> _FOUR)
    digits: Booleans = high == _THREES
    return digits


def _join(words: Words) -> Integers:
    fields = words & _LOW_HALVES
    for factor, shift, mask in _JOINS:
        fields = ((fields * factor) >> shift) & mask
    return fields.astype(np.int64)

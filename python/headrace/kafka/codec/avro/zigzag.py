"""Avro's numbers: zigzag, in seven bits a byte (Avro 1.12, Binary Encoding)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MARK_BYTES = 16
"""How long the marks between records are that are read together."""

_MORE = 0x80
"""The bit of a digit after which another comes."""
_BOUNDS = np.array([1 << 7 * digits for digits in range(1, 10)], np.uint64)


def zigzag(number: int) -> bytes:
    """Return a number that is not negative as Avro writes it."""
    rest = number << 1
    digits = bytearray()
    while rest >= _MORE:
        digits.append(rest & (_MORE - 1) | _MORE)
        rest >>= 7
    digits.append(rest)
    return bytes(digits)


def varint_lengths(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many bytes each of n numbers takes."""
    folded = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    return np.searchsorted(_BOUNDS, folded, side="right").astype(np.int64) + 1

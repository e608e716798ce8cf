"""Which message of a schema's file a value is: the path of indexes that stands before it.

A count and so many indexes, each a variable-length integer in zigzag; a count of 0 is the file's first message.
"""

from __future__ import annotations

from headrace.errors import DecodeError

Indexes = tuple[int, ...]

FIRST: Indexes = (0,)
FIRST_BYTES = b"\0"

_DEEPEST = 64
_LONGEST = 10


def read_indexes(payload: bytes) -> tuple[Indexes, int]:
    """Return the path at the begin of a value, and where the message itself begins.

    Raises:
        DecodeError: there is none.
    """
    if payload[:1] == FIRST_BYTES:
        return FIRST, 1
    count, place = _integer(payload, 0)
    if not 0 <= count <= _DEEPEST:
        raise DecodeError(f"The value names a message {count} deep in its schema.", hint="Correct the producer.")
    indexes = []
    for _ in range(count):
        index, place = _integer(payload, place)
        indexes.append(index)
    return tuple(indexes) or FIRST, place


def _integer(payload: bytes, place: int) -> tuple[int, int]:
    value = 0
    for digit in range(_LONGEST):
        if place >= len(payload):
            break
        byte = payload[place]
        place += 1
        value |= (byte & 0x7F) << (7 * digit)
        if byte & 0x80 == 0:
            return (value >> 1) ^ -(value & 1), place
    raise DecodeError("The value ends before it names its message.", hint="Was it written as Protobuf?")

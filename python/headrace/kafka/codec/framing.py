"""The wire format of schema registries: a zero byte, the schema's id in four bytes, then the value."""

from __future__ import annotations

from headrace.errors import DecodeError

MAGIC = b"\0"
PREFIX = 5
"""Bytes before the value."""


def is_framed(value: bytes) -> bool:
    """Return whether a value begins as a registry's records do."""
    return len(value) >= PREFIX and value[:1] == MAGIC


def schema_id(value: bytes) -> int:
    """Return the id of the schema that a value was written with.

    Raises:
        DecodeError: the value does not begin with one.
    """
    if not is_framed(value):
        begin = value[:PREFIX].hex(" ") or "nothing"
        raise DecodeError(
            f"The value names no schema: it begins with {begin}, not with a zero byte and a schema's id.",
            hint="Was it written by a serializer of a schema registry? Else use another --format.",
        )
    return int.from_bytes(value[1:PREFIX], "big")


def prefix(number: int) -> bytes:
    """Return what stands before a value written with the schema of that id."""
    return MAGIC + number.to_bytes(4, "big")

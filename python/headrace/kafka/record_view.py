"""Records as people read them: JSON where it is JSON, text where it is text, else base64."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headrace.kafka.records import Records


def describe_records(records: Records) -> Iterator[dict[str, object]]:
    """Describe each record by ``partition, offset, timestamp, key, value, headers``, ready for JSON.

    ``timestamp`` is ``2026-11-22T10:00:00.123000Z``, or None where the record has none. ``value`` is the parsed JSON,
    else text, else ``{"base64": ...}``; ``key`` and the values in ``headers`` (a list of name and value) are text,
    else ``{"base64": ...}``. What is absent is None.
    """
    for row in range(len(records)):
        yield {
            "partition": int(records.partitions[row]),
            "offset": int(records.offsets[row]),
            "timestamp": _moment(int(records.timestamps[row])),
            "key": as_text(records.keys[row]),
            "value": _parsed(records.values[row]),
            "headers": [[name, as_text(value)] for name, value in records.headers[row] or []],
        }


def _parsed(value: bytes | None) -> object:
    if value is None:
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return as_text(value)


def as_text(value: bytes | None) -> str | dict[str, str] | None:
    """Return bytes as text where they are UTF-8, else as ``{"base64": ...}``; None stays None."""
    if value is None:
        return None
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode("ascii")}


def _moment(milliseconds: int) -> str | None:
    if milliseconds < 0:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

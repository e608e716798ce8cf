"""Failed records become dead letters: the record as it was, and why it failed."""

from __future__ import annotations

from headrace.engine.bisect import Failure
from headrace.engine.service.delivery import Outgoing
from headrace.kafka.records import Headers, Records

_LONGEST = 16_000
"""Bytes of a traceback or error text that a header carries; a letter must stay near the size of its record."""


def dead_letters(records: Records, failures: list[Failure], *, topic: str, stream: str, commit: str | None) -> Outgoing:
    """Return the letters of failed records.

    Key, value and timestamp are the record's own, byte for byte; so are its headers, after which come
    ``headrace-error``, ``-traceback``, ``-stream``, ``-commit``, ``-topic``, ``-partition`` and ``-offset``.

    Args:
        records: the batch.
        failures: the records of it that failed.
        topic: the dead-letter topic.
        stream: the stream's name.
        commit: the commit that runs, or ``None``.
    """
    positions = [failure.position for failure in failures]
    chosen = records.take(positions)
    return Outgoing(
        topic,
        chosen.values,
        chosen.keys,
        chosen.timestamps,
        [
            [*(chosen.headers[row] or []), *_reasons(chosen, row, failure, stream, commit)]
            for row, failure in enumerate(failures)
        ],
    )


def _reasons(records: Records, row: int, failure: Failure, stream: str, commit: str | None) -> Headers:
    return [
        ("headrace-error", _text(failure.summary)),
        ("headrace-traceback", _text(failure.traceback)),
        ("headrace-stream", stream.encode()),
        ("headrace-commit", (commit or "").encode()),
        ("headrace-topic", records.topic.encode()),
        ("headrace-partition", str(records.partitions[row]).encode()),
        ("headrace-offset", str(records.offsets[row]).encode()),
    ]


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return encoded if len(encoded) <= _LONGEST else encoded[:_LONGEST] + b"..."

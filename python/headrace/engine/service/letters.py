"""Failed records become dead letters: the record as it was, and why it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headrace.engine.bisect import Failure
from headrace.engine.refusals import Refusal, Refusals
from headrace.engine.result import Places
from headrace.engine.service.delivery import Outgoing
from headrace.kafka.records import Headers, Records, header_bytes

LETTER_BYTES = 64 * 1024
"""What a letter has beside its record, at most, with what frames it."""

_LONGEST = 16_000
"""Bytes of a traceback or error text that a header carries; a letter must stay near the size of its record."""
_SHORT = 500
"""The same where the letter was too large for its topic, and nobody may know what that accepts."""
_OTHER_BYTES = 2_000
"""The other headers, and what frames them."""

VALUE_BYTES_HEADER = "headrace-value-bytes"
GONE_HEADER = "headrace-gone"


@dataclass(frozen=True, slots=True)
class Origin:
    """What all letters of a stream say.

    Attributes:
        topic: the dead-letter topic.
        stream: the stream's name.
        commit: the commit that runs, or ``None``.
    """

    topic: str
    stream: str
    commit: str | None


def roomier(limit: int | None) -> dict[str, str]:
    """Return the settings of a topic that takes records of another with what a letter has beside its record.

    Args:
        limit: the other topic's ``max.message.bytes``; ``None``: nobody may know, and the cluster's own holds.
    """
    return {} if limit is None else {"max.message.bytes": str(limit + LETTER_BYTES)}


def dead_letters(
    records: Records, failures: Sequence[Failure], origin: Origin, *, gone: Sequence[int], refusals: Refusals
) -> Outgoing:
    """Return the letters of failed records.

    Key, value and timestamp are the record's own, byte for byte; so are its headers, after which come
    ``headrace-error``, ``-traceback``, ``-stream``, ``-commit``, ``-topic``, ``-partition`` and ``-offset``. A letter
    that its topic has refused for its size becomes smaller: first error and traceback are cut to what fits, then the
    value is null and ``headrace-value-bytes`` says how long it was, then key and own headers go, too.

    Args:
        records: n records.
        failures: why each of them failed.
        origin: what all letters say.
        gone: which of them are no longer in the log: ``headrace-gone`` says so.
        refusals: what was too large.
    """
    letters = [_letter(records, row, failure, origin, refusals) for row, failure in enumerate(failures)]
    for row in gone:
        letters[row][2].append((GONE_HEADER, b"no longer in the log"))
    return Outgoing(
        origin.topic,
        [value for value, _, _ in letters],
        [key for _, key, _ in letters],
        records.timestamps,
        [headers for _, _, headers in letters],
        places=Places(records.partitions.astype(np.int64), records.offsets),
    )


_Letter = tuple[bytes | None, bytes | None, Headers]


def _letter(records: Records, row: int, failure: Failure, origin: Origin, refusals: Refusals) -> _Letter:
    value, key, own = records.values[row], records.keys[row], records.headers[row] or []
    place = int(records.partitions[row]), int(records.offsets[row])
    refusal, times = refusals.at(origin.topic, place) or (None, 0)
    longest = _LONGEST if refusal is None else _room(refusal, len(value or b"") + len(key or b"") + header_bytes(own))
    said = [
        ("headrace-error", _text(failure.summary, longest)),
        ("headrace-traceback", _text(failure.traceback, longest)),
        ("headrace-stream", origin.stream.encode()),
        ("headrace-commit", (origin.commit or "").encode()),
        ("headrace-topic", records.topic.encode()),
        ("headrace-partition", b"%d" % place[0]),
        ("headrace-offset", b"%d" % place[1]),
    ]
    if times <= 1:
        return value, key, [*own, *said]
    length = (VALUE_BYTES_HEADER, b"%d" % len(value or b""))
    return (None, key, [*own, *said, length]) if times == 2 else (None, None, [*said, length])  # noqa: PLR2004


def _room(refusal: Refusal, bare: int) -> int:
    """Return how long error and traceback may be beside a record of ``bare`` bytes."""
    if refusal.limit is None:
        return _SHORT
    return min(_LONGEST, max(_SHORT, (refusal.limit - bare - _OTHER_BYTES) // 2))


def _text(text: str, longest: int) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return encoded if len(encoded) <= longest else encoded[:longest] + b"..."

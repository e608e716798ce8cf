"""What is remembered beside the log: changes of it, as records of the stream's compacted topic.

The topic ``headrace.NAME.state`` has the partitions of the topic that the stream reads. Its records' keys begin with
what they are about:

- ``failed`` NUL partition NUL offset: records that failed, which a lookback must never see again; see
  :mod:`headrace.engine.failed_rows`.
- ``state`` NUL name NUL key: what a state holds for a key.
- ``rows`` NUL partition NUL offset: records from that offset on that are still needed, where the log does not keep
  them for as long; see :mod:`headrace.engine.kept`.
- ``closed`` NUL partition NUL number: rows of such records that are in windows that have closed.

They are written in the transaction of the batch that changes them.
"""

from __future__ import annotations

from dataclasses import dataclass

SEPARATOR = b"\0"
FAILED = b"failed"
STATE = b"state"
ROWS = b"rows"
CLOSED = b"closed"


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the changelog.

    Attributes:
        partition: where it goes: the partition whose records it was made from.
        key: as above.
        value: what is true from here on; ``None``: nothing is.
    """

    partition: int
    key: bytes
    value: bytes | None


def change_key(kind: bytes, *parts: bytes) -> bytes:
    """Return the key of a change; only its last part may hold any byte."""
    return SEPARATOR.join((kind, *parts))


def kind_of(key: bytes | None) -> bytes:
    """Return what a change is about."""
    return (key or b"").partition(SEPARATOR)[0]

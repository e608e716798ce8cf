"""Counters that are committed together with the offsets, so that they survive any crash exactly."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from headrace.engine.memo import Memo

_VERSION = 1

MOST_LETTERS = 4_000
"""How long the metadata of a commit may be; Kafka's ``offset.metadata.max.bytes`` is 4,096 by default."""

_OTHER_LETTERS = 500
"""What stands there beside event times takes less than this."""


@dataclass(slots=True)
class Counts:
    """What became of a partition's records since the deployment began.

    Attributes:
        records_in: records taken.
        records_out: outputs sent.
        failed: records that failed.
        late: records that came too late (none without event-time windows or lookbacks).
    """

    records_in: int = 0
    records_out: int = 0
    failed: int = 0
    late: int = 0

    def plus(self, records_in: int, records_out: int, failed: int, late: int = 0) -> Counts:
        """Return new counts with these added."""
        return Counts(
            self.records_in + records_in, self.records_out + records_out, self.failed + failed, self.late + late
        )

    def to_metadata(self, deploy: str, memo: Memo | None = None) -> str:
        """Return the text that stands beside an offset in the consumer group.

        Args:
            deploy: the deployment's id.
            memo: how far the partition is in event time.
        """
        content: dict[str, object] = {
            "v": _VERSION,
            "deploy": deploy,
            "in": self.records_in,
            "out": self.records_out,
            "failed": self.failed,
            "late": self.late,
        }
        if memo is not None:
            content["m"] = memo.to_fields(MOST_LETTERS - _OTHER_LETTERS)
        return orjson.dumps(content).decode()

    @classmethod
    def from_metadata(cls, metadata: str | None, deploy: str) -> Counts | None:
        """Return the counts that ``metadata`` carries, or ``None`` when another deployment (or nobody) wrote it."""
        try:
            content = orjson.loads(metadata or "null")
        except orjson.JSONDecodeError:
            return None
        if not isinstance(content, dict) or content.get("v") != _VERSION or content.get("deploy") != deploy:
            return None
        return cls(*(int(content.get(name, 0)) for name in ("in", "out", "failed", "late")))


def memo_of(metadata: str | None) -> Memo | None:
    """Return the memo in the metadata of an offset commit, or ``None`` where there is none."""
    try:
        content = orjson.loads(metadata or "null")
    except orjson.JSONDecodeError:
        return None
    return Memo.from_fields(content.get("m")) if isinstance(content, dict) else None

"""From a batch's result to the records that leave the service: outputs, late records, dead letters."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from headrace.engine.bisect import Failure
from headrace.engine.changelog import Change
from headrace.engine.result import BatchResult
from headrace.engine.service.delivery import Outgoing
from headrace.engine.service.letters import dead_letters
from headrace.engine.service.lookup import find_records
from headrace.engine.stream import Stream
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Headers, Records
from headrace.spec import names

COMMIT_HEADER = "headrace-commit"

logger = logging.getLogger(__name__)


class Outbox:
    """Addresses what a batch gives.

    Args:
        stream: the stream.
        cluster: where records that failed long after they came are read again.
    """

    def __init__(self, stream: Stream, cluster: Cluster) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._cluster = cluster
        self._letters = names.dead_letter_topic(stream.name, self._spec.sink)
        self._late = names.late_topic(stream.name, self._spec.sink)
        self._state = names.state_topic(stream.name)
        stamp = stream.commit if self._spec.stamp else None
        self._stamp: Headers | None = [(COMMIT_HEADER, stamp.encode())] if stamp else None

    @property
    def topics(self) -> list[str]:
        """Every topic that gets something."""
        topics = list(self._spec.sinks)
        if self._spec.on_error == "dlq":
            topics.append(self._letters)
        if self._spec.window:
            topics.append(self._late)
        if self._spec.has_changelog:
            topics.append(self._state)
        return topics

    def pack(self, batch: Records, result: BatchResult) -> list[Outgoing]:
        """Return all that a batch gives, by topic.

        Args:
            batch: the records that were taken.
            result: what became of them, and of earlier ones.
        """
        batch = batch if result.taken is None else result.taken
        outgoing = self._outputs(result)
        if self._spec.window and len(result.late):
            places = list(zip(result.late.partitions.tolist(), result.late.offsets.tolist(), strict=True))
            late = find_records(self._cluster, batch, places)
            outgoing.append(Outgoing(self._late, late.values, late.keys, late.timestamps, late.headers))
        if result.changes:
            outgoing.append(self._changes(result.changes))
        if result.failures:
            first = result.failures[0]
            logger.warning("records failed", extra={"failed": len(result.failures), "first": first.summary})
            if self._spec.on_error == "dlq":
                outgoing.append(self.letters(batch, result.failures))
        return outgoing

    def _changes(self, changes: Sequence[Change]) -> Outgoing:
        return Outgoing(
            self._state,
            [change.value for change in changes],
            [change.key for change in changes],
            np.full(len(changes), int(time.time() * 1000), np.int64),
            None,
            [change.partition for change in changes],
        )

    def letters(self, batch: Records, failures: Sequence[Failure]) -> Outgoing:
        """Return the dead letters of failed records."""
        places = [
            (failure.partition, failure.offset)
            if failure.offset >= 0
            else (int(batch.partitions[failure.position]), int(batch.offsets[failure.position]))
            for failure in failures
        ]
        records = find_records(self._cluster, batch, places)
        placed = [replace(failure, position=row) for row, failure in enumerate(failures)]
        return dead_letters(records, placed, topic=self._letters, stream=self._stream.name, commit=self._stream.commit)

    def _outputs(self, result: BatchResult) -> list[Outgoing]:
        if not result.values or not self._spec.sinks:
            return []
        headers = self._stamped(result.headers, len(result.values))
        values = result.values
        if result.sinks is None:
            return [Outgoing(self._spec.sinks[0], values, result.keys, result.timestamps, headers)]
        return [
            self._chosen(topic, np.flatnonzero(result.sinks == number), values, result, headers)
            for number, topic in enumerate(self._spec.sinks)
            if (result.sinks == number).any()
        ]

    @staticmethod
    def _chosen(
        topic: str,
        places: npt.NDArray[np.intp],
        values: Sequence[bytes | None],
        result: BatchResult,
        headers: list[Headers | None] | None,
    ) -> Outgoing:
        rows = places.tolist()
        return Outgoing(
            topic,
            _taken(values, rows),
            _taken(result.keys, rows),
            result.timestamps[places],
            None if headers is None else [headers[row] for row in rows],
        )

    def _stamped(self, headers: list[Headers | None] | None, count: int) -> list[Headers | None] | None:
        stamp = self._stamp
        if stamp is None:
            return headers
        if headers is None:
            return [stamp] * count
        return [stamp if own is None else [*own, *stamp] for own in headers]


def _taken(column: Sequence[bytes | None], rows: list[int]) -> Sequence[bytes | None]:
    return column.take(rows) if isinstance(column, BytesColumn) else [column[row] for row in rows]

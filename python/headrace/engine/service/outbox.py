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
from headrace.engine.refusals import OversizedError, Refusals
from headrace.engine.result import BatchResult, Places
from headrace.engine.service.delivery import Outgoing
from headrace.engine.service.letters import Origin, dead_letters
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
        refusals: what was too large for its topic.
    """

    def __init__(self, stream: Stream, cluster: Cluster, refusals: Refusals) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._cluster = cluster
        self._refusals = refusals
        self._letters = names.dead_letter_topic(stream.name, self._spec.sink)
        self._origin = Origin(self._letters, stream.name, stream.commit)
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

    def sorted_out(self, result: BatchResult) -> BatchResult:
        """Return the result with late records among the failures that their topic did not accept."""
        if not (self._refusals and self._spec.window and len(result.late)):
            return result
        kept, failures = [], list(result.failures)
        places = zip(result.late.partitions.tolist(), result.late.offsets.tolist(), strict=True)
        for row, place in enumerate(places):
            known = self._refusals.at(self._late, place)
            if known is None:
                kept.append(row)
            else:
                error = OversizedError({0: known[0]}, "The record, which came too late for its window,")
                failures.append(Failure(-1, error, "encode", "", None, *place))
        late = Places(result.late.partitions[kept], result.late.offsets[kept])
        return replace(result, late=late, failures=failures)

    def pack(self, batch: Records, result: BatchResult) -> list[Outgoing]:
        """Return all that a batch gives, by topic.

        Args:
            batch: the records that were taken.
            result: what became of them, and of earlier ones.

        Raises:
            UndeliveredError: earlier records are to be read again, and cannot be now.
        """
        batch = batch if result.taken is None else result.taken
        outgoing = self._outputs(result)
        if self._spec.window and len(result.late):
            places = list(zip(result.late.partitions.tolist(), result.late.offsets.tolist(), strict=True))
            late = find_records(self._cluster, batch, places).records
            own = late.values, late.keys, late.timestamps, late.headers
            outgoing.append(Outgoing(self._late, *own, places=result.late))
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
        found = find_records(self._cluster, batch, places)
        return dead_letters(found.records, failures, self._origin, gone=found.gone, refusals=self._refusals)

    def _outputs(self, result: BatchResult) -> list[Outgoing]:
        if not result.values or not self._spec.sinks:
            return []
        headers = self._stamped(result.headers, len(result.values))
        values = result.values
        if result.sinks is None:
            places = Places(result.partitions, result.offsets)
            return [Outgoing(self._spec.sinks[0], values, result.keys, result.timestamps, headers, places=places)]
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
            places=Places(result.partitions[places], result.offsets[places]),
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

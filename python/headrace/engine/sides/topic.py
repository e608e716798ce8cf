"""One side topic, read as it grows."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass

import numpy as np
import pandas as pd
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from headrace.engine.event_time import NEVER, microseconds
from headrace.engine.rows import Rows
from headrace.engine.sides.reader import SideReader
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records
from headrace.kafka.topics import ends_of, offsets_at, watermarks

BATCHES_KEPT = 64
"""Rows that one of the last so many batches needed are kept: partitions of the source are rarely at the same time."""

_MOST_RECORDS = 20_000
_MOST_AHEAD = 200_000
_SETTINGS: dict[str, object] = {
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # what retention has deleted of a side topic is gone for everybody
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 16 * 1024,
}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Place:
    """Where a partition is read.

    Attributes:
        next: the next offset.
        loaded: the log's end when the reading began; before that, nothing can be said of what is there.
        end: the log's end when the batch at hand came, with what is not committed yet; ``None`` where nobody asked.
    """

    next: int
    loaded: int
    end: int | None = None


class SideTopic:
    """Reads the partitions of a side topic, all unless it is told which, without a group, from where rows are needed.

    A table, and rows with a time column of their own or without a lookback, are read from the log's beginning; rows
    by their records' timestamps from the first that is needed. Rows that no batch has needed for a while go; when one
    needs them all the same, they are read again.

    Args:
        cluster: where.
        reader: keeps the rows.
        purpose: for the client's id.
        grace: how much later than the newest of its partition a row may come, microseconds.

    Attributes:
        late: rows that came after a batch had been given the rows of their time.
    """

    def __init__(self, cluster: Cluster, reader: SideReader, purpose: str, grace: int) -> None:
        self.reader = reader
        self.late = 0
        self._cluster = cluster
        self._topic = reader.side.topic
        self._purpose = purpose
        self._grace = grace
        self._consumer: Consumer | None = None
        self._partitions: frozenset[int] | None = None
        self._places: dict[int, _Place] = {}
        self._from = NEVER
        self._given = NEVER
        self._firsts: deque[int] = deque(maxlen=BATCHES_KEPT)

    def begin(self) -> None:
        """A batch comes: from now on it counts what the log holds now."""
        for place in self._places.values():
            place.end = None

    def restrict(self, partitions: frozenset[int]) -> None:
        """Read these partitions alone; where they are others than before, from anew when rows are asked for."""
        if partitions != self._partitions:
            self._partitions = partitions
            self._places = {}
            self.reader.clear()
            self.close()

    def ask(self) -> None:
        """Ask for the log's ends, once a batch.

        Raises:
            ClusterError: the cluster does not answer.
        """
        if any(place.end is None for place in self._places.values()):
            ends = ends_of(self._cluster, self._topic, list(self._places), committed=self.reader.side.is_table)
            for number, end in ends.items():
                self._places[number].end = end

    def cover(self, first: int) -> None:
        """Begin to read, or again from further back, where rows for main rows from ``first`` on are not there.

        Raises:
            ClusterError: the cluster does not answer.
        """
        needed = self.reader.needed_from(first)
        if self._consumer is None or needed < self._from or self.reader.has_expired(first):
            self._open(first)

    def is_loading(self, last: int) -> bool:
        """Return whether rows up to ``last`` are missing that were there when the reading began."""
        return self._consumer is None or any(
            place.next < place.loaded and not self._has_passed(number, last) for number, place in self._places.items()
        )

    def has_reached(self, last: int) -> bool:
        """Return whether every partition has passed ``last``, or has nothing left to read."""
        return all(
            self._has_passed(number, last) or (place.end is not None and place.next >= max(place.end, place.loaded))
            for number, place in self._places.items()
        )

    def has_passed(self, last: int) -> bool:
        """Return whether every partition is past ``last``: nobody need ask whether more is there."""
        return bool(self._places) and all(self._has_passed(number, last) for number in self._places)

    def has_loaded(self, last: int) -> bool:
        """Return whether every partition has passed ``last``, or is where the log ended when the reading began."""
        return self._consumer is not None and not self.is_loading(last)

    def frame(self, first: int, last: int) -> pd.DataFrame:
        """Return the rows for main rows from ``first`` to ``last``."""
        self._given = max(self._given, last)
        self._firsts.append(first)
        return self.reader.frame(first, last)

    def step(self, seconds: float) -> int:
        """Read what is there, or what comes within ``seconds``, unless enough is read; return how many records.

        Raises:
            ClusterError: the cluster refuses.
        """
        if self._consumer is None:
            return 0
        if len(self.reader) > _MOST_AHEAD and self.has_passed(self._given):
            return 0
        try:
            kept = [message for message in self._consumer.consume(_MOST_RECORDS, seconds) if self._take(message)]
            if kept:
                self._count_late(self.reader.add(Records.from_messages(self._topic, kept)))
        except BaseException:
            self.close()  # what was read and not kept is read again
            raise
        return len(kept)

    def expire(self) -> None:
        """Let go of what none of the last batches needed."""
        if self._firsts:
            self.reader.expire(min(self._firsts))

    def close(self) -> None:
        """Stop reading."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _open(self, first: int) -> None:
        side, found = self.reader.side, watermarks(self._cluster, self._topic)
        wanted = found.keys() if self._partitions is None else self._partitions & found.keys()
        bounds = {number: found[number] for number in wanted}
        starts = {number: low for number, (low, _) in bounds.items()}
        self._from = NEVER
        if side.lookback is not None and side.time is None:
            self._from = self.reader.needed_from(first) - microseconds(side.lookback) - self._grace
            from_time = offsets_at(self._cluster, self._topic, max(0, self._from // 1000))
            starts = {number: from_time[number] for number in bounds}
        self.reader.clear()
        self._firsts.clear()
        self._places = {number: _Place(starts[number], high) for number, (_, high) in bounds.items()}
        if self._consumer is None:
            self._consumer = clients.consumer(self._cluster, purpose=f"{self._purpose}-side", **_SETTINGS)
        self._consumer.assign([TopicPartition(self._topic, number, at) for number, at in starts.items()])
        logger.info("reading a side input", extra={"topic": self._topic, "from": starts})

    def _has_passed(self, number: int, last: int) -> bool:
        if self.reader.side.is_table:
            return False
        return self.reader.newest.get(number, NEVER) - self._grace > last

    def _take(self, message: Message) -> bool:
        """Note how far a partition is; return whether the message is a record."""
        number, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
        place = self._places.get(number)
        if error is None:
            if place is None or offset < place.next:
                return False
            place.next = offset + 1
            return True
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  confluent-kafka's own name
            if place is not None:
                place.next = max(place.next, offset)
        elif clients.is_final(error):
            raise clients.cluster_error(self._cluster, error)
        return False

    def _count_late(self, rows: Rows) -> None:
        if self.reader.side.is_table:
            return
        loaded = np.array([self._places[number].loaded for number in rows.partitions.tolist()], np.int64)
        late = int(((rows.times <= self._given) & (rows.offsets >= loaded)).sum())
        if late and not self.late:
            logger.warning(
                "rows of a side input come after rows of their time were joined; a replay would join them",
                extra={"topic": self._topic, "rows": late},
            )
        self.late += late

"""Read given offsets of a topic, without a trace: no group, no commit, no topic that was not there."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from headrace.errors import ExpiredOffsetError
from headrace.kafka.clients import answers, cluster_error, consumer
from headrace.kafka.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Consumer

    from headrace.kafka.clusters import Cluster
    from headrace.kafka.sample_request import Range

NEAR = 1_000
"""So many offsets between two ranges are read and passed over; to seek costs more."""
_BATCH = 10_000
_SPARSE_FETCH = 32 * 1024
"""Bytes that one fetch of a partition brings at most where single records are read far from each other."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class SampleLimits:
    """Where reading stops, whatever was asked for.

    Attributes:
        records: records in all.
        bytes: bytes of keys and values in all.
        seconds: time from the first to the last read.
    """

    records: int = 100_000
    bytes: int = 50_000_000
    seconds: float = 30.0


@dataclass
class Reading:
    """What was read.

    Attributes:
        ranges: the asked ranges, in their order, each cut to what was read through; ranges of which nothing was
            reached are left out.
        messages: the records of each of ``ranges``, in offset order.
        complete: whether no limit cut the asked ranges.
        bytes: the size of all keys and values.
    """

    ranges: list[Range] = field(default_factory=list)
    messages: list[list[Message]] = field(default_factory=list)
    complete: bool = True
    bytes: int = 0

    def __len__(self) -> int:
        return sum(map(len, self.messages))


@dataclass
class _Partition:
    """The ranges of one partition that are still to be read, and the one being read."""

    waiting: deque[int]
    position: int


def read_ranges(
    cluster: Cluster,
    topic: str,
    ranges: Sequence[Range],
    limits: SampleLimits,
    progress: Callable[[int], None] | None = None,
) -> Reading:
    """Read the committed records of ``ranges``.

    Gaps in the offsets (control records of transactions, aborted or compacted records) are passed over.

    Args:
        cluster: where.
        topic: a topic that exists.
        ranges: partition, first offset, offset after the last; a partition's ranges in the order of their offsets.
        limits: where to stop.
        progress: called with the number of records read so far.

    Raises:
        ExpiredOffsetError: an offset is no longer in the log.
        ClusterError: the cluster refuses, or went away.
    """
    if not ranges:
        return Reading()
    few = {
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "queued.min.messages": max(1_000, min(100_000, sum(end - start for _, start, end in ranges))),
        "queued.max.messages.kbytes": 16_384,
    }
    if _far_apart(ranges):
        few["max.partition.fetch.bytes"] = _SPARSE_FETCH
    reader = consumer(cluster, purpose="preview", **few)
    try:
        with answers(cluster):
            return _Reader(reader, cluster, topic, list(ranges), limits).run(progress)
    finally:
        reader.close()


def _far_apart(ranges: Sequence[Range]) -> bool:
    """Whether most of the ranges are single records, each a seek away from the one before."""
    far = sum(one[0] == other[0] and other[1] - one[2] > NEAR for one, other in pairwise(ranges))
    return far > len(ranges) // 2


class _Reader:
    """One run over ranges with one consumer."""

    def __init__(
        self, reader: Consumer, cluster: Cluster, topic: str, ranges: list[Range], limits: SampleLimits
    ) -> None:
        self._consumer = reader
        self._cluster = cluster
        self._topic = topic
        self._ranges = ranges
        self._limits = limits
        self._messages: list[list[Message]] = [[] for _ in ranges]
        self._reached = [start for _, start, _ in ranges]
        waiting: dict[int, deque[int]] = defaultdict(deque)
        for number, (partition, _, _) in enumerate(ranges):
            waiting[partition].append(number)
        self._open = {partition: _Partition(numbers, numbers.popleft()) for partition, numbers in waiting.items()}
        self._sparse = _far_apart(ranges)
        self._read = 0
        self._bytes = 0

    def run(self, progress: Callable[[int], None] | None) -> Reading:
        starts = [TopicPartition(self._topic, p, self._ranges[state.position][1]) for p, state in self._open.items()]
        self._consumer.assign(starts)
        deadline = time.monotonic() + self._limits.seconds
        full = False
        while self._open and not full and time.monotonic() < deadline:
            full = self._take(self._consume())
            if progress:
                progress(self._read)
        read = [number for number, (_, start, _) in enumerate(self._ranges) if self._reached[number] > start]
        return Reading(
            ranges=[(self._ranges[number][0], self._ranges[number][1], self._reached[number]) for number in read],
            messages=[self._messages[number] for number in read],
            complete=not self._open,
            bytes=self._bytes,
        )

    def _consume(self) -> list[Message]:
        if not self._sparse:
            return self._consumer.consume(_BATCH, _POLL_SECONDS)
        first = self._consumer.consume(1, _POLL_SECONDS)  # to wait for more than the one would take all of the time
        return first + self._consumer.consume(_BATCH, 0) if first else first

    def _take(self, messages: list[Message]) -> bool:
        """Sort messages into their ranges; return whether a limit was met."""
        passed: set[int] = set()
        for message in messages:
            partition = message.partition()
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                self._refuse(error)
                continue
            if partition is None or partition in passed or partition not in self._open:
                continue
            offset = message.offset() or 0
            self._pass(partition, offset, passed, at_end=error is not None)
            if error is not None or partition in passed or partition not in self._open:
                continue
            number = self._open[partition].position
            _, start, end = self._ranges[number]
            if offset < start:
                continue
            if self._is_full(message):
                return True
            self._messages[number].append(message)
            self._reached[number] = offset + 1
            if offset == end - 1:
                self._pass(partition, end, passed)
        return False

    def _pass(self, partition: int, offset: int, passed: set[int], *, at_end: bool = False) -> None:
        """Leave behind the partition's ranges that end at ``offset`` or before; at the log's end all of them."""
        while partition in self._open and partition not in passed:
            number = self._open[partition].position
            if not at_end and offset < self._ranges[number][2]:
                return
            self._reached[number] = self._ranges[number][2]
            if not self._go_on(partition):
                passed.add(partition)

    def _is_full(self, message: Message) -> bool:
        size = len(message.value() or b"") + len(message.key() or b"")
        if self._read and (self._read >= self._limits.records or self._bytes + size > self._limits.bytes):
            return True
        self._read += 1
        self._bytes += size
        return False

    def _go_on(self, partition: int) -> bool:
        """Turn to the partition's next range, or leave the partition; tell whether the next record may be of it."""
        state = self._open[partition]
        if not state.waiting:
            del self._open[partition]
            self._consumer.pause([TopicPartition(self._topic, partition)])
            return False
        end = self._ranges[state.position][2]
        state.position = state.waiting.popleft()
        start = self._ranges[state.position][1]
        if start - end <= NEAR:
            return True
        self._consumer.seek(TopicPartition(self._topic, partition, start))
        return False

    def _refuse(self, error: KafkaError) -> None:
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return  # the group is not used; an assigned consumer says this once and reads on
        if error.code() in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            message = f"Records of the sample are no longer in the topic `{self._topic}`: {error.str()}."
            raise ExpiredOffsetError(message, hint="Take a new sample.")
        if error.retriable() or error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}:  # noqa: SLF001
            return
        raise cluster_error(self._cluster, error) from KafkaException(error)


def in_arrival_order(records: Records) -> Records:
    """Return the records as they arrived: by timestamp, each partition in its own offset order.

    Ties go by partition, then offset. A record with an older timestamp than one before it in its partition counts
    as arrived with that one.
    """
    arrived = records.timestamps.copy()
    for partition in np.unique(records.partitions):
        own = np.flatnonzero(records.partitions == partition)
        own = own[np.argsort(records.offsets[own], kind="stable")]
        arrived[own] = np.maximum.accumulate(records.timestamps[own])
    return records.take(np.lexsort((records.offsets, records.partitions, arrived)))

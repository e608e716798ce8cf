"""The two ways of reading and sending batches, for tests that hold one against the other."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from headrace.kafka.native import BatchReader, BatchWriter, Problem
from headrace.kafka.native.plain import PlainReader, PlainWriter
from headrace.kafka.native.reader import NativeReader
from headrace.kafka.native.writer import NativeWriter
from headrace.kafka.records import Headers, Records
from waiting import eventually


def reader_of(way: str, consumer: Consumer, topic: str) -> BatchReader:
    """A reader of the way."""
    return NativeReader(consumer, topic) if way == "native" else PlainReader(consumer, topic)


def writer_of(way: str, producer: Producer) -> BatchWriter:
    """A writer of the way."""
    if way == "plain":
        return PlainWriter(producer)
    writer = NativeWriter.watching(producer)
    assert writer is not None
    return writer


@dataclass
class Reading:
    """A consumer with a reader, and what was read so far."""

    consumer: Consumer
    reader: BatchReader
    topic: str
    parts: list[Records] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def assign(self, places: dict[int, int]) -> None:
        """Assign partitions from these offsets on."""
        self.reader.assigned(list(places))
        self.consumer.incremental_assign([TopicPartition(self.topic, number, at) for number, at in places.items()])

    def once(self, most: int = 10_000, seconds: float = 0.2, most_bytes: int = 1 << 26) -> Records:
        """Read once."""
        records, problems = self.reader.read(most, seconds, gather_seconds=0.01, most_bytes=most_bytes)
        self.problems += problems
        self.parts.append(records)
        return records

    def count(self) -> int:
        """Records so far."""
        return sum(map(len, self.parts))

    def until(self, count: int, most: int = 10_000) -> Records:
        """Read on until there are so many records, and return all in the order of partition and offset."""
        eventually(lambda: self.once(most) is not None and self.count() >= count, 30, interval=0)
        return self.all()

    def all(self) -> Records:
        """Everything read so far, by partition and offset."""
        records = Records.concat(self.topic, self.parts)
        return records.take(np.lexsort((records.offsets, records.partitions)))


def plain_list(records: Records) -> list[tuple[int, int, int, bytes | None, bytes | None, Headers | None]]:
    """Everything of every record."""
    return list(
        zip(
            records.partitions.tolist(),
            records.offsets.tolist(),
            records.timestamps.tolist(),
            records.keys,
            records.values,
            [header or None for header in records.headers],
            strict=True,
        )
    )

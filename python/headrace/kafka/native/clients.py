"""What reads batches from a consumer and sends batches by a producer, by whichever way is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Producer

from headrace.kafka.native import library
from headrace.kafka.records import Headers, Records

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of keys and values after which a read ends."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a consumer answers in place of a record: an error, or the end of a partition.

    Attributes:
        partition: of which partition, -1 of none.
        offset: at which offset, negative at none.
        error: what it is.
    """

    partition: int
    offset: int
    error: KafkaError


class BatchReader(Protocol):
    """Reads one topic by a consumer that somebody else subscribes, seeks and commits."""

    def assigned(self, partitions: Sequence[int]) -> None:
        """Get ready for partitions; to be called before the consumer's ``assign`` or ``incremental_assign``."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """Let partitions go; to be called before or after the consumer's ``incremental_unassign``."""

    def read(
        self,
        most: int,
        seconds: float,
        *,
        gather_seconds: float = 0.0,
        until: float = 0.0,
        most_bytes: int = MOST_BYTES,
    ) -> tuple[Records, list[Problem]]:
        """Return up to ``most`` records, in each partition's order; the client's callbacks run at its beginning.

        By the Python way they may run in the middle: records of partitions that went away are left out then, but a
        partition that came back may bring the records before it once more.

        Args:
            most: how many records at most, at least 1.
            seconds: how long to wait for the first.
            gather_seconds: how long to wait for more after the first.
            until: of the monotonic clock; more is waited for until then, if that is later.
            most_bytes: where to stop, give or take a few records.

        Raises:
            RuntimeError: the consumer is closed.
            MemoryError: there is not enough memory; records are lost to this process.
        """

    def close(self) -> None:
        """Give the partitions back to the consumer; to be called before the consumer is closed."""


class BatchWriter(Protocol):
    """Sends columns by a producer; errors of what it sent reach it alone, not the producer's ``on_delivery``."""

    def send(
        self,
        topic: str,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None] | None,
        timestamps: npt.NDArray[np.int64],
        headers: Sequence[Headers | None] | None = None,
        *,
        partitions: npt.NDArray[np.int32] | None = None,
        first: int = 0,
    ) -> int:
        """Hand n records to the producer, from number ``first`` on, and return how many it took.

        They are fewer when its queue is full: poll, and go on behind them.

        Args:
            topic: where they go.
            values: n values.
            keys: n keys, or ``None`` for no keys.
            timestamps: int64[n], milliseconds since the epoch.
            headers: n header lists, or ``None`` for no headers.
            partitions: int32[n]; by default the producer's partitioner chooses.
            first: which record to begin with.

        Raises:
            KafkaException: the producer refuses the record after those that it took.
        """

    def failure(self) -> tuple[KafkaError, str] | None:
        """Return why the first of the records was not written, with its topic, of those since the last call.

        After a flush or the end of a transaction it knows of all of them.
        """


def batch_reader(consumer: Consumer, topic: str) -> BatchReader:
    """Return a reader of ``topic``; made before the consumer is assigned any partition of it."""
    if library.available() and library.check_client(consumer):
        from headrace.kafka.native.reader import NativeReader  # noqa: PLC0415  its module needs the library

        return NativeReader(consumer, topic)
    from headrace.kafka.native.plain import PlainReader  # noqa: PLC0415

    return PlainReader(consumer, topic)


def producer_settings() -> dict[str, object]:
    """Return the settings with which a producer must be made to be written to by the native way; else none.

    confluent-kafka's delivery reports need an object a record. So the compiled library is a plugin of librdkafka too,
    which is told what becomes of each record.
    """
    return {"plugin.library.paths": str(library.LIBRARY)} if library.available() else {}


def batch_writer(producer: Producer) -> BatchWriter:
    """Return a writer of ``producer``; by the native way if it was made with :func:`producer_settings`."""
    if library.available() and library.check_client(producer):
        from headrace.kafka.native.writer import NativeWriter  # noqa: PLC0415

        if (writer := NativeWriter.watching(producer)) is not None:
            return writer
    from headrace.kafka.native.plain import PlainWriter  # noqa: PLC0415

    return PlainWriter(producer)

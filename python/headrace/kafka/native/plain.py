"""The same as the native ways, by confluent-kafka's own calls: an object a record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Message, Producer

from headrace.kafka.native.clients import MOST_BYTES, Problem
from headrace.kafka.native.gathering import gather
from headrace.kafka.records import Headers, Records


class PlainReader:
    """See :class:`~headrace.kafka.native.clients.BatchReader`."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._changed = False
        self._gone: set[int] = set()

    def assigned(self, partitions: Sequence[int]) -> None:
        """Nothing is to be done."""
        self._gone -= set(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        """Note that records of these partitions, read just before, are not to be returned any more."""
        self._changed = True
        self._gone |= set(partitions)

    def read(
        self,
        most: int,
        seconds: float,
        *,
        gather_seconds: float = 0.0,
        until: float = 0.0,
        most_bytes: int = MOST_BYTES,
    ) -> tuple[Records, list[Problem]]:
        """See :class:`~headrace.kafka.native.clients.BatchReader`."""
        self._changed = False
        messages: list[Message] = []
        size = 0

        def take(most: int, wait: float) -> int:
            nonlocal size
            came = self._consumer.consume(most, wait)
            size += sum(len(message) for message in came)
            messages.extend(came)
            return len(came)

        gather(take, lambda: size, (most, most_bytes), seconds, gather_seconds, until)
        problems = []
        if any(map(Message.error, messages)):
            wrong = [message for message in messages if message.error() is not None]
            problems = [Problem(_partition(m), m.offset() or 0, error) for m in wrong if (error := m.error())]
            messages = [message for message in messages if message.error() is None]
        if self._changed:
            messages = [message for message in messages if message.partition() not in self._gone]
        return Records.from_messages(self._topic, messages), problems

    def close(self) -> None:
        """Nothing is to be done."""


class PlainWriter:
    """See :class:`~headrace.kafka.native.clients.BatchWriter`."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._failure: tuple[KafkaError, str] | None = None

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
        """See :class:`~headrace.kafka.native.clients.BatchWriter`."""
        produce, report = self._producer.produce, self._report
        columns: list[Any] = [
            values,
            repeat(None) if keys is None else keys,
            timestamps.tolist(),
            repeat(None) if headers is None else headers,
            repeat(-1) if partitions is None else partitions.tolist(),
        ]
        taken = 0
        try:
            for value, key, timestamp, own, partition in islice(zip(*columns, strict=False), first, None):
                if own is None:
                    produce(topic, value, key, partition, report, timestamp=timestamp)
                else:
                    produce(topic, value, key, partition, report, timestamp=timestamp, headers=own)
                taken += 1
        except BufferError:
            pass
        return taken

    def failure(self) -> tuple[KafkaError, str] | None:
        """See :class:`~headrace.kafka.native.clients.BatchWriter`."""
        failure, self._failure = self._failure, None
        return failure

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error, str(message.topic())


def _partition(message: Message) -> int:
    partition = message.partition()
    return -1 if partition is None else partition

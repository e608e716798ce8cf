"""Batches from a consumer through a queue of our own.

librdkafka's own queue of a consumer also carries rebalances and errors, and serving it runs confluent-kafka's
callbacks, which must not run inside a foreign call. So each assigned partition's queue is forwarded to another queue,
where nothing but its records, ends and errors arrive; the consumer itself is polled for the rest, as always.
"""

from __future__ import annotations

import ctypes
import struct
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, Message

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.native.clients import MOST_BYTES, Problem
from headrace.kafka.native.gathering import gather
from headrace.kafka.native.growing import Growing
from headrace.kafka.native.library import client_handle, kafka
from headrace.kafka.records import Headers, Records

_SLICE_SECONDS = 0.1
"""A rebalance waits at most so long for its turn."""
_MOST_POLLS = 100
_NO_VALUE, _NO_KEY = 1, 2
_FIXED = ("partitions", "offsets", "timestamps", "value_ends", "key_ends", "nulls")
_KINDS: dict[str, type[np.generic]] = {"partitions": np.int32, "nulls": np.uint8}
_HEADER, _PROBLEM = struct.Struct("@3q"), struct.Struct("@4q")


class _Batch(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _FIXED),
        ("records", ctypes.c_int64),
        *((name, Growing) for name in ("values", "keys", "headers", "problems")),
    )


class NativeReader:
    """See :class:`~headrace.kafka.native.clients.BatchReader`."""

    def __init__(self, consumer: Consumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._kafka = kafka()
        self._client = client_handle(consumer)
        self._queue: int | None = self._kafka.rd_kafka_queue_new(self._client)
        self._forwarded: dict[int, int] = {}
        self._room = 0
        self._fixed: dict[str, npt.NDArray[Any]] = {}

    def assigned(self, partitions: Sequence[int]) -> None:
        """Send the partitions' records to the own queue."""
        for partition in partitions:
            if self._queue is None or partition in self._forwarded:
                continue
            queue = self._kafka.rd_kafka_queue_get_partition(self._handle(), self._topic.encode(), partition)
            self._kafka.rd_kafka_queue_forward(queue, self._queue)
            self._forwarded[partition] = queue

    def revoked(self, partitions: Sequence[int]) -> None:
        """Send the partitions' records back to the consumer's queue, as it was before."""
        if not any(partition in self._forwarded for partition in partitions):
            return
        consumers = self._kafka.rd_kafka_queue_get_consumer(self._handle())
        for partition in partitions:
            queue = self._forwarded.pop(partition, None)
            if queue is not None:
                self._kafka.rd_kafka_queue_forward(queue, consumers)
                self._kafka.rd_kafka_queue_destroy(queue)
        if consumers:
            self._kafka.rd_kafka_queue_destroy(consumers)

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
        deadline = time.monotonic() + seconds
        while True:
            early, problems = self._poll()
            left = deadline - time.monotonic()
            wait = 0.0 if early or problems else max(0.0, min(left, _SLICE_SECONDS))
            records, more = self._read((most, most_bytes), wait, (gather_seconds, until))
            problems += more
            if early:
                records = Records.concat(self._topic, [Records.from_messages(self._topic, early), records])
            if len(records) or problems or left <= _SLICE_SECONDS:
                return records, problems

    def close(self) -> None:
        """See :class:`~headrace.kafka.native.clients.BatchReader`."""
        queue, self._queue = self._queue, None
        if queue is not None:
            self.revoked(list(self._forwarded))
            self._kafka.rd_kafka_queue_destroy(queue)

    def _handle(self) -> int:
        if client_handle(self._consumer) != self._client:
            raise RuntimeError("The consumer is another one now.")
        return self._client

    def _poll(self) -> tuple[list[Message], list[Problem]]:
        """Run the client's callbacks; return records that came before their partition was forwarded, and errors."""
        early: list[Message] = []
        problems: list[Problem] = []
        for _ in range(_MOST_POLLS):
            message = self._consumer.poll(0)
            if message is None:
                break
            error = message.error()
            if error is None:
                early.append(message)
            else:
                problems.append(Problem(message.partition() or 0, message.offset() or 0, error))
        return early, problems

    def _read(
        self, limits: tuple[int, int], seconds: float, more: tuple[float, float]
    ) -> tuple[Records, list[Problem]]:
        if self._queue is None:
            raise RuntimeError("The reader is closed.")
        self._handle()
        self._make_room(limits[0])
        batch = _Batch(**{name: column.ctypes.data for name, column in self._fixed.items()})
        fine = True

        def take(most: int, wait: float) -> int:
            nonlocal fine
            came: int = self._kafka.headrace_read(self._queue, most, round(wait * 1000), ctypes.addressof(batch))
            fine = came >= 0
            return came

        gather(take, lambda: batch.values.size + batch.keys.size, limits, seconds, *more)
        grown = batch.values, batch.keys, batch.headers, batch.problems
        values, keys, headers, problems = (growing.own(self._kafka) for growing in grown)
        if not fine:
            raise MemoryError("There is no memory for the records that were read.")
        count = batch.records
        partitions, offsets, timestamps, value_ends, key_ends, nulls = (
            column[:count].copy() for column in self._fixed.values()
        )
        records = Records(
            topic=self._topic,
            keys=_column(keys, key_ends, (nulls & _NO_KEY) != 0),
            values=_column(values, value_ends, (nulls & _NO_VALUE) != 0),
            partitions=partitions,
            offsets=offsets,
            timestamps=timestamps,
            headers=_headers(headers.tobytes(), count),
        )
        return records, _problems(problems.tobytes())

    def _make_room(self, most: int) -> None:
        if most > self._room:
            self._room = most
            self._fixed = {name: np.empty(most, _KINDS.get(name, np.int64)) for name in _FIXED}


def _column(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_]) -> BytesColumn:
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    return BytesColumn(data, offsets, missing if missing.any() else None)


def _headers(packed: bytes, count: int) -> list[Headers | None]:
    headers: list[Headers | None] = [None] * count
    place = 0
    while place < len(packed):
        row, name_size, size = _HEADER.unpack_from(packed, place)
        value_place = place + _HEADER.size + name_size
        name = packed[place + _HEADER.size : value_place].decode()
        place = value_place + max(size, 0)
        own = headers[row]
        if own is None:
            own = headers[row] = []
        own.append((name, None if size < 0 else packed[value_place:place]))
    return headers


def _problems(packed: bytes) -> list[Problem]:
    problems = []
    place = 0
    while place < len(packed):
        partition, code, offset, size = _PROBLEM.unpack_from(packed, place)
        place += _PROBLEM.size + size
        text = packed[place - size : place].decode(errors="replace")
        problems.append(Problem(partition, offset, KafkaError(code, text)))
    return problems

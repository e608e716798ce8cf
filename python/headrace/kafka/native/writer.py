"""Columns to a producer in one call."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, KafkaException, Producer

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.native.library import client_handle, kafka
from headrace.kafka.records import Headers

_SIZES = struct.Struct("@2q")
_LONGEST_TOPIC = 256
_NO_VALUE, _NO_KEY = 1, 2


class NativeWriter:
    """See :class:`~headrace.kafka.native.clients.BatchWriter`; made by :meth:`watching`."""

    def __init__(self, producer: Producer, outcome: int) -> None:
        self._producer = producer
        self._outcome = outcome
        self._kafka = kafka()

    @classmethod
    def watching(cls, producer: Producer) -> NativeWriter | None:
        """Return the writer of a producer, ``None`` when it was not made with our settings."""
        outcome = kafka().headrace_watched(client_handle(producer))
        return cls(producer, outcome) if outcome else None

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
        own_values = BytesColumn.of(values)
        own_keys = BytesColumn.nulls(len(values)) if keys is None else BytesColumn.of(keys)
        nulls = own_values.mask() * np.uint8(_NO_VALUE) + own_keys.mask() * np.uint8(_NO_KEY)
        set_of, sets, set_bounds = (None, b"", np.empty(0, np.int64)) if headers is None else _sets(headers)
        columns = [
            own_values.data,
            own_values.offsets[first:],
            own_keys.data,
            own_keys.offsets[first:],
            nulls[first:],
            timestamps.astype(np.int64, copy=False)[first:],
            None if partitions is None else partitions.astype(np.int32, copy=False)[first:],
            None if set_of is None else set_of[first:],
        ]
        held = [None if column is None else np.ascontiguousarray(column) for column in columns]
        places = [None if column is None else column.ctypes.data for column in held]
        error = ctypes.c_int()
        client, count = client_handle(self._producer), len(values) - first
        taken: int = self._kafka.headrace_send(
            client, topic.encode(), count, *places, sets, set_bounds.ctypes.data, ctypes.addressof(error)
        )
        if error.value and error.value != KafkaError._QUEUE_FULL:  # noqa: SLF001  confluent-kafka's own name
            raise KafkaException(KafkaError(error.value))
        return taken

    def failure(self) -> tuple[KafkaError, str] | None:
        """See :class:`~headrace.kafka.native.clients.BatchWriter`."""
        topic = ctypes.create_string_buffer(_LONGEST_TOPIC)
        code = self._kafka.headrace_failure(self._outcome, topic)
        return (KafkaError(code), topic.value.decode()) if code else None


def _sets(headers: Sequence[Headers | None]) -> tuple[npt.NDArray[np.int32], bytes, npt.NDArray[np.int64]]:
    """Return for each record the number of its headers, and each distinct list of them once, packed, and its bounds."""
    numbers: dict[int, int] = {}
    distinct: list[Headers] = []
    for given in headers:
        if id(given) not in numbers:
            numbers[id(given)] = len(distinct)
            distinct.append(given or [])
    set_of = np.fromiter((numbers[id(given)] for given in headers), np.int32, len(headers))
    packed = [b"".join(_packed(name, value) for name, value in given) for given in distinct]
    return set_of, b"".join(packed), np.cumsum([0, *map(len, packed)], dtype=np.int64)


def _packed(name: str, value: bytes | None) -> bytes:
    text = name.encode()
    return _SIZES.pack(len(text), -1 if value is None else len(value)) + text + (value or b"")

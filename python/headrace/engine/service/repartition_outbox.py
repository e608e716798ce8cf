"""What leaves stage one of a repartition: records under their new key, and how far their partitions are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from headrace.engine.repartition import WITHOUT_KEY
from headrace.engine.repartition_record import MARKS_HEADER
from headrace.engine.result import BatchResult, Places
from headrace.engine.service.delivery import Outgoing
from headrace.engine.service.outbox import Outbox
from headrace.kafka.records import Headers, Records

if TYPE_CHECKING:
    from headrace.engine.repartition import Repartitioner


_BY_KEY = -1
"""The key decides, as librdkafka has it."""


class RepartitionOutbox:
    """Addresses records to the repartition topic; dead letters go where the stream's go.

    Args:
        topic: the repartition topic.
        partitions: how many it has.
        repartitioner: knows what is to be marked.
        outbox: the stream's own.
        on_error: the stream's ``--on-error``.
    """

    def __init__(
        self, topic: str, partitions: int, repartitioner: Repartitioner, outbox: Outbox, on_error: str
    ) -> None:
        self._topic = topic
        self._partitions = partitions
        self._repartitioner = repartitioner
        self._outbox = outbox
        self._on_error = on_error

    def sorted_out(self, result: BatchResult) -> BatchResult:
        """Return the result as it is: nothing is late yet."""
        return result

    def pack(self, batch: Records, result: BatchResult) -> list[Outgoing]:
        """Return the records of a batch under their new keys, then marks for every partition."""
        outgoing = []
        if result.values:
            places = self._repartitioner.places
            if places is None and not all(result.keys):
                places = [_BY_KEY if key else WITHOUT_KEY for key in result.keys]
            values, keys, stamps = result.values, result.keys, result.timestamps
            origin = Places(result.partitions, result.offsets)
            outgoing.append(Outgoing(self._topic, values, keys, stamps, result.headers, places, origin))
        marks = self._repartitioner.take_marks()
        if marks.newest or marks.floors:
            count = self._partitions
            newest = int(result.timestamps.max()) if len(result.timestamps) else 0
            ends = self._repartitioner.ends
            headers: list[Headers | None] = [
                [(MARKS_HEADER, replace(marks, ends=ends.get(place, {})).to_bytes())] for place in range(count)
            ]
            times = np.full(count, newest, np.int64)
            outgoing.append(Outgoing(self._topic, [None] * count, [None] * count, times, headers, list(range(count))))
        if result.failures and self._on_error == "dlq":
            outgoing.append(self._outbox.letters(batch, result.failures))
        return outgoing

"""How far behind the end of its topic a source is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from confluent_kafka import Consumer, IsolationLevel, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs
    ListOffsetsResultInfo,
    OffsetSpec,
)

from headrace.kafka import clients
from headrace.kafka.clusters import Cluster

_ASK_SECONDS = 2.0
"""How often the ends of partitions that are behind are asked for."""
_ANSWER_SECONDS = 1.0
GRACE_SECONDS = 1.0
"""How long what stands at the end is not counted.

What stands behind the last record (the mark of its transaction) is no lag. A consumer is not given it, and hears only
of the first fetch that brings nothing, after at most half a second, that it has read to the end.
"""

_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its stubs


class Lag:
    """Counts the offsets that are not done; none where all are that were in the log :data:`GRACE_SECONDS` ago.

    Args:
        cluster: where.
        topic: the topic.
        clock: seconds.
    """

    def __init__(self, cluster: Cluster, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._topic = topic
        self._clock = clock
        self._seen: deque[tuple[float, dict[int, int]]] = deque()
        self._told: dict[int, int] = {}
        self._answers: dict[int, Future[ListOffsetsResultInfo]] = {}
        self._asked = 0.0

    def of(self, consumer: Consumer, done: Mapping[int, int]) -> dict[int, int]:
        """Return for each partition how many offsets it is behind.

        Args:
            consumer: reads the topic.
            done: for each of its partitions the offset before which everything is committed or was no record.
        """
        ends = {number: self._end(consumer, number) for number in done}
        behind = [number for number, end in ends.items() if end > done[number]]
        if behind and self._clock() - self._asked > _ASK_SECONDS:
            self._ask(behind)
            ends |= {number: self._end(consumer, number) for number in behind}
        now = self._clock()
        self._seen.append((now, ends))
        while len(self._seen) > 1 and self._seen[1][0] <= now - GRACE_SECONDS:
            self._seen.popleft()
        before = self._seen[0][1]
        late = {number for number, offset in done.items() if before.get(number, ends[number]) > offset}
        return {number: max(0, ends[number] - offset) if number in late else 0 for number, offset in done.items()}

    def _end(self, consumer: Consumer, number: int) -> int:
        _, high = consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)
        return max(high, self._told.get(number, 0))

    def _ask(self, partitions: list[int]) -> None:
        """Take note of where logs were said to end, and ask anew, without waiting for the answer.

        What the consumer knows of it is of its last fetch, and with a full queue it has none; a question of its own
        would wait behind a fetch that waits for records.
        """
        client = clients.admin(self._cluster)
        answered = {number: answer for number, answer in self._answers.items() if answer.done()}
        self._told |= {number: answer.result().offset for number, answer in answered.items() if not answer.exception()}
        if any(clients.knows_no_leaders(answer.exception()) for answer in answered.values()):
            client = clients.renew_admin(self._cluster, client)
        self._asked = self._clock()
        asked = {TopicPartition(self._topic, number): _LATEST for number in partitions}
        answers = client.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_ANSWER_SECONDS
        )
        self._answers = {place.partition: answer for place, answer in answers.items()}

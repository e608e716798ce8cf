"""Read ranges of a topic's partitions, slice by slice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records

_MOST_RECORDS = 20_000
_POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Range:
    """What is left to read of a partition: from ``next`` up to ``end``, past transactions that are open yet."""

    next: int
    end: int


class Restoring:
    """Reads ranges of a topic's partitions, apart from the group's consumer.

    Args:
        cluster: where.
        topic: the topic.
        purpose: for the client's id.
        take: is given what is read, partition by partition.
    """

    def __init__(self, cluster: Cluster, topic: str, purpose: str, take: Callable[[int, Records], None]) -> None:
        self._cluster = cluster
        self._topic = topic
        self._purpose = purpose
        self._take = take
        self._consumer: Consumer | None = None
        self._ranges: dict[int, _Range] = {}

    @property
    def partitions(self) -> set[int]:
        """The partitions that are not restored yet."""
        return set(self._ranges)

    @property
    def left(self) -> int:
        """How many offsets are still to be read."""
        return sum(place.end - place.next for place in self._ranges.values())

    def add(self, partition: int, first: int, end: int) -> None:
        """Have the records of a partition from ``first`` up to ``end`` read."""
        logger.info(
            "reading the past of a partition",
            extra={"topic": self._topic, "partition": partition, "from": first, "to": end},
        )
        self._ranges[partition] = _Range(first, end)
        self._assign()

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        if self._ranges.pop(partition, None) is not None:
            self._assign()

    def step(self) -> set[int]:
        """Read a slice and return the partitions that are restored with it.

        Raises:
            ClusterError: the cluster refuses.
        """
        if self._consumer is None:
            return set()
        by_partition: dict[int, list[Message]] = {}
        done: set[int] = set()
        for message in self._consumer.consume(_MOST_RECORDS, _POLL_SECONDS):
            number, offset = int(message.partition() or 0), int(message.offset() or 0)
            place = self._ranges.get(number)
            if place is None:
                continue
            is_end = self._is_end(message.error()) and offset >= place.end
            if message.error() is None and place.next <= offset < place.end:
                by_partition.setdefault(number, []).append(message)
                place.next = offset + 1
            if is_end or offset + 1 >= place.end:
                done.add(number)
        for number, messages in by_partition.items():
            self._take(number, Records.from_messages(self._topic, messages))
        for number in done:
            self._ranges.pop(number, None)
        if done:
            logger.info(
                "partitions restored", extra={"topic": self._topic, "partitions": sorted(done), "left": self.left}
            )
            self._assign()
        return done

    def _is_end(self, error: KafkaError | None) -> bool:
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  confluent-kafka's own name
            return True
        if error.fatal() or not error.retriable():
            raise clients.cluster_error(self._cluster, error)
        return False

    def close(self) -> None:
        """Stop reading."""
        self._ranges = {}
        self._assign()

    def _assign(self) -> None:
        if not self._ranges:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
            return
        if self._consumer is None:
            self._consumer = clients.consumer(
                self._cluster, purpose=f"{self._purpose}-restore", **{"enable.partition.eof": True}
            )
        self._consumer.assign(
            [TopicPartition(self._topic, number, place.next) for number, place in self._ranges.items()]
        )

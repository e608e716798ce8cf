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
_SETTINGS: dict[str, object] = {
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",  # retention may take from the past what was still there a moment ago
}

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
        most: records in a slice.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        purpose: str,
        take: Callable[[int, Records], None],
        most: int = _MOST_RECORDS,
    ) -> None:
        self._cluster = cluster
        self._topic = topic
        self._purpose = purpose
        self._take = take
        self._most = most
        self._consumer: Consumer | None = None
        self._ranges: dict[int, _Range] = {}
        self._moved = False

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
        self._moved = True

    def drop(self, partition: int) -> None:
        """Forget a partition; nothing is waited for, so that a rebalance can go on."""
        if self._ranges.pop(partition, None) is not None:
            self._moved = True

    def step(self) -> set[int]:
        """Read a slice and return the partitions that are restored with it.

        Raises:
            ClusterError: the cluster refuses.
        """
        if self._moved:
            self._assign()
        if self._consumer is None:
            return set()
        by_partition: dict[int, list[Message]] = {}
        ended: set[int] = set()
        refusal: KafkaError | None = None
        for message in self._consumer.consume(self._most, _POLL_SECONDS):
            place = self._ranges.get(int(message.partition() or 0))
            error = message.error()
            if error is not None and clients.is_final(error):
                refusal = error
            elif place is not None:
                self._note(message, place, by_partition, ended)
        self._hand_over(by_partition)
        if ended:
            for number in ended:
                self._ranges.pop(number, None)
            where = {"topic": self._topic, "partitions": sorted(ended), "left": self.left}
            logger.info("partitions restored", extra=where)
            self._assign()
        if refusal is not None and not ended:
            raise clients.cluster_error(self._cluster, refusal)
        return ended

    @staticmethod
    def _note(message: Message, place: _Range, by_partition: dict[int, list[Message]], ended: set[int]) -> None:
        number, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
        if error is None and place.next <= offset < place.end:
            by_partition.setdefault(number, []).append(message)
            place.next = offset + 1
        at_end = error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001  confluent-kafka's own name
        if offset + (error is None) >= place.end and (error is None or at_end):
            ended.add(number)

    def _hand_over(self, by_partition: dict[int, list[Message]]) -> None:
        """Give away what was read; where that fails, all that was not taken is read again."""
        left = dict(by_partition)
        try:
            for number, messages in by_partition.items():
                self._take(number, Records.from_messages(self._topic, messages))
                del left[number]
        except BaseException:
            for number, messages in left.items():
                self._ranges[number].next = int(messages[0].offset() or 0)
            self._assign()
            raise

    def rest(self) -> None:
        """Let go of the cluster when nothing is left to be read; not inside a rebalance."""
        if self._moved and not self._ranges:
            self._assign()

    def close(self) -> None:
        """Stop reading."""
        self._ranges = {}
        self._assign()

    def _assign(self) -> None:
        self._moved = False
        if not self._ranges:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
            return
        if self._consumer is None:
            self._consumer = clients.consumer(self._cluster, purpose=f"{self._purpose}-restore", **_SETTINGS)
        self._consumer.assign(
            [TopicPartition(self._topic, number, place.next) for number, place in self._ranges.items()]
        )

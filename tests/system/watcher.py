"""Looks at a cluster from outside: what is committed, where logs end."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its stubs

_ANSWER_SECONDS = 10.0
_PATIENCE_SECONDS = 90.0


class Watcher:
    """Asks a broker, with patience while it is away.

    Args:
        address: ``HOST:PORT``.
        group: the consumer group that is watched.
        topic: the topic that it reads.
        partitions: how many it has.
    """

    def __init__(self, address: str, group: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "log_level": 0,  # that the broker is away is what is tested
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
            }
        )
        self._places = [TopicPartition(topic, number) for number in range(partitions)]

    def progress(self) -> int:
        """Return the sum of the group's committed offsets."""
        return sum(self.committed().values())

    def committed(self) -> dict[int, int]:
        """Return what the group has committed, 0 where nothing is."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = self._consumer.committed(self._places, timeout=_ANSWER_SECONDS)
                if not any(place.error for place in answer):
                    return {place.partition: max(place.offset, 0) for place in answer}
            except KafkaException:
                pass
            assert time.monotonic() < deadline, "the cluster does not say what is committed"
            time.sleep(0.2)

    def end(self, topic: str, partition: int) -> int:
        """Return where a partition's log ends."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return int(self._consumer.get_watermark_offsets(TopicPartition(topic, partition), _ANSWER_SECONDS)[1])
            except KafkaException:
                assert time.monotonic() < deadline, "the cluster does not say where a log ends"
                time.sleep(0.2)

    def close(self) -> None:
        """Let the client go."""
        self._consumer.close()


def create_topics(address: str, names: list[str], partitions: int) -> None:
    """Create topics that keep everything."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    topics = [NewTopic(name, num_partitions=partitions, config={"retention.ms": "-1"}) for name in names]
    for made in admin.create_topics(topics, operation_timeout=30).values():
        made.result()

"""The benchmark's topics: made, filled, counted, read, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.workloads import PARTITIONS, Records
from confluent_kafka import Consumer, IsolationLevel, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # its stubs

from headrace.kafka.clients import admin
from headrace.kafka.topics import create_topic

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster

# The records' times are of long ago; nothing of a run may be deleted while it goes on.
KEPT = {"retention.ms": "-1"}
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its stubs


def make_topic(cluster: Cluster, name: str) -> None:
    """Create a topic of `PARTITIONS` partitions."""
    create_topic(cluster, name, PARTITIONS, KEPT)


def fill(cluster: Cluster, topic: str, records: Records) -> None:
    """Produce the records, by murmur2 as Java's producers do.

    Raises:
        RuntimeError: some were not taken within two minutes.
    """
    producer = Producer(
        {
            "bootstrap.servers": cluster.address,
            "linger.ms": 50,
            "queue.buffering.max.messages": 5_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "partitioner": "murmur2_random",
        }
    )
    rows = zip(records.values, records.keys, records.times.tolist(), records.partitions, strict=True)
    for value, key, time, partition in rows:
        # -1 is librdkafka's word for "the partitioner decides".
        producer.produce(topic, value, key, partition=-1 if partition is None else partition, timestamp=time)
    if left := producer.flush(120):
        message = f"{left} records of {topic} could not be produced."
        raise RuntimeError(message)


class EndOffsets:
    """How far a topic has come: the sum of its partitions' last stable offsets.

    Nothing is read, so watching costs the broker next to nothing. Commit markers count as records; there are few.
    """

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._admin = admin(cluster)
        self._asked = {TopicPartition(topic, number): _LATEST for number in range(PARTITIONS)}

    def total(self) -> int:
        """Ask the broker."""
        answers = self._admin.list_offsets(self._asked, isolation_level=IsolationLevel.READ_COMMITTED)
        return sum(answer.result(10).offset for answer in answers.values())


def read_values(cluster: Cluster, topic: str) -> list[bytes]:
    """Return the values of all committed records of a topic."""
    reader = Consumer(
        {
            "bootstrap.servers": cluster.address,
            "group.id": "headrace-bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    waiting, values = set(range(PARTITIONS)), []
    while waiting:
        for message in reader.consume(20_000, 0.2):
            error = message.error()
            if error is None:
                values.append(message.value() or b"null")
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - where confluent-kafka has it
                waiting.discard(message.partition() or 0)
    reader.close()
    return values


def delete(cluster: Cluster, names: list[str]) -> None:
    """Delete all topics whose name has one of ``names`` in it, changelogs too, so that a long run fills no disk."""
    client = admin(cluster)
    topics = [topic for topic in client.list_topics(timeout=15).topics if any(name in topic for name in names)]
    for answer in client.delete_topics(topics).values() if topics else ():
        answer.exception(30)

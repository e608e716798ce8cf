"""Topics, their ends, and what groups have committed. Only `create_topic` changes anything."""

from __future__ import annotations

import difflib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic, OffsetSpec

from headrace.errors import ClusterError, MissingTopicError
from headrace.kafka.clients import admin, answers, cluster_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka.admin import TopicMetadata

    from headrace.kafka.clusters import Cluster

_SECONDS = 15.0
_ABSENT = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}  # noqa: SLF001


@dataclass(frozen=True)
class TopicInfo:
    """A topic.

    Attributes:
        name: its name.
        partitions: how many it has.
        internal: whether it is one of Kafka's own (``__consumer_offsets``).
    """

    name: str
    partitions: int
    internal: bool


@dataclass(frozen=True)
class Committed:
    """What a group has committed for a partition.

    Attributes:
        offset: the next offset to read.
        metadata: the text that was committed with it.
    """

    offset: int
    metadata: str


def list_topics(cluster: Cluster) -> list[TopicInfo]:
    """Return the cluster's topics by name.

    Raises:
        ClusterError: the cluster cannot be reached, or refuses.
    """
    client = admin(cluster)
    with answers(cluster, client):
        found = client.list_topics(timeout=_SECONDS).topics
    return sorted((_info(topic) for topic in found.values()), key=lambda topic: topic.name)


def require_topic(cluster: Cluster, topic: str) -> TopicInfo:
    """Return a topic that must exist; it is not created.

    Raises:
        MissingTopicError: there is none of that name (the message has similar ones), or it may not be seen.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    client = admin(cluster)
    with answers(cluster, client):
        found = client.list_topics(timeout=_SECONDS).topics
    if topic in found and found[topic].error is None:
        return _info(found[topic])
    error = found[topic].error if topic in found else None
    if error is not None and error.code() not in _ABSENT | {KafkaError.TOPIC_AUTHORIZATION_FAILED}:
        raise cluster_error(cluster, error)
    own = [name for name in found if not name.startswith("__") and found[name].error is None]
    similar = difflib.get_close_matches(topic, own, n=3, cutoff=0.5)
    message = f"There is no topic `{topic}` on the cluster `{cluster.name}`, or you may not see it."
    if similar:
        raise MissingTopicError(message, hint=f"Did you mean {' or '.join(f'`{name}`' for name in similar)}?")
    raise MissingTopicError(message, hint="`headrace topics` lists what there is.")


def watermarks(cluster: Cluster, topic: str) -> dict[int, tuple[int, int]]:
    """Return each partition's first offset and the offset after its last readable (committed) record.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    partitions = [TopicPartition(topic, number) for number in range(require_topic(cluster, topic).partitions)]
    lows = _offsets(cluster, dict.fromkeys(partitions, OffsetSpec.earliest()))
    highs = _offsets(cluster, dict.fromkeys(partitions, OffsetSpec.latest()))
    return {number: (lows[number], highs[number]) for number in sorted(lows)}


def offsets_at(cluster: Cluster, topic: str, timestamp: int) -> dict[int, int]:
    """Return each partition's first offset whose record is at least as new as ``timestamp`` (ms since 1970).

    A partition without such a record has the offset after its last record.
    """
    ends = watermarks(cluster, topic)
    wanted = {TopicPartition(topic, number): OffsetSpec.for_timestamp(timestamp) for number in ends}
    found = _offsets(cluster, wanted)
    return {number: found[number] if found[number] >= 0 else high for number, (_, high) in ends.items()}


def create_topic(cluster: Cluster, name: str, partitions: int, config: Mapping[str, str] | None = None) -> bool:
    """Create a topic with the cluster's own replication factor, and wait until it can be used.

    Args:
        cluster: where.
        name: the topic's name.
        partitions: how many partitions.
        config: Kafka's topic settings, for example ``{"cleanup.policy": "compact"}``.

    Returns:
        True when it was created, False when it was there already (it is left as it is).

    Raises:
        ClusterError: the cluster refuses (rights, name), or the topic does not come up.
    """
    client = admin(cluster)
    topic = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(config or {}))
    created = True
    try:
        client.create_topics([topic], operation_timeout=_SECONDS)[name].result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            with answers(cluster, client):
                raise
        created = False
    _wait_until_usable(cluster, name)
    return created


def committed(cluster: Cluster, group: str, topic: str) -> dict[int, Committed]:
    """Return what ``group`` has committed for the partitions of ``topic``; partitions without a commit are left out.

    The group is not joined.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    count = require_topic(cluster, topic).partitions
    client = admin(cluster)
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in range(count)])
    with answers(cluster, client):
        answer = client.list_consumer_group_offsets([request], request_timeout=_SECONDS)[group].result()
    offsets: dict[int, Committed] = {}
    for partition in answer.topic_partitions or []:
        if partition.error is not None:
            raise cluster_error(cluster, partition.error)
        if partition.offset >= 0:
            offsets[partition.partition] = Committed(partition.offset, partition.metadata or "")
    return offsets


def _info(topic: TopicMetadata) -> TopicInfo:
    return TopicInfo(str(topic.topic), len(topic.partitions), str(topic.topic).startswith("__"))


def _offsets(cluster: Cluster, wanted: dict[TopicPartition, OffsetSpec]) -> dict[int, int]:
    client = admin(cluster)
    with answers(cluster, client):
        futures = client.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_SECONDS
        )
        return {partition.partition: future.result().offset for partition, future in futures.items()}


def _wait_until_usable(cluster: Cluster, topic: str) -> None:
    """Wait until each partition has a leader and says its offsets."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            watermarks(cluster, topic)
        except (MissingTopicError, ClusterError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return

"""Topics, their ends, and what groups have committed. Only what is named `create` or `delete` changes anything."""

from __future__ import annotations

import difflib
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs
    AdminClient,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    TopicMetadata,
)

from headrace.errors import ClusterError, MissingTopicError
from headrace.kafka.clients import admin, answers, cluster_error, consumer, knows_no_leaders, renew_admin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from headrace.kafka.clusters import Cluster

_SECONDS = 15.0
_EARLY_SECONDS = 2.0
_EARLIEST: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # its stubs
_LATEST: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its stubs
COORDINATOR_MOVES = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._WAIT_COORD,  # noqa: SLF001
    }
)
"""Answers about a group that only say to ask again."""
_STALE_LEADER = frozenset(
    {
        KafkaError._NOENT,  # noqa: SLF001  no leaders known
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
"""Answers to a client whose partitions have another leader, or one that has started anew, since it last asked."""

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
    found = _metadata(cluster)
    return sorted((_info(topic) for topic in found.values()), key=lambda topic: topic.name)


def require_topic(cluster: Cluster, topic: str) -> TopicInfo:
    """Return a topic that must exist; it is not created.

    Raises:
        MissingTopicError: there is none of that name (the message has similar ones), or it may not be seen.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    found = _metadata(cluster)
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
    return watermarks_of(cluster, [require_topic(cluster, topic)])[topic]


def watermarks_of(cluster: Cluster, topics: Sequence[TopicInfo]) -> dict[str, dict[int, tuple[int, int]]]:
    """Return the `watermarks` of several topics, asked for at once; topics one may not read are left out.

    Raises:
        ClusterError: the cluster cannot be reached; or there is one topic only and it refuses that.
    """
    partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    lows = _offsets(cluster, dict.fromkeys(partitions, _EARLIEST), strict=len(topics) == 1)
    highs = _offsets(cluster, dict.fromkeys(partitions, _LATEST), strict=len(topics) == 1)
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for topic in topics:
        numbers = range(topic.partitions)
        if all((topic.name, number) in lows and (topic.name, number) in highs for number in numbers):
            found[topic.name] = {number: (lows[topic.name, number], highs[topic.name, number]) for number in numbers}
    return found


def ends_of(cluster: Cluster, topic: str, partitions: Sequence[int], *, committed: bool) -> dict[int, int]:
    """Return the offset after the last record of each of a topic's partitions.

    Args:
        cluster: where.
        topic: the topic.
        partitions: of which partitions.
        committed: leave out what lies behind the first record whose transaction is not committed yet.

    Raises:
        ClusterError: the cluster cannot be reached, or refuses.
    """
    wanted = {TopicPartition(topic, number): _LATEST for number in partitions}
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    found = _offsets(cluster, wanted, level=level)
    return {number: found[topic, number] for number in partitions}


def offsets_at(cluster: Cluster, topic: str, timestamp: int) -> dict[int, int]:
    """Return each partition's first offset whose record is at least as new as ``timestamp`` (ms since 1970).

    A partition without such a record has the offset after its last record.
    """
    ends = watermarks(cluster, topic)
    wanted = {TopicPartition(topic, number): OffsetSpec.for_timestamp(timestamp) for number in ends}
    found = _offsets(cluster, wanted)
    return {number: found[topic, number] if found[topic, number] >= 0 else high for number, (_, high) in ends.items()}


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


def retention_of(cluster: Cluster, topic: str) -> timedelta | None:
    """Return how long a topic keeps its records; ``None`` for good, when it is compacted, or where nobody may know."""
    config = _settings(cluster, [topic]).get(topic, {})
    milliseconds = int(config.get("retention.ms", "-1"))
    if milliseconds < 0 or "delete" not in config["cleanup.policy"]:
        return None
    return timedelta(milliseconds=milliseconds)


def may_forget_within(cluster: Cluster, topic: str, length: timedelta) -> bool:
    """Return whether a topic may lose records that are younger than ``length``: by age, by size or by compaction.

    Where nobody may know, it is taken not to.
    """
    config = _settings(cluster, [topic]).get(topic, {})
    policy = config.get("cleanup.policy", "")
    milliseconds, size = int(config.get("retention.ms", "-1")), int(config.get("retention.bytes", "-1"))
    by_age = milliseconds >= 0 and timedelta(milliseconds=milliseconds) < length
    return "compact" in policy or ("delete" in policy and (by_age or size >= 0))


def size_limits_of(cluster: Cluster, topics: Sequence[str]) -> dict[str, int]:
    """Return the ``max.message.bytes`` of topics; those about which nobody may know are left out."""
    found = _settings(cluster, topics)
    return {topic: int(own["max.message.bytes"]) for topic, own in found.items() if "max.message.bytes" in own}


def _settings(cluster: Cluster, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the settings of topics; those that may not be described, or do not answer, are left out."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
    found: dict[str, dict[str, str]] = {}
    if not resources:
        return found
    for resource, future in admin(cluster).describe_configs(resources, request_timeout=_SECONDS).items():
        with suppress(KafkaException):
            found[resource.name] = {name: str(entry.value) for name, entry in future.result(_SECONDS).items()}
    return found


def delete_records(cluster: Cluster, topic: str, before: Mapping[int, int]) -> dict[TopicPartition, Future[object]]:
    """Have the records of partitions deleted that stand before an offset each; the answers come later.

    Raises:
        ClusterError: no client can be made.
    """
    wanted = [TopicPartition(topic, number, offset) for number, offset in before.items()]
    return admin(cluster).delete_records(wanted, request_timeout=_SECONDS)


def delete_topics(cluster: Cluster, names: Sequence[str]) -> list[str]:
    """Delete topics with their records and what groups have committed for them, and wait until they are gone.

    Returns:
        The names that were there.

    Raises:
        ClusterError: the cluster refuses (rights), or a topic does not go.
    """
    present = [topic.name for topic in list_topics(cluster) if topic.name in set(names)]
    if not present:
        return []
    client = admin(cluster)
    with answers(cluster, client):
        for deleted in client.delete_topics(present, operation_timeout=_SECONDS).values():
            deleted.result()
    deadline = time.monotonic() + _SECONDS
    while any(topic.name in present for topic in list_topics(cluster)):
        if time.monotonic() > deadline:
            message = f"The topics {', '.join(present)} are still there {_SECONDS:.0f} s after they were deleted."
            raise ClusterError(message, hint="Look at the cluster's log, then try again.")
        time.sleep(0.02)
    return present


def committed(cluster: Cluster, group: str, topic: str) -> dict[int, Committed]:
    """Return what ``group`` has committed for the partitions of ``topic``; partitions without a commit are left out.

    The group is not joined.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    wanted = [TopicPartition(topic, number) for number in range(require_topic(cluster, topic).partitions)]
    # Not the admin client: librdkafka 2.16 ends the whole process (a null pointer in rd_kafka_cgrp_op) when the
    # group's coordinator is loading or moves. And read_uncommitted, else an open transaction delays the answer.
    settings = {"group.id": group, "isolation.level": "read_uncommitted"}
    client = consumer(cluster, purpose="offsets", **settings)
    try:
        with answers(cluster, client):
            answer = _committed(client, wanted)
    finally:
        client.close()
    offsets: dict[int, Committed] = {}
    for partition in answer:
        if partition.error is not None:
            raise cluster_error(cluster, partition.error)
        if partition.offset >= 0:
            offsets[partition.partition] = Committed(partition.offset, partition.metadata or "")
    return offsets


def _committed(client: Consumer, wanted: list[TopicPartition]) -> list[TopicPartition]:
    """Ask until the group's coordinator is found; on a new broker it is made at the first question."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return client.committed(wanted, timeout=_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in COORDINATOR_MOVES or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _metadata(cluster: Cluster) -> dict[str, TopicMetadata]:
    """Return the topics' metadata; a cluster that refuses or accepts no connection is found out early."""
    client = admin(cluster)
    with suppress(KafkaException), answers(cluster, client):
        client.poll(0)  # what happened since the last call is no answer to this one
    for seconds in (_EARLY_SECONDS, _SECONDS):
        try:
            return dict(client.list_topics(timeout=seconds).topics)
        except KafkaException as error:
            with answers(cluster, client):
                client.poll(0)
            if seconds == _SECONDS or not _listens(cluster):
                raise cluster_error(cluster, error.args[0]) from error
    raise AssertionError


def _listens(cluster: Cluster) -> bool:
    """Whether any of the cluster's addresses accepts a connection."""
    for server in cluster.address.split(","):
        address = urlsplit(server.strip() if "://" in server else f"//{server.strip()}")
        with suppress(OSError), socket.create_connection((address.hostname or "", address.port or 9092), timeout=3):
            return True
    return False


def _info(topic: TopicMetadata) -> TopicInfo:
    return TopicInfo(str(topic.topic), len(topic.partitions), str(topic.topic).startswith("__"))


def _offsets(
    cluster: Cluster,
    wanted: dict[TopicPartition, OffsetSpec],
    *,
    strict: bool = True,
    level: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[tuple[str, int], int]:
    """Return an offset for each topic and partition; without ``strict`` those that are refused are left out."""
    if not wanted:
        return {}
    client = admin(cluster)
    with answers(cluster, client):
        offsets, refused = _asked(client, wanted, level)
        stale = {place: wanted[place] for place, error in refused.items() if error.args[0].code() in _STALE_LEADER}
        if stale:
            if any(map(knows_no_leaders, refused.values())):
                client = renew_admin(cluster, client)
            client.list_topics(timeout=_SECONDS)  # a client asks by what it knows of leaders, and asks for that seldom
            more, still = _asked(client, stale, level)
            offsets |= more
            refused = {place: error for place, error in refused.items() if place not in stale} | still
        for error in refused.values():
            if strict or error.args[0].code() == KafkaError._TIMED_OUT:  # noqa: SLF001
                raise error
    return offsets


def _asked(
    client: AdminClient, wanted: dict[TopicPartition, OffsetSpec], level: IsolationLevel
) -> tuple[dict[tuple[str, int], int], dict[TopicPartition, KafkaException]]:
    """Return the offsets that were answered, and why the others were not."""
    offsets: dict[tuple[str, int], int] = {}
    refused: dict[TopicPartition, KafkaException] = {}
    futures = client.list_offsets(wanted, isolation_level=level, request_timeout=_SECONDS)
    for place, future in futures.items():
        try:
            offsets[place.topic, place.partition] = future.result().offset
        except KafkaException as error:
            refused[place] = error
    return offsets, refused


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

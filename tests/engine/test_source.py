"""The source as a member of its group, on the broker."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from headrace.engine.service import source as source_module
from headrace.engine.service.counts import Counts
from headrace.engine.service.deployment import DeploymentInfo
from headrace.engine.service.source import Partition, Source
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.spec import names
from service_process import fill
from waiting import eventually


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def assigned(self, partitions: dict[int, Partition]) -> None:
        self.told += partitions

    def revoked(self, partitions: list[int]) -> None:
        self.told += partitions


def test_partitions_that_come_while_the_source_closes_hold_nothing_up(
    cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic("in")
    fill(cluster, topic, [b"{}"] * 10)
    source = Source(cluster, topic, topic, 0, DeploymentInfo())
    source.listener = listener = Listener()
    source.open()
    admin = clients.admin(cluster)
    group = names.group_id(topic)

    def assigned() -> bool:
        """Whether the group has given the source its partitions; it has not asked yet."""
        try:
            members = admin.describe_consumer_groups([group])[group].result().members
        except KafkaException:  # the coordinator is still at its start
            return False
        return bool(members and members[0].assignment.topic_partitions)

    eventually(assigned, 30)
    began = time.monotonic()
    source.close()
    assert time.monotonic() - began < 5
    assert source.partitions == {}
    listener.told = []
    source.open()  # the same member again, at once
    eventually(lambda: source.gather(100, 0.1) is not None, 30)
    source.close()
    assert sorted(set(listener.told)) == [0, 1, 2, 3]


def test_a_consumer_that_does_not_say_what_is_committed_is_replaced(
    cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = make_topic("in", 2)
    fill(cluster, topic, [b"{}"] * 20)
    source = Source(cluster, topic, topic, 0, DeploymentInfo())
    source.listener = Listener()
    source.open()
    read = eventually(lambda: source.gather(100, 0.1), 30)
    assert read is not None
    ends = {number: read.ends[number] for number in list(read.ends)[:1]}
    source.commit(source.offsets(ends, dict.fromkeys(ends, Counts()), dict.fromkeys(ends, None)))
    old = source._consumer

    def silent(*_: object) -> dict[int, object]:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with monkeypatch.context() as patch:
        patch.setattr(source_module, "find_places", silent)
        source.rewind()
    assert source._consumer is not old
    again: list[tuple[int, int]] = []

    def all_again() -> bool:
        if (found := source.gather(100, 0.1)) is not None:
            again.extend(zip(found.records.partitions.tolist(), found.records.offsets.tolist(), strict=True))
        return len(again) >= 20 - sum(ends.values())

    eventually(all_again, 60)
    assert len(set(again)) == len(again) == 20 - sum(ends.values())
    assert all(offset >= ends.get(partition, 0) for partition, offset in again)
    source.close()

"""What a rebalance waits for: one budget for all partitions, and nothing at all when they are given up."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from headrace.engine.service.deadline import Deadline
from headrace.engine.service.deployment import DeploymentInfo
from headrace.engine.service.places import find_places
from headrace.engine.service.restoring import Restoring
from headrace.home import HOME_VARIABLE
from headrace.kafka import broker as node
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from service_process import fill

PARTITIONS = 20
BUDGET = 1.0
"""Shorter than a frozen broker counts as one that has left its cluster."""


@contextmanager
def frozen_broker() -> Iterator[None]:
    """The module's broker answers nothing for a while; connections stay."""
    pid = node.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker of this module's own: the run's may not be frozen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(tmp_path_factory.mktemp("frozen")))
        address = node.start(0).address
        assert address is not None
        try:
            yield Cluster.at(address)
        finally:
            node.stop()


@pytest.fixture
def consumer(cluster: Cluster) -> Iterator[Consumer]:
    client = clients.consumer(cluster, purpose="budget")
    yield client
    client.close()


def assigned(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


class FrozenAfterTheFirst:
    """A consumer whose broker freezes once it has said what is committed."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return self._consumer.committed(partitions, timeout=timeout)

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> Any:
        with frozen_broker():
            return self._consumer.get_watermark_offsets(partition, timeout=timeout)


def test_a_deadline_is_shared() -> None:
    deadline = Deadline(0.2)
    assert (deadline.passed, deadline.at_most(0.05)) == (False, 0.05)
    assert 0.1 < deadline.at_most(5) <= 0.2
    while not deadline.passed:
        pass
    assert deadline.at_most(5) == 0.001


@pytest.mark.parametrize("frozen", ["always", "later"])
def test_the_starts_of_all_partitions_have_one_budget(
    cluster: Cluster, make_topic: Callable[..., str], consumer: Consumer, frozen: str
) -> None:
    topic = make_topic(partitions=PARTITIONS)
    assert len(find_places(consumer, cluster, assigned(topic), DeploymentInfo())) == PARTITIONS
    asking: Any = consumer if frozen == "always" else FrozenAfterTheFirst(consumer)
    began = time.monotonic()
    with frozen_broker() if frozen == "always" else nullcontext(), pytest.raises(KafkaException):
        find_places(asking, cluster, assigned(topic), DeploymentInfo(), seconds=BUDGET)
    assert BUDGET * 0.9 < time.monotonic() - began < BUDGET + 1


def test_a_partition_is_given_up_while_it_is_restored_without_waiting(
    cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic(partitions=2)
    fill(cluster, topic, [b"x" * 1_000] * 4_000)
    restoring = Restoring(cluster, topic, "budget", lambda _partition, _records: None)
    restoring.add(0, 0, 1_000_000)
    restoring.add(1, 0, 1_000_000)
    restoring.step()
    with frozen_broker():
        began = time.monotonic()
        restoring.drop(0)
        restoring.drop(1)
        assert time.monotonic() - began < 0.1
    assert restoring.step() == set()
    assert restoring.partitions == set()
    restoring.close()

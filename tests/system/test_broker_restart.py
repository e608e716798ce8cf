"""Clients that outlive their broker."""

from __future__ import annotations

import pytest

from headrace.errors import ClusterError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic, ends_of
from system.playground import playground
from waiting import eventually


def answered(cluster: Cluster, numbers: list[int]) -> dict[int, int] | None:
    try:
        return ends_of(cluster, "numbers", numbers, committed=False)
    except ClusterError:  # until a leader is elected
        return None


@pytest.mark.timeout(120)
def test_a_client_that_knew_the_broker_before_still_learns_the_offsets() -> None:
    with playground() as (broker, _):
        cluster = Cluster.at(broker.address)
        create_topic(cluster, "numbers", 3)
        numbers = [0, 1, 2]
        before = ends_of(cluster, "numbers", numbers, committed=False)
        broker.kill()
        broker.restart()  # with another epoch of each partition's leader
        assert eventually(lambda: answered(cluster, numbers), 30) == before == dict.fromkeys(numbers, 0)

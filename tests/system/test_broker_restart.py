"""Clients that outlive their broker."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from headrace.errors import ClusterError
from headrace.kafka.clients import admin, renew_admin
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


@pytest.mark.timeout(120)
def test_a_client_whose_first_question_was_not_answered_learns_the_offsets_when_the_broker_is_back() -> None:
    with playground() as (broker, _):
        cluster = Cluster.at(broker.address)
        create_topic(cluster, "numbers", 3)
        numbers = [0, 1, 2]
        pid = broker.pid
        renew_admin(cluster, admin(cluster))  # one that knows no topic yet
        os.kill(pid, signal.SIGSTOP)
        back = threading.Timer(9, os.kill, (pid, signal.SIGCONT))
        back.start()
        try:
            answered(cluster, numbers)
        finally:
            back.join()
        assert answered(cluster, numbers) == dict.fromkeys(numbers, 0)

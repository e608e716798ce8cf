"""A function slower than its input: what is too much stays in Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import psutil
import pytest
from confluent_kafka import Producer

from headrace.kafka.clusters import Cluster
from headrace.spec import ColumnType
from service_process import ServiceProcess
from waiting import eventually

TYPES: dict[str, ColumnType] = {"n": "int64", "text": "str"}
SLOW = """
import time
time.sleep(len(df) / 500)
return df[["n"]]
"""
PIECE, PIECES, BYTES = 30_000, 4, 4_000
MOST_MB = 260
"""More than a process at rest: what librdkafka fetches ahead (64 MB), a batch of it, and what malloc keeps."""


def produce(cluster: Cluster, topic: str, numbers: range) -> None:
    """Send records of `BYTES` each, compressed on the way."""
    producer = Producer({"bootstrap.servers": cluster.address, "compression.type": "lz4", "linger.ms": 50})
    for number in numbers:
        producer.produce(topic, json.dumps({"n": number, "text": "x" * BYTES}).encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def lag_above(service: ServiceProcess, least: int) -> int:
    """Return the lag, or nothing before it is above ``least``."""
    lag = int(service.status()["lag"])
    return lag if lag > least else 0


@pytest.mark.timeout(180)
def test_the_lag_grows_and_the_memory_does_not(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service(SLOW, types=TYPES)
    produce(cluster, service.source, range(-100, 0))
    service.start().caught_up()
    process = psutil.Process(service.running.pid)
    at_rest = process.memory_info().rss
    lags: list[int] = []
    sizes: list[float] = []
    for piece in range(PIECES):
        produce(cluster, service.source, range(piece * PIECE, (piece + 1) * PIECE))
        least = (lags[-1] if lags else 0) + PIECE // 2
        lags.append(eventually(partial(lag_above, service, least), 60))
        sizes.append((process.memory_info().rss - at_rest) / 1e6)
    assert lags == sorted(lags)
    assert lags[-1] * BYTES / 1e6 > MOST_MB  # were it all in the process, it would be seen
    assert max(sizes) < MOST_MB
    place = service.progress()
    eventually(service.progressed_past(place + 500), 60)  # and it goes on
    status = service.status()
    assert status["state"] == "running"
    assert status["batch_records"] < 1_000  # about a second of the function
    assert status["p50_ms"] > 1_000

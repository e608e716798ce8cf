"""Measure one run of a contestant: how long a record takes at a steady rate."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
from bench.measure import ContestantError
from bench.process_tree import ProcessTree
from bench.workloads import LATENCY_PER_S, PARTITIONS, Records
from confluent_kafka import Consumer, Producer, TopicPartition

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster

WARM_UP_SECONDS = 4.0
REST_SECONDS = 6.0


@dataclass(frozen=True)
class Latency:
    """What a run gave.

    Attributes:
        p50_ms: median milliseconds from before the record was produced until a read_committed consumer has its output.
        p99_ms: the 99th percentile.
        core: processor time a second, of one core.
        rss_mb: peak resident memory of the process tree, megabytes.
        records: how many were measured.
    """

    p50_ms: float
    p99_ms: float
    core: float
    rss_mb: float
    records: int


class Feed:
    """Produces records one by one at `LATENCY_PER_S`, and notes when."""

    def __init__(self, cluster: Cluster, topic: str, records: Records) -> None:
        self._producer = Producer(
            {"bootstrap.servers": cluster.address, "linger.ms": 0, "partitioner": "murmur2_random"}
        )
        self._topic = topic
        self._records = records
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: dict[int, float] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Produce no more."""
        self._ended.set()
        self._thread.join()
        self._producer.flush(10)

    def _run(self) -> None:
        began = time.perf_counter()
        for place, (value, key) in enumerate(zip(self._records.values, self._records.keys, strict=True)):
            if self._ended.wait(max(0.0, began + place / LATENCY_PER_S - time.perf_counter())):
                return
            self.sent[orjson.loads(value)["number"]] = time.perf_counter()
            self._producer.produce(self._topic, value, key)
            self._producer.poll(0)


class Receiver:
    """Reads the outputs as they are committed, and notes when each came first."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": cluster.address,
                "group.id": "headrace-bench-receiver",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
        self.received: dict[int, float] = {}

    def read(self, until: float, *, first: bool = False) -> None:
        """Read until a time of the clock ``perf_counter``, or until the first output with ``first``."""
        while time.perf_counter() < until and not (first and self.received):
            message = self._consumer.poll(0.02)
            if message is not None and message.error() is None:
                self.received.setdefault(orjson.loads(message.value() or b"{}")["number"], time.perf_counter())

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()


def measure_latency(
    cluster: Cluster, tree: ProcessTree, source: str, sink: str, records: Records, seconds: float
) -> Latency:
    """Feed a contestant, let it warm up, and measure until ``REST_SECONDS`` before its time is up, at least 5 seconds.

    Raises:
        ContestantError: it ended, gave nothing, or outputs of the measured records are missing.
    """
    feed, receiver = Feed(cluster, source, records), Receiver(cluster, sink)
    began = time.perf_counter()
    feed.start()
    try:
        receiver.read(began + seconds / 2, first=True)
        if not receiver.received:
            message = f"no output in {seconds / 2:.0f} s: {tree.last_words()}"
            raise ContestantError(message)
        receiver.read(time.perf_counter() + WARM_UP_SECONDS)
        opened, cpu = time.perf_counter(), tree.look()
        length = min(10.0, max(5.0, began + seconds - REST_SECONDS - opened))
        receiver.read(opened + length)
        closed, spent = time.perf_counter(), tree.look() - cpu
        measured = [number for number, at in feed.sent.copy().items() if opened <= at < closed]
        feed.stop()
        receiver.read(time.perf_counter() + REST_SECONDS / 2)
    finally:
        feed.stop()
        receiver.close()
    missing = sum(number not in receiver.received for number in measured)
    if missing or tree.status is not None:
        message = f"{missing} of {len(measured)} outputs did not come; {tree.last_words()}"
        raise ContestantError(message)
    waits = np.array([receiver.received[number] - feed.sent[number] for number in measured]) * 1000
    p50, p99 = (float(value) for value in np.percentile(waits, [50, 99]))
    return Latency(p50, p99, spent / (closed - opened), tree.peak_rss / 2**20, len(measured))

"""Flights that keep coming in while the demo's service runs, and how long their outputs take."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, KafkaError, TopicPartition

from headrace.cli.demo_project import KEY, TIME, TOPIC
from headrace.kafka.clients import answers, cluster_error, consumer
from headrace.kafka.clusters import Cluster
from headrace.kafka.replay import replay
from headrace.kafka.topics import watermarks

_AT_ONCE = 10_000
_TURN = 0.2
_QUIET = 1.0
"""Seconds without an output after which, once all flights are through, no more is waited for."""


class LiveFlights:
    """Sends flights at a rate from a thread, and reads their outputs in another, as any consumer would.

    Leaving the context ends both.

    Args:
        cluster: where.
        sink: the topic with the outputs.
        skip: how many of the flights are in the topic already.
        count: how many to send.
        rate: flights a second.
    """

    def __init__(self, cluster: Cluster, sink: str, *, skip: int, count: int, rate: float) -> None:
        self._cluster, self._sink = cluster, sink
        self._skip, self._count, self._rate = skip, count, rate
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="demo")
        self._all_through = threading.Event()
        self._given_up = threading.Event()
        self._sending: Future[None] | None = None
        self._reading: Future[npt.NDArray[np.float64]] | None = None

    def __enter__(self) -> Self:
        """Begin to read, then to send."""
        reader = consumer(self._cluster, purpose="demo")
        ends = watermarks(self._cluster, self._sink)
        reader.assign([TopicPartition(self._sink, number, high) for number, (_, high) in ends.items()])
        self._reading = self._pool.submit(self._read, reader, time.time() * 1000)
        self._sending = self._pool.submit(self._send)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending and reading."""
        del kind, error, trace
        self._given_up.set()
        self._pool.shutdown()

    def check(self) -> None:
        """Raise what ended one of the threads before its time.

        Raises:
            ClusterError: the cluster cannot be reached, or refuses.
        """
        for running in (self._sending, self._reading):
            if running is not None and running.done():
                running.result()

    def p99_ms(self) -> float | None:
        """Return how long the outputs of these flights took, the 99th percentile in milliseconds.

        It is the time from the flight's timestamp until a consumer that reads committed records had its output. Call
        it when all flights are through.

        Raises:
            ClusterError: the cluster did not answer the consumer.
        """
        self._all_through.set()
        latencies = self._reading.result() if self._reading is not None else np.empty(0)
        return round(float(np.percentile(latencies, 99)), 1) if len(latencies) else None

    def _send(self) -> None:
        try:
            replay(
                self._cluster,
                "flights",
                TOPIC,
                key=KEY,
                time=TIME,
                rate=self._rate,
                skip=self._skip,
                limit=self._count,
                progress=self._go_on,
            )
        except _GivenUpError:
            return

    def _go_on(self, _sent: int, _total: int) -> None:
        if self._given_up.is_set():
            raise _GivenUpError

    def _read(self, reader: Consumer, since: float) -> npt.NDArray[np.float64]:
        """Return how long each output of a record newer than ``since`` took, in milliseconds."""
        found: list[npt.NDArray[np.float64]] = []
        try:
            with answers(self._cluster, reader):
                while not self._given_up.is_set():
                    last = self._all_through.is_set()
                    first = reader.poll(_QUIET if last else _TURN)
                    if first is None:
                        if last:
                            break
                        continue
                    messages = [first, *reader.consume(_AT_ONCE, 0)]
                    now = time.time() * 1000
                    for message in messages:
                        error = message.error()
                        if error is not None and error.code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                            raise cluster_error(self._cluster, error)
                    sent = np.array([message.timestamp()[1] for message in messages if message.error() is None])
                    found.append(now - sent[sent >= since])
        finally:
            reader.close()
        return np.concatenate(found) if found else np.empty(0)


class _GivenUpError(Exception):
    """The demo has ended before all flights were sent."""

"""Stream a file into a topic, at full speed, at a rate, or as fast as it was recorded."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, Message, Producer

from headrace.errors import ClusterError, UsageError
from headrace.kafka.clients import answers, cluster_error, producer
from headrace.kafka.replay_source import ReplaySource, open_source
from headrace.kafka.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from headrace.kafka.clusters import Cluster

_CHUNK = 10_000
_TICK_SECONDS = 0.01
_FLUSH_SECONDS = 60.0


@dataclass(frozen=True)
class ReplayResult:
    """What was sent.

    Attributes:
        topic: where to.
        created: whether the topic was created for it.
        records: how many records the cluster confirmed.
        seconds: from the first record to the last confirmation.
    """

    topic: str
    created: bool
    records: int
    seconds: float


def replay(  # noqa: PLR0913  each is an option of the command
    cluster: Cluster,
    file: str | Path,
    topic: str,
    *,
    key: str | None = None,
    time: str | None = None,
    speed: float | None = None,
    rate: float | None = None,
    limit: int | None = None,
    skip: int = 0,
    partitions: int = 4,
    progress: Callable[[int, int], None] | None = None,
) -> ReplayResult:
    """Send the rows of a file as JSON records whose timestamps are now.

    A topic that is not there is created. Records of one key keep their order and go to the partition where a Java
    client would put them.

    Args:
        cluster: where.
        file: see :func:`headrace.kafka.replay_source.open_source`.
        topic: the topic.
        key: column whose value, as text, is the record's key.
        time: column to sort by first.
        speed: send as fast as recorded times this; needs ``time``.
        rate: send so many records per second; with neither, as fast as possible.
        limit: at most so many rows.
        skip: leave out so many rows at the start.
        partitions: of a topic that is created.
        progress: called with the number of records sent and their total.

    Raises:
        MissingError: there is no such file.
        UsageError: the options exclude each other, or a column is missing or not a time.
        ClusterError: the cluster cannot be reached, or did not take a record.
    """
    _check_pace(time, speed, rate)
    source = open_source(file, key=key, time=time, limit=limit, skip=skip)
    due = _due(source, speed, rate)
    created = create_topic(cluster, topic, partitions)
    failures = _Failures()
    sender = producer(
        cluster,
        purpose="replay",
        **{
            "delivery.report.only.error": True,
            "on_delivery": failures,
            "queue.buffering.max.messages": 500_000,
            "batch.num.messages": 10_000,
            "batch.size": 1_000_000,
        },
    )
    started = clock.monotonic()
    with answers(cluster):
        sent = _send(sender, topic, source, due, failures, cluster, progress)
        left = sender.flush(_FLUSH_SECONDS)
    failures.raise_any(cluster)
    if left:
        message = f"{left} of {sent} records were not confirmed within {_FLUSH_SECONDS:.0f} s."
        raise ClusterError(message, hint="Is the cluster overloaded or gone?")
    return ReplayResult(topic, created, sent, clock.monotonic() - started)


class _Failures:
    """Remembers the first record that was not delivered."""

    def __init__(self) -> None:
        self.first: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self.first is None:
            self.first = error

    def raise_any(self, cluster: Cluster) -> None:
        if self.first is not None:
            raise cluster_error(cluster, self.first)


def _check_pace(time: str | None, speed: float | None, rate: float | None) -> None:
    if speed is not None and rate is not None:
        raise UsageError("--speed and --rate exclude each other.", hint="Give one of them.")
    if speed is not None and time is None:
        raise UsageError("--speed needs the column that says when.", hint="Add --time COLUMN.")
    for name, value in (("--speed", speed), ("--rate", rate)):
        if value is not None and not value > 0:
            raise UsageError(f"{name} {value:g} is not more than 0.", hint="Leave it away for full speed.")


def _due(source: ReplaySource, speed: float | None, rate: float | None) -> npt.NDArray[np.float64] | None:
    """Return when each row is due, in seconds after the start, or None for at once."""
    if rate is not None:
        return np.arange(source.count) / rate
    if speed is not None and source.times is not None and source.count:
        elapsed: npt.NDArray[np.float64] = (source.times - source.times[0]) / 1000 / speed
        return elapsed
    return None


def _send(
    sender: Producer,
    topic: str,
    source: ReplaySource,
    due: npt.NDArray[np.float64] | None,
    failures: _Failures,
    cluster: Cluster,
    progress: Callable[[int, int], None] | None,
) -> int:
    started = clock.monotonic()
    for start in range(0, source.count, _CHUNK):
        values, keys = source.rows(start, min(source.count, start + _CHUNK))
        rows = list(zip(values, keys, strict=True))
        sent = 0
        while sent < len(rows):
            end = len(rows)
            if due is not None:
                now = clock.monotonic() - started
                end = min(end, int(np.searchsorted(due, now, side="right")) - start)
                if end <= sent:
                    sender.poll(min(max(due[start + sent] - now, _TICK_SECONDS), 0.5))
                    failures.raise_any(cluster)
                    continue
            for value, key in rows[sent:end]:
                _produce(sender, topic, value, key)
            sent = end
            sender.poll(0)
            failures.raise_any(cluster)
            if progress:
                progress(start + sent, source.count)
    return source.count


def _produce(sender: Producer, topic: str, value: bytes, key: bytes | None) -> None:
    while True:
        try:
            sender.produce(topic, value, key)
        except BufferError:
            sender.poll(0.1)  # the queue is full: wait until the cluster took some
        else:
            return

"""The source topic's records, in batches, with the place of each partition."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from headrace.engine.memo import Memo
from headrace.engine.service.counts import Counts
from headrace.engine.service.deployment import DeploymentInfo
from headrace.engine.service.lag import Lag
from headrace.engine.service.places import find_places
from headrace.engine.service.timed_calls import TimedCalls
from headrace.errors import ClusterError, ExpiredOffsetError, RefusedError
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import BatchReader, Problem, batch_reader
from headrace.kafka.records import Records
from headrace.spec import names

GATHER_SECONDS = 0.002
"""How long a batch waits for more after its first record."""
BETWEEN_SECONDS = 0.018
"""A batch is complete at the earliest so long after the one before, so that many small ones do not take a core."""
IDLE_SECONDS = 0.25
_CLOSE_SECONDS = 15.0
"""How long a consumer may take to leave; then nobody waits for it any more, and its successor takes its place."""

_SETTINGS: dict[str, object] = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 3_000,
    "max.poll.interval.ms": 300_000,
    "queued.max.messages.kbytes": 16 * 1024,  # two batches; more only takes memory
    "max.partition.fetch.bytes": 256 * 1024,  # as compressed: what it becomes is only counted when it is there
    "enable.partition.eof": True,
}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Partition:
    """Where a partition stands.

    Attributes:
        next: the offset after the last committed record, or where to start.
        counts: what became of its records, as committed.
        end: the offset at which the log's end was last seen, or -1.
        memo: what is committed beside ``next``.
        heard: when its last record came, or when it was assigned; seconds of the monotonic clock.
    """

    next: int
    counts: Counts = field(default_factory=Counts)
    end: int = -1
    memo: Memo | None = None
    heard: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch and, for each partition in it, the offset after its last record."""

    records: Records
    ends: dict[int, int]


class Listener(Protocol):
    """Is told, inside a poll, which partitions come and go."""

    def assigned(self, partitions: dict[int, Partition]) -> None:
        """These partitions are ours now; they can be held from here."""

    def revoked(self, partitions: list[int]) -> None:
        """These are about to be somebody else's."""


class Source:
    """Reads a topic as one member of the service's consumer group.

    Rebalances happen only inside :meth:`gather`, never while a batch is processed or committed; records of
    partitions that go away in the middle of gathering are dropped unprocessed.

    ``listener`` is told of partitions that come and go.

    Args:
        cluster: where.
        topic: the source topic.
        service: the service's name; it names the group and its static member.
        replica: the replica's number, from 0.
        deployment: where to start, and the id that the counts belong to.
        group: the consumer group; the service's own by default.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        service: str,
        replica: int,
        deployment: DeploymentInfo,
        group: str | None = None,
    ) -> None:
        self.listener: Listener | None = None
        self.topic = topic
        self._group = group or names.group_id(service)
        self._cluster = cluster
        self._topic = topic
        self._service = service
        self._replica = replica
        self._deployment = deployment
        self._changed = False
        self._lows: dict[int, int] = {}
        self._gathered_at = 0.0
        self._consumer: Consumer | None = None
        self._reader: BatchReader | None = None
        self._lag = Lag(cluster, topic)
        self.partitions: dict[int, Partition] = {}
        self.assigned = False

    def open(self) -> None:
        """Join the group. The producer must be initialised before, so that pending transactions are settled."""
        self._consumer = clients.consumer(
            self._cluster,
            purpose=f"{self._service}-{self._replica}",
            **{
                **_SETTINGS,
                "group.id": self._group,
                "group.instance.id": names.instance_id(self._service, self._replica),
            },
        )
        self._reader = batch_reader(self._consumer, self._topic)
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def gather(self, limit: int, seconds: float | None = None) -> Gathered | None:
        """Return up to ``limit`` records: those at hand, or what a few milliseconds after the first bring.

        Args:
            limit: records at most.
            seconds: how long to wait for the first; :data:`IDLE_SECONDS` by default.

        Returns:
            ``None`` when nothing arrived.

        Raises:
            ExpiredOffsetError: the next record is no longer in the log.
            RefusedError: another process took this replica's place in the group.
            ClusterError: the cluster refuses.
        """
        self._changed = False
        self._opened()
        records, problems = self._read(limit, IDLE_SECONDS if seconds is None else seconds)
        for problem in problems:
            self._take_note(problem)
        if self._changed:
            records = self._still_ours(records)
        if not len(records):
            return None
        return Gathered(records, self._ends(records))

    def offsets(
        self, ends: dict[int, int], counts: dict[int, Counts], memos: dict[int, Memo | None]
    ) -> list[TopicPartition]:
        """Return what to commit for a batch: next offsets, with counts and memos as metadata."""
        return [
            TopicPartition(
                self._topic, number, end, counts[number].to_metadata(self._deployment.deploy, memos.get(number))
            )
            for number, end in ends.items()
        ]

    def done(self, ends: dict[int, int], counts: dict[int, Counts], memos: dict[int, Memo | None]) -> None:
        """Note that a batch is committed."""
        for number, end in ends.items():
            place = self.partitions[number]
            place.next, place.counts, place.memo = end, counts[number], memos.get(number)

    def quiet(self, seconds: float) -> list[int]:
        """Return the partitions that have nothing to read and have brought nothing for ``seconds``."""
        before = time.monotonic() - seconds
        return [number for number, place in self.partitions.items() if place.end >= place.next and place.heard < before]

    def hold(self, partitions: Iterable[int]) -> None:
        """Read nothing more of ``partitions`` for now."""
        self._opened().pause([TopicPartition(self._topic, number) for number in partitions])

    def let_go(self, partitions: Iterable[int]) -> None:
        """Read ``partitions`` again."""
        self._opened().resume(
            [TopicPartition(self._topic, number) for number in partitions if number in self.partitions]
        )

    def group(self) -> object:
        """Return the group's state as :meth:`confluent_kafka.Producer.send_offsets_to_transaction` wants it."""
        return self._opened().consumer_group_metadata()

    def commit(self, offsets: list[TopicPartition]) -> None:
        """Commit outside a transaction and wait for the answer.

        Raises:
            KafkaException: the group does not accept it.
        """
        for partition in self._opened().commit(offsets=offsets, asynchronous=False) or []:
            if partition.error is not None:
                raise KafkaException(partition.error)

    def rewind(self) -> None:
        """Go back to what is committed, in every partition that is assigned.

        Where that cannot be, the source joins the group anew: a partition that is just being assigned cannot seek, and
        a consumer whose coordinator was away can go on for ever without an answer to what is committed.

        Raises:
            ExpiredOffsetError: it is no longer in the log.
            RefusedError: another process took this replica's place in the group.
            ClusterError: the cluster refuses.
        """
        consumer = self._opened()
        assigned = [partition for partition in consumer.assignment() if partition.topic == self._topic]
        try:
            self.partitions = self._find(consumer, assigned)
            for number, place in self.partitions.items():
                consumer.seek(TopicPartition(self._topic, number, place.next))
        except KafkaException as error:
            handler = _ERRORS.get(error.args[0].code())
            if handler is not None:  # to join anew would take the place of the process that has it now
                raise handler(self._cluster, error.args[0], self._topic) from error
            logger.warning("rejoining the group to go back", extra={"reason": str(error)})
            calls = TimedCalls()
            with contextlib.suppress(TimeoutError):
                calls.call(self.close, _CLOSE_SECONDS)
            calls.close()
            self.open()

    def lags(self) -> dict[int, int]:
        """Return for each partition how many offsets it is behind its end; call between batches, now and then.

        Where the end was reached, what is behind the last record (marks of transactions) is no lag.
        """
        done = {number: max(place.next, place.end) for number, place in self.partitions.items()}
        return self._lag.of(self._opened(), done)

    def close(self) -> None:
        """Leave the topic; as a static member the replica keeps its partitions until the session times out."""
        consumer, self._consumer = self._consumer, None
        reader, self._reader = self._reader, None
        self.partitions = {}
        self.assigned = False
        if reader is not None:
            reader.close()
        if consumer is not None:
            with contextlib.suppress(KafkaException):
                consumer.poll(0)  # takes on what was assigned just now: librdkafka's close would wait for it for ever
            consumer.close()

    def _opened(self) -> Consumer:
        if self._consumer is None:
            message = "The source is closed."
            raise RuntimeError(message)
        return self._consumer

    def _find(self, consumer: Consumer, assigned: list[TopicPartition]) -> dict[int, Partition]:
        places = find_places(consumer, self._cluster, assigned, self._deployment)
        self._lows = {number: place.low for number, place in places.items()}
        return {number: Partition(place.offset, place.counts, memo=place.memo) for number, place in places.items()}

    def low(self, partition: int) -> int:
        """Return where a partition's log began when it was assigned."""
        return self._lows.get(partition, 0)

    def _on_assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        if consumer is not self._consumer:  # it closes: nothing of them is wanted
            consumer.incremental_assign(assigned)
            return
        found = self._find(consumer, assigned)
        self._changed = True
        self.assigned = True
        self.partitions |= found
        if self._reader is not None:
            self._reader.assigned(list(found))
        consumer.incremental_assign(
            [TopicPartition(self._topic, number, place.next) for number, place in found.items()]
        )
        logger.info("partitions assigned", extra={"partitions": {number: p.next for number, p in found.items()}})
        if self.listener is not None:
            self.listener.assigned(found)

    def _on_revoke(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        if self._consumer is not None and consumer is not self._consumer:  # one whose end took too long
            consumer.incremental_unassign(revoked)
            return
        self._changed = True
        if self.listener is not None:
            self.listener.revoked([partition.partition for partition in revoked])
        for partition in revoked:
            self.partitions.pop(partition.partition, None)
        if self._reader is not None:
            self._reader.revoked([partition.partition for partition in revoked])
        consumer.incremental_unassign(revoked)
        logger.info("partitions revoked", extra={"partitions": [partition.partition for partition in revoked]})

    def _read(self, limit: int, seconds: float) -> tuple[Records, list[Problem]]:
        if self._reader is None:
            message = "The source is closed."
            raise RuntimeError(message)
        if limit == 1:
            return self._reader.read(limit, seconds)
        until = self._gathered_at + BETWEEN_SECONDS
        read = self._reader.read(limit, seconds, gather_seconds=GATHER_SECONDS, until=until)
        self._gathered_at = time.monotonic()
        return read

    def _still_ours(self, records: Records) -> Records:
        """Keep, after a rebalance, each record of the assigned partitions once, from its partition's place on."""
        expected = {number: place.next for number, place in self.partitions.items()}
        kept = []
        places = zip(records.partitions.tolist(), records.offsets.tolist(), strict=True)
        for position, (number, offset) in enumerate(places):
            if number in expected and offset >= expected[number]:
                expected[number] = offset + 1
                kept.append(position)
        return records.take(np.array(kept, np.int64))

    def _ends(self, records: Records) -> dict[int, int]:
        ends = {}
        for number in np.unique(records.partitions).tolist():
            last = int(records.offsets[records.partitions == number][-1])
            place = self.partitions[number]
            place.heard = time.monotonic()
            ends[number] = max(last + 1, place.end)
        return ends

    def _take_note(self, problem: Problem) -> None:
        error, number = problem.error, problem.partition
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  confluent-kafka's own name
            if number in self.partitions:
                self.partitions[number].end = problem.offset
            return
        handler = _ERRORS.get(error.code())
        if handler is not None:
            raise handler(self._cluster, error, f"{self._topic}[{number}]")
        if error.fatal():
            raise clients.cluster_error(self._cluster, error)
        logger.warning("the source answers with an error", extra={"error": error.name(), "reason": error.str()})


def _expired(_cluster: Cluster, error: KafkaError, place: str) -> ExpiredOffsetError:
    return ExpiredOffsetError(
        f"The next record of {place} is no longer in the log ({error.str()}).",
        hint="Retention was faster than the service. Deploy it again with --from earliest to go on with what is left.",
    )


def _fenced(_cluster: Cluster, error: KafkaError, _place: str) -> RefusedError:
    return RefusedError(
        f"Another process runs as this replica: it took its place in the consumer group ({error.str()}).",
        hint="Run each replica once; `headrace services` shows those of this machine.",
    )


def _refused(cluster: Cluster, error: KafkaError, _place: str) -> ClusterError:
    return clients.cluster_error(cluster, error)


_ERRORS: dict[int, Callable[[Cluster, KafkaError, str], ClusterError | RefusedError]] = {
    KafkaError._AUTO_OFFSET_RESET: _expired,  # noqa: SLF001  confluent-kafka's own name
    KafkaError.OFFSET_OUT_OF_RANGE: _expired,
    KafkaError._FATAL: _fenced,  # noqa: SLF001  confluent-kafka's own name
    KafkaError.FENCED_INSTANCE_ID: _fenced,
    KafkaError.GROUP_AUTHORIZATION_FAILED: _refused,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _refused,
}

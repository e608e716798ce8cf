"""Exactly-once: outputs, dead letters and offsets of a batch in one Kafka transaction."""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from headrace.engine.service.delivery import (
    DELIVERY_SECONDS,
    REFUSALS,
    SETTINGS,
    TOO_LARGE,
    Outgoing,
    UndeliveredError,
    send,
)
from headrace.engine.service.source import Source
from headrace.engine.service.timed_calls import Answer, TimedCalls
from headrace.engine.service.topic_sizes import ALONE, TopicSizes, Trial
from headrace.errors import RefusedError
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import BatchWriter, batch_writer, producer_settings
from headrace.spec import names

TRANSACTION_SECONDS = 20.0
"""After this the broker aborts a transaction that a killed or frozen replica left open."""

_INIT_SECONDS = 15.0
_OFFSETS_SECONDS = 10.0
_FLUSH_SECONDS = 0.1
_OVERTIME_SECONDS = 2.0
"""How long a call may take beyond its time-out before nobody waits for it any more."""

_FENCED = frozenset(
    {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}  # noqa: SLF001
)

logger = logging.getLogger(__name__)


class Transactions:
    """One transaction a batch. A producer whose transaction failed is never used again.

    Args:
        cluster: where.
        service: the service's name.
        replica: its number; both make the transactional id, which fences a predecessor.
        sizes: what the topics accept.
    """

    def __init__(self, cluster: Cluster, service: str, replica: int | str, sizes: TopicSizes) -> None:
        self._cluster = cluster
        self._service = service
        self._replica = replica
        self._sizes = sizes
        self._producer: Producer | None = None
        self._writer: BatchWriter | None = None
        self._begun = 0.0
        self._calls = TimedCalls()

    def open(self) -> None:
        """Make a producer that no earlier one with this id can interfere with; pending transactions are settled."""
        if self._producer is not None:
            return
        settings = {**SETTINGS, **producer_settings(), "batch.size": self._sizes.batch_bytes()}
        producer = self._initialised(settings)
        self._producer, self._writer = producer, batch_writer(producer)

    def _initialised(self, settings: dict[str, object]) -> Producer:
        producer = clients.producer(
            self._cluster,
            purpose=f"{self._service}-{self._replica}",
            **{
                **settings,
                "transactional.id": names.transactional_id(self._service, self._replica),
                "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1000),
            },
        )
        try:
            producer.init_transactions(_INIT_SECONDS)
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() in REFUSALS or (reason.fatal() and reason.code() not in _FENCED):
                raise clients.cluster_error(self._cluster, reason) from error
            message = f"The producer cannot be made ready: {reason.str()}."
            raise UndeliveredError(message) from error
        return producer

    def deliver(self, outgoing: list[Outgoing], offsets: list[TopicPartition], source: Source | None) -> None:
        """Send and commit a batch; see :class:`~headrace.engine.service.delivery.Delivery`."""
        self.open()
        producer, writer = self._producer, self._writer
        assert producer is not None  # noqa: S101  opened just above
        assert writer is not None  # noqa: S101  likewise
        self._begun = time.monotonic()
        try:
            producer.begin_transaction()
            for records in outgoing:
                send(producer, writer, records)
            answer = self._send_offsets(producer, offsets, source.group()) if source is not None else None
            failure = self._failure_of(producer, writer)  # beside the offsets: neither waits for the other
            if answer is not None:
                answer.wait()
            if failure is None:
                producer.commit_transaction(DELIVERY_SECONDS)
        except TimeoutError as error:
            self._producer = None  # to the call, which still has it: its successor fences it
            message = "The group's coordinator does not say whether it took the offsets."
            raise UndeliveredError(message) from error
        except KafkaException as error:
            raise self._undo(error.args[0], writer.failure(), outgoing) from error
        if failure is not None:
            raise self._undo(failure[0], failure, outgoing)
        self._sizes.settled()

    def close(self) -> None:
        """Let the producer go; a transaction that is still open is aborted by the next producer with its id."""
        self._calls.close()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def _send_offsets(self, producer: Producer, offsets: list[TopicPartition], group: object) -> Answer:
        return self._calls.begin(
            lambda: producer.send_offsets_to_transaction(offsets, group, _OFFSETS_SECONDS),
            _OFFSETS_SECONDS + _OVERTIME_SECONDS,
        )

    @staticmethod
    def _failure_of(producer: Producer, writer: BatchWriter) -> tuple[KafkaError, str] | None:
        """Wait until everything is sent; return the first failure and its topic, where there is one.

        A commit waits, after a failure, until all records behind it have timed out.
        """
        deadline = time.monotonic() + DELIVERY_SECONDS
        while producer.flush(_FLUSH_SECONDS) and time.monotonic() < deadline:
            if (failure := writer.failure()) is not None:
                return failure
        return writer.failure()

    def _undo(self, error: KafkaError, failure: tuple[KafkaError, str] | None, outgoing: list[Outgoing]) -> Exception:
        """Drop the producer, and return what to raise."""
        elapsed = time.monotonic() - self._begun
        self.close()  # its successor's first step aborts the transaction, whatever became of this producer's requests
        if error.code() in _FENCED and elapsed < TRANSACTION_SECONDS:
            message = f"Another process runs as this replica: it fenced this one's producer ({error.str()})."
            return RefusedError(message, hint="Run each replica once; `headrace services` shows those of this machine.")
        cause, topic = failure or (error, "")
        if cause.code() in TOO_LARGE:
            return self._sizes.refused(topic, outgoing, self._trial)
        if cause.code() in REFUSALS:
            return clients.cluster_error(self._cluster, cause)
        logger.warning("batch not committed", extra={"error": error.name(), "reason": error.str()})
        return UndeliveredError(f"The transaction did not commit: {error.name()}: {error.str()}.")

    def _trial(self) -> Trial:
        """Return what sends records one by one, in transactions that are never committed."""
        return Trial(self._initialised({**SETTINGS, **ALONE}), transactional=True)

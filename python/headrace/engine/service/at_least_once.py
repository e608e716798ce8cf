"""At least once: outputs first, then the offsets, outside any transaction."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from headrace.engine.service.delivery import (
    DELIVERY_SECONDS,
    REFUSALS,
    SETTINGS,
    Outgoing,
    UndeliveredError,
    explain,
    send,
)
from headrace.engine.service.source import Source
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import BatchWriter, batch_writer, producer_settings

logger = logging.getLogger(__name__)


class AtLeastOnce:
    """Offsets are committed when every output is confirmed; a crash in between repeats outputs, loses none.

    Args:
        cluster: where.
        service: the service's name.
        replica: its number.
    """

    def __init__(self, cluster: Cluster, service: str, replica: int) -> None:
        self._cluster = cluster
        self._purpose = f"{service}-{replica}"
        self._producer: Producer | None = None
        self._writer: BatchWriter | None = None

    def open(self) -> None:
        """Make the producer."""
        if self._producer is None:
            settings = {**SETTINGS, **producer_settings()}
            self._producer = clients.producer(self._cluster, purpose=self._purpose, **settings)
            self._writer = batch_writer(self._producer)

    def deliver(self, outgoing: list[Outgoing], offsets: list[TopicPartition], source: Source) -> None:
        """Send, wait for every confirmation, commit; see :class:`~headrace.engine.service.delivery.Delivery`."""
        self.open()
        producer, writer = self._producer, self._writer
        assert producer is not None  # noqa: S101  opened just above
        assert writer is not None  # noqa: S101  likewise
        writer.failure()
        topic = ""
        left = 0
        try:
            for records in outgoing:
                send(producer, writer, records)
            left = producer.flush(DELIVERY_SECONDS)
            failed, topic = writer.failure() or (None, "")
            if failed is None and not left:
                source.commit(offsets)
        except KafkaException as error:
            failed = error.args[0]
        if failed is not None:
            raise self._undo(failed, topic)
        if left:
            self.close()
            message = f"{left} outputs are not confirmed after {DELIVERY_SECONDS:.0f} s."
            raise UndeliveredError(message)

    def close(self) -> None:
        """Let the producer go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def _undo(self, error: KafkaError, topic: str) -> Exception:
        self.close()
        if error.code() in REFUSALS:
            return explain(self._cluster, error, topic)
        logger.warning("batch not committed", extra={"error": error.name(), "reason": error.str()})
        return UndeliveredError(f"The batch did not commit: {error.name()}: {error.str()}.")

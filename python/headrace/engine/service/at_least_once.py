"""At least once: outputs first, then the offsets, outside any transaction."""

from __future__ import annotations

import logging

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
from headrace.engine.service.topic_sizes import ALONE, TopicSizes, Trial
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
        sizes: what the topics accept.
    """

    def __init__(self, cluster: Cluster, service: str, replica: int | str, sizes: TopicSizes) -> None:
        self._cluster = cluster
        self._sizes = sizes
        self._purpose = f"{service}-{replica}"
        self._producer: Producer | None = None
        self._writer: BatchWriter | None = None

    def open(self) -> None:
        """Make the producer."""
        if self._producer is None:
            settings = {**SETTINGS, **producer_settings(), "batch.size": self._sizes.batch_bytes()}
            self._producer = clients.producer(self._cluster, purpose=self._purpose, **settings)
            self._writer = batch_writer(self._producer)

    def deliver(self, outgoing: list[Outgoing], offsets: list[TopicPartition], source: Source | None) -> None:
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
            if failed is None and not left and source is not None:
                source.commit(offsets)
        except KafkaException as error:
            failed = error.args[0]
        if failed is not None:
            raise self._undo(failed, topic, outgoing)
        if left:
            self.close()
            message = f"{left} outputs are not confirmed after {DELIVERY_SECONDS:.0f} s."
            raise UndeliveredError(message)
        self._sizes.settled()

    def close(self) -> None:
        """Let the producer go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()

    def _undo(self, error: KafkaError, topic: str, outgoing: list[Outgoing]) -> Exception:
        self.close()
        if error.code() in TOO_LARGE:
            return self._sizes.refused(topic, outgoing, self._trial)
        if error.code() in REFUSALS:
            return clients.cluster_error(self._cluster, error)
        logger.warning("batch not committed", extra={"error": error.name(), "reason": error.str()})
        return UndeliveredError(f"The batch did not commit: {error.name()}: {error.str()}.")

    def _trial(self) -> Trial:
        """Return what sends records one by one; those that are accepted stay, as outputs of a batch taken again do."""
        settings = {**SETTINGS, **ALONE, "enable.idempotence": False}
        return Trial(clients.producer(self._cluster, purpose=self._purpose, **settings), transactional=False)

"""Outputs, dead letters and offsets go to Kafka together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from headrace.engine.result import Places
from headrace.engine.service.source import Source
from headrace.errors import ClusterError
from headrace.kafka.native import BatchWriter
from headrace.kafka.records import Headers

DELIVERY_SECONDS = 30.0
MOST_BYTES = 64 * 1024 * 1024
"""Of one record; a broker would not take a request that is much larger."""

SETTINGS: dict[str, object] = {
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 256 * 1024,
    "delivery.report.only.error": True,
    "message.max.bytes": MOST_BYTES,  # what a topic accepts is the broker's affair
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Records for one topic; all columns have one length n.

    Attributes:
        topic: where they go.
        values: n values.
        keys: n keys.
        timestamps: int64[n], milliseconds since the epoch.
        headers: n header lists, or ``None`` when none has any.
        partitions: n partitions, or ``None``: the key decides.
        places: the source's record that each is of, -1 where unknown; ``None``: all are.
    """

    topic: str
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    timestamps: npt.NDArray[np.int64]
    headers: list[Headers | None] | None
    partitions: list[int] | None = None
    places: Places | None = None


class UndeliveredError(ClusterError):
    """A batch that is not committed, or nobody knows: go back to what is committed and take it again."""


class OversizedBatchError(UndeliveredError):
    """A batch that is not committed, for a topic refused the size of some of it; which is known the next time."""


class Delivery(Protocol):
    """Sends a batch's outputs and commits its offsets."""

    def open(self) -> None:
        """Make the producer ready.

        Raises:
            UndeliveredError: the cluster does not answer in time; try again.
            ClusterError: the cluster refuses.
        """

    def deliver(self, outgoing: list[Outgoing], offsets: list[TopicPartition], source: Source | None) -> None:
        """Send everything of a batch and commit its offsets.

        Args:
            outgoing: what is sent.
            offsets: what is committed.
            source: whose offsets they are; ``None``: there are none.

        Raises:
            OversizedBatchError: it is not committed, since a record is too large for its topic.
            UndeliveredError: it is not committed, or nobody knows.
            RefusedError: not even a bare dead letter fits its topic, or another process runs as this replica.
            ClusterError: the cluster refuses.
        """

    def close(self) -> None:
        """Let the producer go."""


def send(producer: Producer, writer: BatchWriter, outgoing: Outgoing) -> None:
    """Hand records to the producer, waiting while its queue is full.

    Raises:
        KafkaException: the producer refuses a record.
    """
    first, count, deadline = 0, len(outgoing.values), 0.0
    partitions = None if outgoing.partitions is None else np.array(outgoing.partitions, np.int32)
    while first < count:
        taken = writer.send(
            outgoing.topic,
            outgoing.values,
            outgoing.keys,
            outgoing.timestamps,
            outgoing.headers,
            partitions=partitions,
            first=first,
        )
        first += taken
        if first < count:
            deadline = time.monotonic() + DELIVERY_SECONDS if taken or not deadline else deadline
            if time.monotonic() > deadline:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the producer's queue stays full"))  # noqa: SLF001
            producer.poll(0.05)


REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001  confluent-kafka's own name
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001  confluent-kafka's own name
    }
)
"""Answers that a repetition would only meet again."""

TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
"""Answers about the size of what was sent: of one record, or of several that were sent together."""

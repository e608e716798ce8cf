"""What topics accept: known from their settings, and from what their broker refuses.

A broker checks the size of a *batch*, as the producer compressed it and, where the topic's own compression is another,
as it stores it. So a limit on the size of single records would refuse outputs that go through compressed. Instead

- the producer's batches are kept below the smallest ``max.message.bytes`` among the topics, uncompressed: then only
  a record that is alone in its batch can be refused;
- once a batch was refused, the records that could be it, the largest first, are sent one by one, in transactions that
  are aborted, and the broker's answer to each is what counts.

Where the settings may not be read, all records could be it, and the batches are halved when none is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headrace.engine.refusals import Place, Refusal, Refusals
from headrace.engine.service.delivery import MOST_BYTES, TOO_LARGE, Outgoing, OversizedBatchError, UndeliveredError
from headrace.errors import RefusedError
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import header_bytes
from headrace.kafka.topics import size_limits_of

ALONE: dict[str, object] = {
    "batch.size": 1,
    "linger.ms": 0,
    "delivery.report.only.error": False,
    "max.in.flight.requests.per.connection": 1,  # what is on its way behind a refused record would be out of sequence
}
"""Settings of a producer that sends each record in a batch of its own."""

_BATCH_BYTES = 1_000_000
"""librdkafka's own limit."""
_FRAME_BYTES = 100
"""What a batch and its first record take beside keys, values and headers, and some more."""
_HEADER_FRAME_BYTES = 10
"""What a header takes beside its name and value, at most."""
_FIRST_GROUP = 64
_FEW = 8
"""Records of a transaction in which a refusal is likely: it ends there."""
_TRIAL_SECONDS = 30.0
"""How long records are sent one by one, before the batch is taken again with what is known by then."""
_ANSWER_SECONDS = 10.0
_MOST_TIMES = 5
"""So often a topic may refuse what a record gives: a dead letter becomes smaller each time."""

logger = logging.getLogger(__name__)


class TopicSizes:
    """Knows what the topics accept that a stream writes.

    Args:
        cluster: where.
        topics: which ones.
        refusals: is told what was refused.
        names: the stream's own name of a topic, where it goes by another.
    """

    def __init__(
        self, cluster: Cluster, topics: list[str], refusals: Refusals, names: dict[str, str] | None = None
    ) -> None:
        self._cluster = cluster
        self._topics = topics
        self._refusals = refusals
        self._names = names or {}
        self._limits: dict[str, int] | None = None
        self._batch_bytes = _BATCH_BYTES

    def batch_bytes(self) -> int:
        """Return how many bytes a batch of several records may have."""
        if self._limits is None:
            self._limits = size_limits_of(self._cluster, self._topics)
        return max(1, min([self._batch_bytes, *(limit - _FRAME_BYTES for limit in self._limits.values())]))

    def settled(self) -> None:
        """A batch was accepted."""
        self._refusals.settled()

    def refused(self, topic: str, outgoing: list[Outgoing], trial: Callable[[], Trial]) -> Exception:
        """Find out which records of a batch are too large, and return what to raise.

        Args:
            topic: the first that refused something; empty: one of them.
            outgoing: the batch.
            trial: makes what sends records one by one.
        """
        self._limits = size_limits_of(self._cluster, self._topics)
        self._refusals.refused()
        trying = trial()
        deadline = time.monotonic() + _TRIAL_SECONDS
        found = 0
        try:
            for records in outgoing:
                if topic in {"", records.topic}:
                    for row, size in self._too_large(records, trying, deadline):
                        self._note(records, row, size)
                        found += 1
        except UndeliveredError as error:
            if not found:
                return error
        except RefusedError as error:
            return error
        finally:
            trying.close()
        if not found:
            self._batch_bytes = max(1, self.batch_bytes() // 2)
        logger.warning("too large for its topic", extra={"topic": topic, "found": found, "batch": self.batch_bytes()})
        message = f"{found} records are larger than the topic `{topic}` accepts."
        return OversizedBatchError(message)

    def _too_large(self, records: Outgoing, trial: Trial, deadline: float) -> Iterator[tuple[int, int]]:
        """Yield the rows that are refused, with their size."""
        sizes = _sizes(records)
        order = np.argsort(-sizes, kind="stable")
        limit = (self._limits or {}).get(records.topic)
        if limit is not None:
            order = order[sizes[order] > min(limit, MOST_BYTES) - _framing(records)[order]]
        first, count, any_refused = 0, _FIRST_GROUP, False
        while first < len(order) and time.monotonic() < deadline:
            group = order[first : first + count].tolist()
            refused = trial.refused(records, group, deadline)
            yield from ((row, int(sizes[row])) for row in refused)
            if any_refused and not refused:  # smaller ones are less likely still
                return
            any_refused |= bool(refused)
            first, count = first + count, count * 4

    def _note(self, records: Outgoing, row: int, size: int) -> None:
        topic = self._names.get(records.topic, records.topic)
        refusal = Refusal(topic, size, (self._limits or {}).get(records.topic))
        place: Place | None = None
        if records.places is not None and records.places.offsets[row] >= 0:
            place = int(records.places.partitions[row]), int(records.places.offsets[row])
        self._refusals.note(refusal, place, records.values[row])
        known = self._refusals.at(topic, place) if place is not None else None
        if records.places is None or (known is not None and known[1] > _MOST_TIMES):
            message = f"A record has {refusal}."
            raise RefusedError(message, hint="Raise the topic's max.message.bytes.")


class Trial:
    """Sends records one by one, to see which of them the broker refuses.

    Args:
        producer: made with :data:`ALONE`; with a transactional id, it is ready to begin transactions.
        transactional: it has one, and nothing that it sends is to be seen.
    """

    def __init__(self, producer: Producer, *, transactional: bool) -> None:
        self._producer = producer
        self._transactional = transactional

    def refused(self, records: Outgoing, rows: list[int], deadline: float) -> list[int]:
        """Return which rows of ``records`` are refused; those that are known when ``deadline`` or the cluster ends it.

        Raises:
            UndeliveredError: the cluster does not answer, and none is known.
        """
        refused: list[int] = []
        left = list(rows)
        count = _FEW if self._transactional else len(rows)
        while left and time.monotonic() < deadline:
            try:
                judged = self._judged(records, left[:count])
            except UndeliveredError:
                if refused:
                    return refused
                raise
            came = [row for row in left if judged.get(row)]
            left = [row for row in left if row not in judged]
            count = _FEW if came else count * 2
            refused += came
        return refused

    def close(self) -> None:
        """Let the producer go."""
        self._producer.purge()

    def _judged(self, records: Outgoing, rows: list[int]) -> dict[int, bool]:
        """Send rows and return which of them were judged: true, refused. A refusal ends a transaction.

        Raises:
            UndeliveredError: none of them was.
        """
        judged: dict[int, bool] = {}
        reason = ""
        try:
            if self._transactional:
                self._producer.begin_transaction()
            sent = self._send(records, rows, judged)
            end = time.monotonic() + _ANSWER_SECONDS
            while len(judged) < sent and time.monotonic() < end:
                self._producer.poll(0.01)
                if self._transactional and any(judged.values()):
                    break
            if self._transactional:
                self._producer.abort_transaction(_ANSWER_SECONDS)
        except KafkaException as error:
            reason = f": {error.args[0].str()}"
        if not judged:
            message = f"The cluster does not say which records are too large{reason}."
            raise UndeliveredError(message)
        return judged

    def _send(self, records: Outgoing, rows: list[int], judged: dict[int, bool]) -> int:
        """Hand rows to the producer, as many as it takes, and return how many these are."""
        for number, row in enumerate(rows):

            def report(error: KafkaError | None, _message: Message, row: int = row) -> None:
                if error is None or error.code() in TOO_LARGE:
                    judged[row] = error is not None

            own = records.headers[row] if records.headers is not None else None
            headers: list[tuple[str, str | bytes | None]] = [*(own or [])]
            partition = -1 if records.partitions is None else records.partitions[row]
            value, key, stamp = records.values[row], records.keys[row], int(records.timestamps[row])
            try:
                self._producer.produce(records.topic, value, key, partition, report, timestamp=stamp, headers=headers)
            except BufferError:
                return number
            except KafkaException as error:
                if error.args[0].code() not in TOO_LARGE:
                    return number  # a refusal has ended the transaction
                judged[row] = True
        return len(rows)


def _sizes(records: Outgoing) -> npt.NDArray[np.int64]:
    """Return the bytes of each record's key, value and headers."""
    sizes = BytesColumn.of(records.values).lengths() + BytesColumn.of(records.keys).lengths()
    if records.headers is not None:
        sizes += np.array([header_bytes(headers) for headers in records.headers], np.int64)
    return sizes


def _framing(records: Outgoing) -> npt.NDArray[np.int64]:
    """Return about how many bytes each record takes in a batch beside its key, value and headers, at most."""
    counts = np.zeros(len(records.values), np.int64)
    if records.headers is not None:
        counts += np.array([len(headers or ()) for headers in records.headers], np.int64)
    return _FRAME_BYTES + _HEADER_FRAME_BYTES * counts

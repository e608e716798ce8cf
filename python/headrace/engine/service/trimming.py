"""Deletes from a repartition topic what no restart reads again; nothing else may, since its retention is for good."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial

from confluent_kafka import KafkaError, KafkaException

from headrace.engine.service.source import Partition
from headrace.errors import ClusterError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import delete_records

TRIM_SECONDS = 60.0
"""How long records are left alone after some were deleted."""

_DENIED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})

logger = logging.getLogger(__name__)


class Trimming:
    """Has the records of a topic deleted that stand before the lowest offset that is needed.

    It waits for no answer, and what cannot be deleted stays: the topic is then larger than it need be.

    Args:
        cluster: where.
        topic: the topic, of the service alone.
        clock: seconds, for the time between two turns.

    Attributes:
        waits: how many answers are still to come.
    """

    def __init__(self, cluster: Cluster, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._topic = topic
        self._clock = clock
        self._asked = clock() - TRIM_SECONDS
        self._deleted: dict[int, int] = {}
        self._said = False
        self._denied = False
        self.waits = 0

    def step(self, places: Mapping[int, Partition]) -> None:
        """Delete, if it is time, what the commits of partitions do not need.

        Args:
            places: where they stand, as committed.
        """
        if self._denied or self._clock() - self._asked < TRIM_SECONDS:
            return
        lowest = {number: self._lowest(place) for number, place in places.items() if place.memo is not None}
        due = {number: offset for number, offset in lowest.items() if offset > self._deleted.get(number, 0)}
        if not due:
            return
        self._asked = self._clock()
        self._deleted |= due
        try:
            answers = delete_records(self._cluster, self._topic, due)
            self.waits += len(answers)
            for partition, future in answers.items():
                future.add_done_callback(partial(self._note, partition.partition))
        except (KafkaException, ClusterError) as error:
            self._say(error)

    @staticmethod
    def _lowest(place: Partition) -> int:
        memo = place.memo
        if memo is None or memo.lowest is None or memo.kept_since is not None:  # what is kept is not read here again
            return place.next
        return min(memo.lowest, place.next)

    def _note(self, partition: int, future: Future[object]) -> None:
        """Take an answer; inside the client's own thread."""
        error = future.exception()
        if error is not None:
            self._deleted.pop(partition, None)
            reason = error.args[0] if isinstance(error, KafkaException) else None
            self._denied = self._denied or (isinstance(reason, KafkaError) and reason.code() in _DENIED)
            self._say(error)
        self.waits -= 1

    def _say(self, error: BaseException) -> None:
        if not self._said:
            self._said = True
            logger.warning(
                "records that are not needed any more cannot be deleted",
                extra={"topic": self._topic, "reason": str(error)},
            )

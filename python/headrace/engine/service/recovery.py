"""Bring partitions to where their last commit left them."""

from __future__ import annotations

import logging

from headrace.engine.processor import Processor
from headrace.engine.service.restoring import Restoring
from headrace.engine.service.source import Partition, Source
from headrace.engine.stream import Stream
from headrace.errors import ExpiredOffsetError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import ends_of
from headrace.spec import names

_MOST_CHANGES = 2_000
"""Records of the changelog in a slice; some are large."""

_MOST_KEPT = 8
"""Values with kept records in a slice."""

logger = logging.getLogger(__name__)


class Recovery:
    """Reads what partitions need of their past: their changelog, then the part of the log that is still needed.

    It goes slice by slice, so that the service answers its group, its signals and its probes in between.

    Args:
        stream: the stream.
        cluster: where.
        source: the records; it says where logs begin.
        processor: takes what is read.
        declaration: of what the stream needs to see; what another one left is of no use.
        changelog: there is one.
    """

    def __init__(
        self,
        stream: Stream,
        cluster: Cluster,
        source: Source,
        processor: Processor,
        *,
        declaration: str,
        changelog: bool,
    ) -> None:
        self._spec = stream.document.spec
        self._cluster = cluster
        self._source = source
        self._processor = processor
        self._declaration = declaration
        self._topic = names.state_topic(stream.name) if changelog else None
        self._changelog = Restoring(cluster, names.state_topic(stream.name), stream.name, processor.load, _MOST_CHANGES)
        self._past = Restoring(cluster, source.topic, stream.name, processor.restore)
        self._kept: dict[int, int] = {}
        self._places: dict[int, Partition] = {}
        self._queued: set[int] = set()

    @property
    def partitions(self) -> set[int]:
        """The partitions that are not recovered yet."""
        return self._queued | self._changelog.partitions | self._past.partitions | self._kept.keys()

    @property
    def left(self) -> int:
        """How many offsets are still to be read."""
        return self._changelog.left + self._past.left

    def begin(self, places: dict[int, Partition]) -> set[int]:
        """Begin with partitions and return those of them that have something to read before their records.

        Raises:
            ExpiredOffsetError: the log no longer has all records of open windows.
        """
        for number, place in places.items():
            self.drop(number)
            self._places[number] = place
            if self._topic is not None:
                self._queued.add(number)  # inside a rebalance nothing is asked of the cluster
            else:
                self._begin_past(number)
        return places.keys() & self.partitions

    def drop(self, number: int) -> None:
        """Forget a partition."""
        self._queued.discard(number)
        self._changelog.drop(number)
        self._past.drop(number)
        self._kept.pop(number, None)

    def step(self) -> set[int]:
        """Read a slice and return the partitions that are recovered with it.

        Raises:
            ExpiredOffsetError: the log no longer has all records of open windows.
            ClusterError: the cluster refuses.
        """
        before = self.partitions
        self._begin_changelogs()
        for number in self._changelog.step():
            self._processor.loaded(number)
            self._begin_past(number)
        if self._spec.key or not (self._queued or self._changelog.partitions):  # one lane: all changelogs come first
            for number in self._past.step():
                if number not in self._kept:
                    self._processor.restored(number)
            self._take_kept()
        return before - self.partitions

    def rest(self) -> None:
        """Let go of what is not read any more, once all is recovered; not inside a rebalance."""
        self._changelog.rest()
        self._past.rest()

    def close(self) -> None:
        """Stop reading."""
        self._changelog.close()
        self._past.close()

    def _begin_changelogs(self) -> None:
        if not self._queued or self._topic is None:
            return
        ends = ends_of(self._cluster, self._topic, sorted(self._queued), committed=False)
        for number in sorted(self._queued):
            self._queued.discard(number)
            if self._processor.holds(number, self._places[number].next):
                self._begin_past(number)
            elif ends.get(number):
                self._changelog.add(number, 0, ends[number])
            else:
                self._processor.loaded(number)
                self._begin_past(number)

    def _begin_past(self, number: int) -> None:
        """Begin with what is needed of the log, and of what the changelog has of it."""
        place = self._places[number]
        first, kept = self._first_needed(number, place), self._processor.kept_since(number)
        if first is None or first >= place.next:
            self._processor.restored(number)
            return
        end = place.next if kept is None else min(kept, place.next)
        from_log = max(first, self._source.low(number))
        if kept is not None:
            self._kept[number] = max(first, kept)
        if from_log < end:
            self._past.add(number, from_log, end)
        elif kept is None:
            self._processor.restored(number)

    def _take_kept(self) -> None:
        """Take some of what the changelog has, after what the log has of before it."""
        ready = sorted(self._kept.keys() - self._past.partitions)
        for _ in range(_MOST_KEPT if ready else 0):
            if not self._processor.restore_kept(ready[0], self._kept[ready[0]]):
                del self._kept[ready[0]]
                self._processor.restored(ready[0])
                return

    def _first_needed(self, number: int, place: Partition) -> int | None:
        """Return from which offset on a partition's past is needed, or ``None``."""
        memo = place.memo if place.memo is not None and place.memo.declaration == self._declaration else None
        low = self._source.low(number)
        if not self._spec.in_event_time:
            return None
        if memo is None:  # the stream begins here: a lookback's history is all that there is
            return low if self._spec.lookback else None
        recalled = self._processor.recall(number, place.next)
        if recalled is not None:
            logger.info("history recalled", extra={"partition": number, "reading_from": recalled, "to": place.next})
            return recalled
        kept = self._processor.kept_since(number)
        if memo.lowest is not None and memo.lowest < (low if kept is None else min(low, kept)):
            if self._spec.window:
                raise _incomplete(self._source.topic, number, memo.lowest, low)
            logger.warning(
                "a part of the past is no longer in the log",
                extra={"partition": number, "needed_from": memo.lowest, "log_begins_at": low},
            )
        return memo.lowest


def _incomplete(topic: str, number: int, lowest: int, low: int) -> ExpiredOffsetError:
    return ExpiredOffsetError(
        f"Open windows need {topic}[{number}] from offset {lowest} on, but the log begins at {low}: "
        f"their results would lack {low - lowest} records.",
        hint="Deploy with --from earliest to go on with what is left, and lengthen the topic's retention.",
    )

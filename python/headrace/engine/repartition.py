"""Stage one of a stream whose key is not the topic's: each record goes on under its own key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from headrace.engine.arrivals import Arrivals, Arrived
from headrace.engine.bisect import Failure
from headrace.engine.codecs import Codecs
from headrace.engine.event_time import AHEAD, NEVER, microseconds
from headrace.engine.forgetful import Forgetful
from headrace.engine.frames import key_texts
from headrace.engine.history import Backlog, MemoryBudget
from headrace.engine.lane import Lane
from headrace.engine.memo import Memo
from headrace.engine.refusals import OversizedError
from headrace.engine.repartition_record import ORIGIN_HEADER, Marks, origin
from headrace.engine.result import BatchResult, Places
from headrace.engine.rows import Rows
from headrace.engine.stream import Stream
from headrace.kafka.partitioning import partition_of
from headrace.kafka.records import Records
from headrace.spec import names

WITHOUT_KEY = 0
"""Where records go whose key is null or empty, which a partitioner would spread at random: they are one key, too."""

_MARK_EVERY = 1_000_000
"""How much further the clock must be for a quiet partition to be marked again, microseconds."""


class Repartitioner(Forgetful):
    """Stage one; a :class:`~headrace.engine.processor.Processor` whose outputs are the records under their new key.

    Args:
        stream: what runs.
        codecs: how its records are read.
        declaration: digest of what the stream needs to see.
        clock: seconds since the epoch.
        links: how many partitions the repartition topic has, where records of a batch can be missing in it or be there
            twice, so that they say which precedes them; else ``None``.

    Attributes:
        places: the repartition topic's partition of each record of the last batch; ``None``: the key decides.
        ends: by that partition, the last offset of the batch in it, by source partition.
    """

    def __init__(
        self,
        stream: Stream,
        codecs: Codecs,
        declaration: str,
        clock: Callable[[], float],
        *,
        links: int | None = None,
    ) -> None:
        self.places: list[int] | None = None
        self.ends: dict[int, dict[int, int]] = {}
        self._links = links
        self._spec = stream.document.spec
        self._arrivals = Arrivals(self._spec, codecs)
        self._refusals = codecs.refusals
        self._declaration = declaration
        self._clock = clock
        self._lanes: dict[int, Lane] = {}
        self._touched: set[int] = set()
        self._marks = Marks()

    def begin(self, partition: int, memo: Memo | None = None, *, start: int = 0) -> None:
        """Take on a source partition."""
        del start
        lane = Lane(partition, microseconds(self._spec.grace_time), Backlog(MemoryBudget(0)))
        lane.newest = {partition: NEVER} | (memo.newest if memo is not None else {})
        self._lanes[partition] = lane

    def drop(self, partition: int) -> None:
        """Forget a source partition."""
        self._lanes.pop(partition, None)

    def restore(self, partition: int, records: Records) -> None:
        """Do nothing: the memo holds all that is needed."""

    def process(self, records: Records) -> BatchResult:
        """Return the records under their new keys; late ones are marked."""
        arrived = self._arrivals.rows(records)
        rows, ahead_of = arrived.rows, int((self._clock() + AHEAD.total_seconds()) * 1e6)
        late = np.zeros(len(rows), np.bool_)
        for number in np.unique(records.partitions).tolist():
            lane = self._lanes[number]
            lane.begin()
            places = np.flatnonzero(rows.partitions == number)
            if self._spec.in_event_time and len(places):
                late[places] = lane.judge(rows.take(places), ahead_of)
            self._touched.add(number)
            self._marks.newest[number] = lane.newest[number]
        failures, kept = self._without_refused(arrived)
        if failures:
            rows, late = rows.take(kept), late[kept]
        positions = arrived.positions[kept].tolist()
        key = self._spec.key
        keys = key_texts(rows.frame[key]) if key is not None else []
        after = self._linked(keys, rows)
        return BatchResult(
            parts=[],
            source=np.full(len(rows), -1, np.int64),
            values=[records.values[position] for position in positions],
            keys=keys,
            timestamps=rows.timestamps,
            headers=[
                [
                    *(records.headers[position] or []),
                    (ORIGIN_HEADER, origin(records, position, is_late=is_late, after=previous)),
                ]
                for position, is_late, previous in zip(positions, late.tolist(), after, strict=True)
            ],
            failures=sorted(arrived.failures + failures, key=lambda failure: failure.position),
            dropped=Counter(),
            before=rows.frame,
            before_positions=arrived.positions[kept],
            partitions=rows.partitions.astype(np.int64),
            offsets=rows.offsets,
            late=Places(),
        )

    def _linked(self, keys: Sequence[bytes | None], rows: Rows) -> list[int | None]:
        """Choose each record's partition; return the offset of the one before it on the way there, of its source's."""
        self.ends = {}
        if self._links is None:
            return [None] * len(rows)
        known = {key: partition_of(key, self._links) for key in set(keys) if key}
        self.places = [known[key] if key else WITHOUT_KEY for key in keys]
        after: list[int | None] = []
        for place, source, offset in zip(self.places, rows.partitions.tolist(), rows.offsets.tolist(), strict=True):
            ends = self.ends.setdefault(place, {})
            after.append(ends.get(source))
            ends[source] = offset
        return after

    def _without_refused(self, arrived: Arrived) -> tuple[list[Failure], npt.NDArray[np.bool_]]:
        """Return the records that the repartition topic did not accept, as failures, and which rows are others."""
        kept = np.ones(len(arrived.rows), np.bool_)
        if not self._refusals or self._spec.key is None:
            return [], kept
        topic = names.repartition_topic(self._spec.name, self._spec.key)
        failures = []
        places = zip(arrived.rows.partitions.tolist(), arrived.rows.offsets.tolist(), strict=True)
        for row, place in enumerate(places):
            known = self._refusals.at(topic, place)
            if known is not None:
                kept[row] = False
                error = OversizedError({row: known[0]}, "The record, with where it comes from,")
                failures.append(Failure(int(arrived.positions[row]), error, "encode", "", None, *place))
        return failures, kept

    def advance(self, now: int, quiet: list[int]) -> BatchResult | None:
        """Mark partitions that have nothing to read as far as the clock says."""
        if not self._spec.in_event_time:
            return None
        floor = now - microseconds(self._spec.idle_time)
        due = [number for number in quiet if self._lanes[number].floors.get(number, NEVER) <= floor - _MARK_EVERY]
        if not due:
            return None
        for number in due:
            lane = self._lanes[number]
            lane.begin()
            lane.floors[number] = floor
            self._marks.floors[number] = floor
            self._touched.add(number)
        return self.process(Records.empty(self._spec.source))

    def finish(self) -> BatchResult:
        """Return the result of no records."""
        return self.process(Records.empty(self._spec.source))

    def touched(self) -> list[int]:
        """Return the partitions whose memo the batch changed."""
        return sorted(self._touched & self._lanes.keys())

    def memo(self, partition: int, offset: int) -> Memo | None:
        """Return the newest event time of a partition."""
        del offset
        return Memo(newest=dict(self._lanes[partition].newest), declaration=self._declaration)

    def take_marks(self) -> Marks:
        """Return what is to be marked after the batch's records."""
        marks, self._marks = self._marks, Marks()
        return marks

    def commit(self) -> None:
        """The batch is committed."""
        for lane in self._lanes.values():
            lane.commit()
        self._touched = set()

    def rollback(self) -> None:
        """The batch is not committed."""
        for lane in self._lanes.values():
            lane.rollback()
        self._touched = set()
        self._marks = Marks()

    def close(self) -> None:
        """Do nothing."""

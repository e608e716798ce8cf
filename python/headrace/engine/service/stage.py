"""A topic through a processor: its records in, what they give delivered, its offsets and memos committed."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import NEVER
from headrace.engine.memo import Memo
from headrace.engine.processor import Processor, declaration
from headrace.engine.result import BatchResult
from headrace.engine.service.counts import Counts
from headrace.engine.service.delivery import Delivery
from headrace.engine.service.metrics import ServiceMetrics
from headrace.engine.service.outbox import Outbox
from headrace.engine.service.pace import Pace
from headrace.engine.service.recovery import Recovery
from headrace.engine.service.repartition_outbox import RepartitionOutbox
from headrace.engine.service.side_counts import SideCounts
from headrace.engine.service.source import Gathered, Partition, Source
from headrace.engine.service.trimming import Trimming
from headrace.engine.service.waiting import Waiting
from headrace.engine.sides import SidesBehindError
from headrace.engine.sides.live import LiveSides
from headrace.engine.stream import Stream
from headrace.errors import CellError
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records

Role = Literal["whole", "first", "second"]

_RESTORING_SECONDS = 0.0
"""How long the group's consumer is listened to between two slices of a restore."""

CHECKPOINT_SECONDS = 60.0
"""How often what is remembered is written to this machine's disk."""

logger = logging.getLogger(__name__)


class Stage:
    """Takes the records of a source through a processor.

    Args:
        stream: the stream.
        cluster: where.
        source: the records.
        processor: what is done with them.
        outbox: addresses what comes of it.
        delivery: sends it, and commits.
        metrics: is told.
        pace: says how many records a batch may take.
        role: the whole stream, or the first or second stage of a repartition; that says which counts are its.
        sides: the side inputs that the processor uses.
    """

    def __init__(  # noqa: PLR0913  from one place
        self,
        stream: Stream,
        cluster: Cluster,
        source: Source,
        processor: Processor,
        outbox: Outbox | RepartitionOutbox,
        delivery: Delivery,
        metrics: ServiceMetrics,
        pace: Pace,
        *,
        role: Role = "whole",
        sides: LiveSides | None = None,
    ) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._source = source
        source.listener = self
        self._processor = processor
        self._outbox = outbox
        self._delivery = delivery
        self._metrics = metrics
        self._pace = pace
        self._role = role
        self._declaration = declaration(stream)
        self._sides = sides
        self._waiting = Waiting(sides, self._spec.wait_time.total_seconds()) if sides else None
        self._recovery = Recovery(
            stream,
            cluster,
            source,
            processor,
            declaration=self._declaration,
            changelog=role != "first" and self._spec.has_changelog,
        )
        self._trimming = Trimming(cluster, source.topic) if role == "second" else None
        self._checkpointed = time.monotonic()

    def open(self) -> None:
        """Join the group."""
        self._source.open()

    def close(self) -> None:
        """Leave it."""
        self._checkpoint()
        self._recovery.close()
        if self._sides is not None:
            self._sides.close()
        self._source.close()
        self._processor.close()

    def reopen(self) -> None:
        """Leave the group and join it again."""
        self.revoked(list(self._source.partitions))
        self._source.close()
        self._source.open()

    def turn(self, seconds: float | None = None) -> None:
        """Take one batch, or a slice of what is to be restored, or let time pass.

        Args:
            seconds: how long to wait for a record; the source's own patience by default.

        Raises:
            UndeliveredError: a batch is not committed; :meth:`rewind` next.
            CellError: a record failed and the stream says ``--on-error fail``.
            ClusterError: the cluster refuses.
        """
        if self._waiting is not None:
            self._waiting.read()
            if self._waiting.holds:
                self._wait(self._waiting)
                return
        restoring = bool(self._recovery.partitions)
        if restoring:
            done = self._recovery.step()
            if done and not self._recovery.partitions:
                self._source.let_go(set(self._source.partitions))
            elif done and self._spec.key:
                self._source.let_go(done)
        else:
            self._recovery.rest()
        gathered = self._source.gather(self._pace.limit, _RESTORING_SECONDS if restoring else seconds)
        if self._sides is not None:
            self._sides.begin(self._source.partitions)
        if gathered is not None:
            self._take(gathered)
        elif not restoring:
            self._let_time_pass()

    def rewind(self) -> None:
        """Go back to what is committed: the last batch is not, or nobody knows."""
        self._processor.rollback()
        if self._waiting is not None and self._waiting.holds:
            self._let_go(self._waiting)
        before = {number: (place.next, place.memo) for number, place in self._source.partitions.items()}
        self._source.rewind()
        self.revoked([number for number in before if number not in self._source.partitions])
        changed = [
            number
            for number, place in self._source.partitions.items()
            if number in before and before[number] != (place.next, place.memo)
        ]
        if changed and not self._spec.key:  # all partitions are one lane
            changed = list(self._source.partitions)
            for number in changed:
                self._processor.drop(number)
        self._begin({number: self._source.partitions[number] for number in changed})

    def report(self) -> None:
        """Tell the metrics where the source stands."""
        if self._source.assigned and self._metrics.state == "starting" and not self._recovery.partitions:
            self._metrics.state = "running"
        counts = {number: place.counts for number, place in self._source.partitions.items()}
        if self._role == "second":
            self._metrics.later = counts
        else:
            self._metrics.since_deploy = counts
        self._metrics.lag[self._source.topic] = self._source.lags()
        if self._role == "first":
            return
        if self._trimming is not None and not self._recovery.partitions:
            self._trimming.step(self._source.partitions)
        if time.monotonic() - self._checkpointed > CHECKPOINT_SECONDS:
            self._checkpoint()
        memos = [place.memo for place in self._source.partitions.values() if place.memo is not None]
        known = [memo.complete for memo in memos if memo.complete > NEVER]
        self._metrics.watermark = min(known, default=None)
        self._metrics.restoring = self._recovery.left
        self._metrics.remembered_rows, self._metrics.remembered_bytes = self._processor.size()
        if self._sides is not None:
            sides = self._sides
            self._metrics.sides = SideCounts(sides.rows, sides.late, sides.skipped, sides.unmet)

    def assigned(self, partitions: dict[int, Partition]) -> None:
        """Take on partitions: what they need of their past is read before anything new."""
        if self._waiting is not None:
            self._waiting.disturb()
        self._begin(partitions)

    def revoked(self, partitions: list[int]) -> None:
        """Give partitions up."""
        if self._waiting is not None:
            self._waiting.disturb()
        for number in partitions:
            self._recovery.drop(number)
            self._processor.drop(number)

    def _checkpoint(self) -> None:
        """Have what is remembered written to disk, unless some of it is still being read."""
        self._checkpointed = time.monotonic()
        if not self._recovery.partitions:
            self._processor.rollback()
            committed = {number: place.next for number, place in self._source.partitions.items() if place.memo}
            self._processor.checkpoint(committed)

    def _begin(self, partitions: dict[int, Partition]) -> None:
        for number, place in partitions.items():
            self._processor.drop(number)
            known = place.memo is not None and place.memo.declaration == self._declaration
            self._processor.begin(number, place.memo if known else None, start=place.next)
        held = self._recovery.begin(partitions) if self._role != "first" else set()
        if held:
            self._source.hold(held if self._spec.key else list(self._source.partitions))

    def _take(self, gathered: Gathered) -> None:
        """Process and commit a batch."""
        started = time.monotonic()
        records = gathered.records
        try:
            result = self._outbox.sorted_out(self._processor.process(records))
        except SidesBehindError:
            self._hold(gathered)
            return
        if result.failures and self._spec.on_error == "fail":
            self._fail(gathered, result)
        self._deliver(gathered, result, started)
        self._metrics.state = "running"
        self._pace.observe(len(records), _size(records.values), time.monotonic() - started)

    def _let_time_pass(self) -> None:
        started = time.monotonic()
        quiet = self._source.quiet(self._spec.idle_time.total_seconds())
        try:
            result = self._processor.advance(int(time.time() * 1e6), quiet) if quiet else None
        except SidesBehindError:
            self._hold(None)
            return
        if result is None:
            self._processor.rollback()
            return
        nothing = Gathered(Records.empty(self._spec.source), {})
        if result.failures and self._spec.on_error == "fail":
            self._fail(nothing, result)
        self._deliver(nothing, result, started)

    def _deliver(self, gathered: Gathered, result: BatchResult, started: float) -> None:
        """Commit what came of records, or of time that passed, and note it; ``started`` is when its work began."""
        processed = time.monotonic()
        outgoing = self._outbox.pack(gathered.records, result)
        partitions = self._source.partitions
        ends = {number: partitions[number].next for number in self._processor.touched() if number in partitions}
        ends |= gathered.ends
        counts = self._counted(gathered.records, result, ends)
        memos = {number: self._memo(number, end) for number, end in ends.items()}
        self._delivery.deliver(outgoing, self._source.offsets(ends, counts, memos), self._source)
        self._processor.commit()
        if self._sides is not None:
            self._sides.committed()
        self._source.done(ends, counts, memos)
        self._metrics.batch(
            len(gathered.records),
            result,
            role=self._role,
            processing_seconds=processed - started,
            delivery_seconds=time.monotonic() - processed,
        )

    def _hold(self, gathered: Gathered | None) -> None:
        """Keep a batch until its side inputs are there; nothing more is read meanwhile."""
        assert self._waiting is not None  # noqa: S101  only side inputs are waited for
        self._processor.rollback()
        self._source.hold(list(self._source.partitions))
        self._waiting.hold(gathered)

    def _wait(self, waiting: Waiting) -> None:
        """Serve the group while a batch is held, and take the batch when it may go on."""
        come = self._source.gather(1, 0.0)
        if come is not None or waiting.disturbed:  # partitions came or went, and with them what is held
            self.rewind()
        elif waiting.is_over():
            gathered = self._let_go(waiting)
            if gathered is not None:
                self._take(gathered)
            else:
                self._let_time_pass()

    def _let_go(self, waiting: Waiting) -> Gathered | None:
        restoring = self._recovery.partitions
        if not restoring or self._spec.key:
            self._source.let_go(set(self._source.partitions) - restoring)
        return waiting.let_go()

    def _memo(self, number: int, offset: int) -> Memo | None:
        return self._processor.memo(number, offset)

    def _counted(self, records: Records, result: BatchResult, ends: dict[int, int]) -> dict[int, Counts]:
        """Return the new counts of the partitions in ``ends``; what is of unknown origin counts for the first."""
        first = min(ends)
        taken = _by_partition(records.partitions, ends, first)
        sent = _by_partition(result.partitions, ends, first)
        failed = _by_partition(
            np.array(
                [
                    failure.partition if failure.partition >= 0 else records.partitions[failure.position]
                    for failure in result.failures
                ],
                np.int64,
            ),
            ends,
            first,
        )
        late = _by_partition(result.late.partitions, ends, first)
        return {
            number: self._source.partitions[number].counts.plus(
                taken[number] * (self._role != "second"),
                sent[number] * (self._role != "first"),
                failed[number],
                late[number],
            )
            for number in ends
        }

    def _fail(self, gathered: Gathered, result: BatchResult) -> None:
        """Commit what comes before the first failing record, then say which it is."""
        self._processor.rollback()
        records, first = gathered.records, result.failures[0]
        if first.position >= 0:
            before = records.take(range(first.position))
            if len(before):
                ends = {
                    number: int(before.offsets[before.partitions == number][-1]) + 1
                    for number in np.unique(before.partitions).tolist()
                }
                started = time.monotonic()
                self._deliver(Gathered(before, ends), self._processor.process(before), started)
        partition = first.partition if first.partition >= 0 else records.partitions[first.position]
        offset = first.offset if first.offset >= 0 else records.offsets[first.position]
        line = f" (line {first.line})" if first.line else ""
        message = f"The record at {self._spec.source}[{partition}] offset {offset} failed{line}: {first.summary}."
        raise CellError(message, hint="Mend the stream or the record; with --on-error dlq the service goes on.")


def _by_partition(partitions: npt.NDArray[np.integer], ends: dict[int, int], first: int) -> dict[int, int]:
    numbers, counts = np.unique(partitions, return_counts=True)
    found = dict.fromkeys(ends, 0)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        found[number if number in found else first] += count
    return found


def _size(values: Sequence[bytes | None]) -> int:
    return int(values.lengths().sum()) if isinstance(values, BytesColumn) else sum(map(len, filter(None, values)))

"""Streams that remember: lanes of records in event time, and the step over what is complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.again import Arriving
from headrace.engine.arrivals import Arrived
from headrace.engine.codecs import Codecs
from headrace.engine.emission import Emission
from headrace.engine.event_time import AHEAD, NEVER, microseconds
from headrace.engine.history import Backlog, History, MemoryBudget
from headrace.engine.kept import Chunk, Keeping, KeptRecords
from headrace.engine.lane import Lane
from headrace.engine.memo import Memo
from headrace.engine.recalls import Recalls
from headrace.engine.repartition_record import Marks
from headrace.engine.result import BatchResult
from headrace.engine.row_work import RowWork
from headrace.engine.rows import Rows
from headrace.engine.sides import Sides
from headrace.engine.state.states import States
from headrace.engine.stream import Stream
from headrace.engine.window_work import WindowWork
from headrace.engine.windows import OpenWindows
from headrace.kafka.records import Records

Booleans = npt.NDArray[np.bool_]
Changed = list[tuple[Lane, list[Rows]]]
"""Lanes with the rows that are ready in them."""


class LanedProcessor:
    """Processes a stream that remembers or has side inputs; see :class:`~headrace.engine.processor.Processor`.

    Args:
        stream: what to run.
        codecs: how its records are read, and its outputs written.
        budget: memory that all lanes share.
        folder: where to put what does not fit.
        sides: gives the side inputs.
        one_lane: all partitions are one lane.
        declaration: digest of what the stream needs to see.
        states: the stream's states, where it has some.
        sources: partitions of the source, when the records come from a repartition topic; else ``None``.
        kept: keeps in the changelog what the log forgets too early; ``None``: nothing.
        clock: seconds since the epoch.

    Attributes:
        windows: the work on windows.
    """

    def __init__(  # noqa: PLR0913  all by name, from one place
        self,
        stream: Stream,
        *,
        codecs: Codecs,
        budget: MemoryBudget,
        folder: Path | None,
        sides: Sides,
        one_lane: bool,
        declaration: str,
        states: States | None,
        sources: int | None,
        kept: KeptRecords | None,
        clock: Callable[[], float],
    ) -> None:
        self._spec = stream.document.spec
        self._types = stream.document.input
        self._arriving = Arriving(self._spec, codecs, sources)
        self._sources = sources
        self._budget = budget
        self._one_lane = one_lane
        self._declaration = declaration
        self._clock = clock
        self._rows = RowWork(stream, codecs, sides, states)
        self._states = states
        self._keeping = Keeping(kept, self._lane)
        self.windows = WindowWork(stream, codecs, sides)
        self._lanes: dict[int, Lane] = {}
        self._starts: dict[int, int] = {}
        self._restoring: dict[int, tuple[Memo, dict[int, int]]] = {}
        self._touched: set[int] = set()
        self._recalls: Recalls | None = None
        plain = "object" not in self._types.values() and not self._spec.meta
        if folder is not None and self._spec.lookback and not one_lane and plain:
            self._recalls = Recalls(folder, declaration, self._types)

    def begin(self, partition: int, memo: Memo | None = None, *, start: int = 0) -> None:
        """Take on a partition, as its last commit left it, or from offset ``start`` on."""
        lane = self._lane(partition)
        known = memo or Memo(start=start)
        self._starts[partition] = known.start
        for number in [partition] if self._sources is None else range(self._sources):
            lane.newest.setdefault(number, NEVER)
        lane.newest |= known.newest
        lane.taken = self._arriving.taken(memo, start)
        lane.complete = max(lane.complete, known.complete)
        self._restoring[partition] = known, dict(known.newest_at_lowest)
        if self._states is not None:
            self._states.begin(partition, anew=memo is None)
        self._keeping.begin(partition, memo, start)
        if memo is not None:
            lane.settle_windows()

    def holds(self, partition: int, committed: int) -> bool:
        """Return whether this machine's disk has all that the changelog says of a partition."""
        return self._states is not None and self._states.holds(partition, committed)

    def recall(self, partition: int, committed: int) -> int | None:
        """Take on the history that this machine's disk has; return from which offset on the log has to be read."""
        if self._recalls is None or (self._keeping and self._keeping.since(partition) is None):
            return None  # all of it is still to be kept
        memo, _ = self._restoring[partition]
        resume = self._recalls.recall(partition, self._lane(partition), committed, memo.start)
        if resume is None:
            return None
        self._restoring[partition] = memo, dict(resume.newest)
        return resume.first

    def checkpoint(self, offsets: dict[int, int]) -> None:
        """Have histories written to this machine's disk, as of committed offsets, beside the work."""
        if self._recalls is not None:
            for partition, offset in offsets.items():
                lane = self._lane(partition)
                self._recalls.keep(partition, lane, offset, self._starts[partition], self._rows.span)

    def drop(self, partition: int) -> None:
        """Forget a partition; without a key what was read of the others goes too, since they are one lane."""
        if self._starts.pop(partition, None) is None:
            return
        self._restoring.pop(partition, None)
        if self._recalls is not None:
            self._recalls.drop(partition)
        self._rows.drop(partition)
        self._keeping.drop(partition)
        lane = self._lanes.pop(0 if self._one_lane else partition, None)
        if lane is not None:
            lane.close()

    def load(self, partition: int, records: Records) -> None:
        """Take records of the changelog, in their order."""
        pairs = [(bytes(key or b""), value) for key, value in zip(records.keys, records.values, strict=True)]
        self._rows.load(partition, pairs)
        self._keeping.load(partition, pairs)

    def loaded(self, partition: int) -> None:
        """All of the changelog has been taken."""
        if self._states is not None:
            self._states.loaded(partition)
        self._keeping.loaded(partition)

    def kept_since(self, partition: int) -> int | None:
        """Return from which offset on the changelog has all that is needed of a partition; ``None``: it has not."""
        return self._keeping.since(partition)

    def restore_kept(self, partition: int, first: int) -> bool:
        """Take some of what the changelog has from offset ``first`` on; return whether there is more."""
        if (chunk := self._keeping.next_of_past(partition, first)) is not None:
            self.restore(partition, chunk.records, chunk)
        return chunk is not None

    def restore(self, partition: int, records: Records, kept: Chunk | None = None) -> None:
        """Take records of before the committed offset once more, from the log or as ``kept``; nothing is emitted."""
        lane = self._lane(partition)
        memo, newest = self._restoring[partition]
        arrived = self._arriving.past(records, lane, memo)
        rows, late = arrived.rows, arrived.late
        first = int(records.offsets[0])
        before, closed = dict(newest), np.zeros(len(rows), np.bool_)
        if kept is not None:
            before, late, closed = self._keeping.judged(partition, rows, kept)
        if late is None:
            judging = Lane(lane.number, lane.grace, lane.waiting, newest=newest)
            late = judging.judge(rows, memo.newest.get(partition, self._ahead()))  # what counted then is no later
            self._restoring[partition] = memo, judging.newest
            if not memo.newest:  # the stream begins here, and knows of before what it reads now
                lane.newest |= judging.newest
                lane.settle()
        lane.read(partition, first, before, int(rows.times.max(initial=NEVER)))
        began = rows.offsets >= self._starts[partition] if self._sources is None else np.ones(len(rows), np.bool_)
        if kept is None:
            self._keeping.past(partition, records, arrived, late, before.get(partition, NEVER))
        if lane.windows is not None:
            lane.windows.restore(rows.take(began & ~late & ~closed))
        if lane.history is not None:
            done = missing = ~began | (rows.times <= lane.released) | late
            if self._recalls is not None:
                missing = done & ~self._recalls.known(partition, records.offsets[arrived.read], rows, ~began | late)
            lane.history.add(self._rows.failed.without(rows.take(missing)))
            lane.history.commit()
            if not done.all():
                lane.waiting.add(rows.take(~done))

    def restored(self, partition: int) -> None:
        """All of a partition's past has been read again."""
        self._lane(partition).settle_windows()
        self._keeping.settle(partition)

    def process(self, records: Records) -> BatchResult:
        """Process a batch of records."""
        arrived = self._arriving.new(records, self._lane)
        emission = self._emission()
        emission.failures += arrived.failures
        emission.dropped += arrived.dropped
        changed: Changed = []
        late = np.zeros(len(arrived.rows), np.bool_)
        for number, mine in self._by_lane(records, arrived):
            changed.append((self._lane(number), self._arrive(number, arrived, mine, late, emission)))
        self._note(records, arrived, late)
        self._work(changed, emission)
        result = emission.result(arrived.rows.frame, arrived.positions)
        return result if self._sources is None else replace(result, taken=arrived.records)

    def advance(self, now: int, quiet: list[int]) -> BatchResult | None:
        """Let time pass in partitions that have nothing to read."""
        changed: Changed = []
        due = set(self._keeping.work())
        if not self._spec.in_event_time or self._sources is not None:  # by way of a topic, marks say it
            quiet = []
        for partition in quiet:
            lane = self._lane(partition)
            lane.begin()
            lane.floors[partition] = now - microseconds(self._spec.idle_time)
        for lane in {id(lane): lane for lane in map(self._lane, quiet)}.values():
            before = lane.complete
            lane.settle()
            if lane.complete > before and (lane.waiting or lane.windows):
                changed.append((lane, lane.release()))
        if not (changed or due):
            return None
        emission = self._emission()
        self._touched |= {number for number in quiet if any(self._lane(number) is lane for lane, _ in changed)} | due
        self._work(changed, emission)
        return None if emission.is_empty else emission.result(Rows.empty(self._types).frame, np.empty(0, np.int64))

    def finish(self) -> BatchResult:
        """Process what still waits: nothing more comes."""
        changed: Changed = []
        for lane in self._lanes.values():
            lane.begin()
            lane.finish()
            changed.append((lane, lane.release()))
        self._touched |= set(self._starts)
        emission = self._emission()
        self._work(changed, emission)
        return emission.result(Rows.empty(self._types).frame, np.empty(0, np.int64))

    def touched(self) -> list[int]:
        """Return the partitions whose memo the batch changed."""
        return sorted(self._touched)

    def memo(self, partition: int, offset: int) -> Memo | None:
        """Return what to commit beside ``offset``."""
        if self._states is not None:
            self._states.ends(partition, offset)
        lane = self._lane(partition)
        memo = Memo(start=self._starts[partition], declaration=self._declaration, taken=dict(lane.taken))
        if not self._spec.in_event_time:
            return memo if self._states else None
        needed = lane.needed.get(partition)
        lowest = needed.lowest(lane.needed_since(self._rows.span)) if needed is not None else None
        memo = replace(
            memo,
            complete=lane.complete,
            newest={partition: lane.newest.get(partition, NEVER)} if self._sources is None else dict(lane.newest),
            lowest=None if lowest is None else min(lowest.first, offset),
            newest_at_lowest={} if lowest is None or self._sources is not None else lowest.newest,  # judged before
        )
        return self._keeping.told(partition, memo, offset)

    def size(self) -> tuple[int, int]:
        """Return how many rows are remembered, and how many bytes of memory they take."""
        sizes = [lane.size() for lane in self._lanes.values()]
        if self._states is not None:
            sizes.append(self._states.size())
        return sum(rows for rows, _ in sizes), sum(size for _, size in sizes)

    def commit(self) -> None:
        """The batch is committed."""
        for lane in self._lanes.values():
            lane.commit()
        self._rows.commit()
        for lane in self._lanes.values():
            if lane.history is not None and self._rows.span is not None and lane.reached > NEVER:
                lane.history.expire(lane.reached - self._rows.span)
                self._rows.failed.expire(lane.number, lane.reached - self._rows.span)
        self._keeping.commit()
        self._touched = set()

    def rollback(self) -> None:
        """The batch is not committed, and will come again."""
        for lane in self._lanes.values():
            lane.rollback()
        self._rows.rollback()
        self._keeping.rollback()
        self._touched = set()

    def close(self) -> None:
        """Let go of files and memory."""
        if self._recalls is not None:
            self._recalls.close()
        if self._states is not None:
            self._states.close()
        self._keeping.close_all()
        for lane in self._lanes.values():
            lane.close()
        self._lanes = {}

    def states(self) -> dict[str, pd.DataFrame]:
        """Return all rows of each state, by the text of their key."""
        return self._states.contents() if self._states is not None else {}

    def lanes(self) -> list[Lane]:
        """Return the lanes, for a look at what waits in them between two batches."""
        return list(self._lanes.values())

    def _ahead(self) -> int:
        """Return after which event time a row does not move the watermark."""
        return int((self._clock() + AHEAD.total_seconds()) * 1e6)

    def _emission(self) -> Emission:
        return Emission(self._spec.key, several=len(self._spec.sinks) > 1)

    def _lane(self, partition: int) -> Lane:
        number = 0 if self._one_lane else partition
        if number not in self._lanes:
            lookback, window = self._spec.looks_back, self._spec.windows
            self._lanes[number] = Lane(
                number,
                microseconds(self._spec.grace_time),
                Backlog(self._budget),
                History(self._types, lookback, budget=self._budget) if lookback else None,
                OpenWindows(window, self._budget) if window else None,
            )
        return self._lanes[number]

    def _by_lane(self, records: Records, arrived: Arrived) -> Iterable[tuple[int, Booleans | None]]:
        """Yield a consumed partition of each lane, with the rows of the lane; ``None`` stands for all of them."""
        numbers = np.unique(records.partitions).tolist()
        if self._one_lane or len(numbers) == 1:
            return [(numbers[0], None)] if numbers else []
        return [(number, arrived.consumed == number) for number in numbers]

    def _arrive(
        self, number: int, arrived: Arrived, mine: Booleans | None, are_late: Booleans, emission: Emission
    ) -> list[Rows]:
        """Let rows arrive in a lane and return those that are ready, late ones included, which ``are_late`` is told."""
        lane, places = self._lane(number), slice(None) if mine is None else mine
        lane.begin()
        rows = arrived.rows if mine is None else arrived.rows.take(mine)
        if not self._spec.in_event_time:
            return [rows]
        if arrived.late is None:
            late = lane.judge(rows, self._ahead())
        else:
            late = arrived.late[places].copy()
            lane.mark(arrived.marks.get(number, Marks()))
        if lane.windows is not None:
            in_time = np.flatnonzero(~late)
            refused = lane.windows.add(rows.take(in_time) if late.any() else rows)
            late[in_time[refused]] = True
            are_late[places] = late
            lane.settle()
            if late.any():
                emission.late.append(rows.take(late))
            return []
        lane.settle()
        if not late.any():
            return lane.take(rows)
        are_late[places] = late
        emission.late.append(rows.take(late))
        return [*lane.take(rows.take(~late)), rows.take(late)]

    def _note(self, records: Records, arrived: Arrived, late: Booleans) -> None:
        """Note which partitions a batch touches, and what was read of them."""
        for number in np.unique(records.partitions).tolist():
            self._touched.add(number)
            if not self._spec.in_event_time:
                continue
            lane = self._lane(number)
            mine = arrived.consumed == number
            first, before = int(records.offsets[records.partitions == number][0]), lane.newest_before(number)
            lane.read(number, first, before, int(arrived.rows.times[mine].max(initial=NEVER)))
            self._keeping.note(number, records, arrived, mine, late, before[number])

    def _work(self, changed: Changed, emission: Emission) -> None:
        if self._spec.window:
            self.windows.run([lane for lane, _ in changed], emission, self._keeping.close)
        else:
            self._rows.run([(lane, Rows.concat(rows)) for lane, rows in changed if rows], emission)
            emission.changes += self._rows.changes()
        emission.changes += self._keeping.changes(self._touched)

"""One lane of a stream: partitions whose records are taken in one event-time order, apart from all others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import ALWAYS, NEVER, newest_before
from headrace.engine.history import Backlog, History, Piece
from headrace.engine.needed import Needed, ReadRun
from headrace.engine.repartition_record import Marks
from headrace.engine.rows import Integers, Rows
from headrace.engine.windows import OpenWindows


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a lane was before a batch."""

    newest: dict[int, int]
    floors: dict[int, int]
    complete: int
    waiting: list[Piece]
    needed: dict[int, Needed]
    taken: dict[int, int]


@dataclass(slots=True)
class Lane:
    """The event time of some partitions, the rows that wait for it, and what of the past is kept.

    With a key each partition is a lane of its own, since a key's records are all in one; without one, all partitions
    are one lane. What a batch changes is kept apart until :meth:`commit`.

    Attributes:
        number: the partition of a keyed stream, else 0.
        grace: microseconds.
        waiting: rows in time that are not released yet.
        history: rows that a lookback may still need.
        windows: rows in windows that are still open.
        newest: for each source partition the newest event time seen.
        floors: for each quiet partition the time that the clock gives it.
        complete: every later row that is in time has at least this event time.
        needed: for each consumed partition what was read of it.
        taken: for each source partition the newest offset that came by way of a repartition topic, where records can
            be in it twice.
    """

    number: int
    grace: int
    waiting: Backlog
    history: History | None = None
    windows: OpenWindows | None = None
    newest: dict[int, int] = field(default_factory=dict)
    floors: dict[int, int] = field(default_factory=dict)
    complete: int = NEVER
    needed: dict[int, Needed] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    _kept: _Kept | None = None

    @property
    def released(self) -> int:
        """Rows up to this time, itself included, can be taken: what comes later in time sorts after them."""
        return self.complete - (len(self.newest) > 1)

    @property
    def reached(self) -> int:
        """How far the log itself is, whatever the clock says of quiet partitions."""
        known = [newest for newest in self.newest.values() if newest > NEVER]
        return min(self.complete, min(known) - self.grace) if known else self.complete

    def begin(self) -> None:
        """Keep what the lane is now, until :meth:`commit` or :meth:`rollback`; does nothing the second time."""
        if self._kept is None:
            needed = {number: places.copy() for number, places in self.needed.items()}
            times = dict(self.newest), dict(self.floors), self.complete
            self._kept = _Kept(*times, self.waiting.pieces, needed, dict(self.taken))

    def newest_before(self, partition: int) -> dict[int, int]:
        """Return the newest event time of a partition as it was before the batch."""
        kept = self._kept.newest if self._kept is not None else self.newest
        return {partition: kept.get(partition, NEVER)}

    def judge(self, rows: Rows, ahead_of: int) -> npt.NDArray[np.bool_]:
        """Take note of rows as they arrived and return which are late, bool[n].

        Args:
            rows: of this lane, in offset order within a partition.
            ahead_of: rows after this time, microseconds, do not move the watermark.
        """
        late = np.zeros(len(rows), np.bool_)
        for number in np.unique(rows.partitions).tolist():
            places = np.flatnonzero(rows.partitions == number)
            seen = newest_before(rows.times[places], self.newest.get(number, NEVER), ahead_of)
            late[places] = rows.times[places] < seen[:-1] - self.grace
            self.newest[number] = int(seen[-1])
            self.floors.pop(number, None)
        return late

    def mark(self, marks: Marks) -> None:
        """Take note of how far source partitions are, as stage one of a repartition says."""
        for number, newest in marks.newest.items():
            self.newest[number] = max(self.newest.get(number, NEVER), newest)
            self.floors.pop(number, None)
        self.floors |= marks.floors

    def read(self, partition: int, first: int, newest: dict[int, int], latest: int) -> None:
        """Note that a run of records was read, for :meth:`lowest`."""
        self.needed.setdefault(partition, Needed()).note(ReadRun(first, newest, latest))

    def settle(self) -> None:
        """Say up to where the lane is complete now; that never goes back.

        The clock, which speaks for quiet partitions, goes no further than to the end of what is open or waits: the
        records that come next may be older than the clock, from a replay for example, and are not late for that.
        """
        if not self.newest:
            return
        logs = {number: newest - self.grace if newest > NEVER else NEVER for number, newest in self.newest.items()}
        by_log = min(logs.values())
        reached = min(max(log, self.floors.get(number, NEVER)) for number, log in logs.items())
        if reached > by_log:
            reached = max(by_log, min(reached, self._end_of_all()))
        self.complete = max(self.complete, reached)

    def _end_of_all(self) -> int:
        """Return from when on all that the lane has is complete."""
        ends = [piece.last + 1 for piece in self.waiting.pieces]
        if self.windows is not None:
            ends.append(self.windows.end())
        return max(ends, default=NEVER)

    def settle_windows(self) -> None:
        """Leave out, when all of the past has been read again, the windows that had closed."""
        if self.windows is not None and self.complete > NEVER:
            self.windows.settle(self.complete, self.released)

    def needed_since(self, span: int | None) -> int | None:
        """Return from which event time on rows are still needed, ``None`` when none are.

        Args:
            span: the lookback, microseconds; ``None``: so many rows are needed, however old.
        """
        if self.windows is not None:
            return self.windows.earliest()
        if span is None:
            return NEVER
        horizon, earliest = self.reached - span, self.waiting.earliest
        return horizon if earliest is None else min(earliest, horizon)

    def finish(self) -> None:
        """Nothing more comes: everything is complete."""
        self.complete = ALWAYS

    def take(self, rows: Rows) -> list[Rows]:
        """Take rows that have arrived in time; return those that can be taken on, with what waited; others wait."""
        ready = self.release()
        is_ready = rows.times <= self.released
        if is_ready.all():
            return [*ready, rows]
        self.waiting.add(rows.take(~is_ready))
        return [*ready, rows.take(is_ready)] if is_ready.any() else ready

    def release(self) -> list[Rows]:
        """Return the waiting rows that can be taken; the others go on waiting."""
        return self.waiting.up_to(self.released)

    def size(self) -> tuple[int, int]:
        """Return how many rows wait, are in open windows or in the history, and the bytes of memory they take."""
        kept = [part for part in (self.waiting, self.windows, self.history) if part is not None]
        return sum(map(len, kept)), sum(part.nbytes for part in kept)

    def places(self) -> list[tuple[npt.NDArray[np.int32], Integers]]:
        """Return the source partitions and offsets of all rows that the lane has, in runs."""
        pieces = [*self.waiting.pieces, *(self.windows.pieces if self.windows is not None else [])]
        segments = self.history.segments() if self.history is not None else []
        found = [(piece.partitions, piece.offsets) for piece in pieces]
        return found + [(segment.partitions, segment.offsets) for segment in segments]

    def commit(self) -> None:
        """Keep what the batch changed."""
        self._kept = None
        if self.history is not None:
            self.history.commit()
        if self.windows is not None:
            self.windows.commit()

    def rollback(self) -> None:
        """Be again what the lane was before the batch."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self.newest, self.floors, self.complete = kept.newest, kept.floors, kept.complete
            self.waiting.pieces, self.needed, self.taken = kept.waiting, kept.needed, kept.taken
        if self.history is not None:
            self.history.rollback()
        if self.windows is not None:
            self.windows.rollback()

    def close(self) -> None:
        """Let go of files and memory."""
        if self.history is not None:
            self.history.close()

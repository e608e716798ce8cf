"""The rows of one lane whose windows have not closed yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import ALWAYS, NEVER, microseconds
from headrace.engine.rows import Integers, Rows
from headrace.engine.windows.alignment import Alignment
from headrace.engine.windows.closed import Closed
from headrace.spec import Window

_MOST_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows that wait, and the earliest and latest of their times."""

    rows: Rows
    first: int
    last: int

    @classmethod
    def of(cls, rows: Rows) -> _Chunk:
        return cls(rows, int(rows.times.min()), int(rows.times.max()))


@dataclass(frozen=True, slots=True)
class _Kept:
    """What it was before a batch."""

    chunks: list[_Chunk]
    closed: int


class OpenWindows:
    """Keeps rows until the windows they are in are complete; each window closes once.

    What a batch changes is undone by :meth:`rollback`.

    Args:
        window: which windows.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._gap = microseconds(window.size)
        self._alignment = None if window.per_key else Alignment(window)
        self._chunks: list[_Chunk] = []
        self._closed = NEVER
        self._kept: _Kept | None = None

    def __len__(self) -> int:
        return sum(len(chunk.rows) for chunk in self._chunks)

    def waiting(self) -> list[Rows]:
        """Return the rows that wait, in runs."""
        return [chunk.rows for chunk in self._chunks]

    def add(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Take rows, in any order; return bool[n], those that are in no window that is still open.

        That can happen to rows that are in time when the clock closed the windows of a quiet partition.
        """
        self._keep()
        refused = self._refused(rows)
        taken = rows.take(~refused) if refused.any() else rows
        if len(taken):
            self._chunks.append(_Chunk.of(taken))
            if len(self._chunks) > _MOST_CHUNKS:
                self._chunks = [_Chunk.of(Rows.concat([chunk.rows for chunk in self._chunks]))]
        return refused

    def close(self, complete: int, released: int) -> Closed | None:
        """Return the windows that are complete, and forget them.

        Args:
            complete: no row before this time comes any more, microseconds.
            released: rows up to this time, itself included, are in their final order.
        """
        self._keep()
        before, self._closed = self._closed, max(self._closed, complete)
        if self._window.kind == "session":
            return self._close(lambda rows: self._sessions(rows, complete), complete)
        if self._window.kind == "count":
            return self._close(lambda rows: self._counted(rows, released), released)
        return self._close_aligned(before, complete)

    def close_all(self) -> Closed | None:
        """Return all that is left: nothing more comes. Counts that are not reached give nothing."""
        return self.close(ALWAYS, ALWAYS)

    def earliest(self) -> int | None:
        """Return from which event time on rows have to be read again after a restart, ``None`` when none have.

        To count a key's rows, all of them are needed.
        """
        if self._window.kind == "count":
            return NEVER
        return min((chunk.first for chunk in self._chunks), default=None)

    def restore(self, rows: Rows) -> None:
        """Take rows that are read again after a restart and were in time when they came; :meth:`settle` follows.

        For ``count`` they are all there ever were.
        """
        if len(rows):
            self._chunks.append(_Chunk.of(rows))

    def settle(self, complete: int, released: int) -> None:
        """Leave out, when all has been read again, what had closed before the restart.

        A session that has closed stays closed when only a part of it is read again: the part ends no later than the
        whole, so that it is complete too.

        Args:
            complete: as it was committed.
            released: likewise.
        """
        self.close(complete, released)
        self._kept = None

    def commit(self) -> None:
        """Keep what the batch changed."""
        self._kept = None

    def rollback(self) -> None:
        """Be again what it was before the batch."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._chunks, self._closed = kept.chunks, kept.closed

    def _keep(self) -> None:
        if self._kept is None:
            self._kept = _Kept(list(self._chunks), self._closed)

    def _refused(self, rows: Rows) -> npt.NDArray[np.bool_]:
        if self._closed == NEVER:
            return np.zeros(len(rows), np.bool_)
        if self._alignment is not None:
            return self._alignment.bounds(rows.times)[1] <= self._closed
        if self._window.kind == "session":
            return rows.times + self._gap < self._closed
        return rows.times < self._closed

    def _close_aligned(self, before: int, complete: int) -> Closed | None:
        assert self._alignment is not None  # noqa: S101  by the caller
        found: list[Rows] = []
        starts: list[Integers] = []
        ends: list[Integers] = []
        waiting: list[_Chunk] = []
        for chunk in self._chunks:
            if chunk.first >= complete:
                waiting.append(chunk)
                continue
            rows = chunk.rows
            left = np.zeros(len(rows), np.bool_)
            for back in range(self._alignment.overlaps):
                first, end = self._alignment.bounds(rows.times, back)
                inside = (first <= rows.times) & (rows.times < end)
                done = inside & (before < end) & (end <= complete)
                left |= inside & (end > complete)
                if done.any():
                    found.append(rows.take(done))
                    starts.append(first[done])
                    ends.append(end[done])
            if left.all():
                waiting.append(chunk)
            elif left.any():
                waiting.append(_Chunk.of(rows.take(left)))
        self._chunks = waiting
        if not found:
            return None
        return Closed.of(Rows.concat(found), np.concatenate(starts), np.concatenate(ends), by_key=False)

    def _close(
        self, find: Callable[[Rows], tuple[npt.NDArray[np.bool_], Integers, Integers]], until: int
    ) -> Closed | None:
        """Close windows of single keys: ``find`` says which of all rows are in closed ones, and their bounds."""
        if not any(chunk.first < until for chunk in self._chunks):
            return None
        rows = Rows.concat([chunk.rows for chunk in self._chunks])
        rows = rows.take(np.lexsort((rows.offsets, rows.partitions, rows.times, rows.hashes)))
        done, starts, ends = find(rows)
        self._chunks = [_Chunk.of(rows.take(~done))] if not done.all() else []
        if not done.any():
            return None
        return Closed.of(rows.take(done), starts[done], ends[done], by_key=True)

    def _sessions(self, rows: Rows, complete: int) -> tuple[npt.NDArray[np.bool_], Integers, Integers]:
        """Return which rows are in sessions that are over; ``rows`` are by key and time."""
        begins = np.append(True, (rows.hashes[1:] != rows.hashes[:-1]) | (np.diff(rows.times) > self._gap))
        numbers = np.cumsum(begins) - 1
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], len(rows)) - 1
        ends = rows.times[lasts] + self._gap
        return (ends < complete)[numbers], rows.times[firsts][numbers], ends[numbers]

    def _counted(self, rows: Rows, released: int) -> tuple[npt.NDArray[np.bool_], Integers, Integers]:
        """Return which rows are in full counts; ``rows`` are by key and time."""
        size, count = self._window.count, len(rows)
        ready = rows.times <= released  # the first of each key, since they are by time
        begins = np.append(True, rows.hashes[1:] != rows.hashes[:-1])
        first_of = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        rank = np.arange(count) - first_of
        ready_of_key = np.add.reduceat(ready.astype(np.int64), np.flatnonzero(begins))[np.cumsum(begins) - 1]
        done = rank < ready_of_key // size * size
        opening = first_of + rank // size * size
        closing = np.minimum(opening + size - 1, count - 1)
        return done, rows.times[opening], rows.times[closing]

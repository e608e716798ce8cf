"""The rows of one lane whose windows have not closed yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import ALWAYS, NEVER, microseconds
from headrace.engine.history import Backlog, MemoryBudget, Piece
from headrace.engine.rows import Integers, Rows
from headrace.engine.windows.alignment import Alignment
from headrace.engine.windows.closed import Closed
from headrace.spec import Window

MOST_CLOSING = 500_000
"""Rows of windows that are handed over together; one window can be more."""

_PART = 4
"""So many rows take one part in so many of the memory budget at most."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What it was before a batch."""

    pieces: list[Piece]
    closed: int


@dataclass(frozen=True, slots=True)
class _Places:
    """Rows that wait, by key, time, partition and offset.

    Attributes:
        order: int64[n], where each of them stands among those of all pieces.
        hashes: uint64[n], of their keys.
        times: int64[n], microseconds.
    """

    order: npt.NDArray[np.intp]
    hashes: npt.NDArray[np.uint64]
    times: Integers

    @classmethod
    def of(cls, pieces: list[Piece]) -> _Places:
        hashes = np.concatenate([piece.hashes for piece in pieces])
        times = np.concatenate([piece.times for piece in pieces])
        partitions = np.concatenate([piece.partitions for piece in pieces])
        order = np.lexsort((np.concatenate([piece.offsets for piece in pieces]), partitions, times, hashes))
        return cls(order, hashes[order], times[order])


Found = tuple[npt.NDArray[np.bool_], Integers, Integers, Integers]
"""Which rows are in closed windows, their starts and ends, and numbers of windows that have the same."""


class OpenWindows:
    """Keeps rows until the windows they are in are complete; each window closes once.

    Rows are in memory or, over the budget, on disk. What a batch changes is undone by :meth:`rollback`.

    Args:
        window: which windows.
        budget: says what goes to disk.
    """

    def __init__(self, window: Window, budget: MemoryBudget) -> None:
        self._window = window
        self._gap = microseconds(window.size)
        self._alignment = None if window.per_key else Alignment(window)
        self._backlog = Backlog(budget)
        self._closed = NEVER
        self._kept: _Kept | None = None

    def __len__(self) -> int:
        return len(self._backlog)

    @property
    def nbytes(self) -> int:
        """Bytes of rows in memory."""
        return self._backlog.nbytes

    @property
    def pieces(self) -> list[Piece]:
        """The rows that wait."""
        return self._backlog.pieces

    def hashes(self) -> npt.NDArray[np.uint64]:
        """Return the hashes of the keys that wait, each once."""
        found = [piece.hashes for piece in self._backlog.pieces]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)

    def add(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Take rows, in any order; return bool[n], those that are in no window that is still open.

        That can happen to rows that are in time when the clock closed the windows of a quiet partition.
        """
        self._keep()
        refused = self._refused(rows)
        self._backlog.add(_bare(rows.take(~refused) if refused.any() else rows))
        return refused

    def cuts(self, complete: int) -> Integers:
        """Return times, ascending, microseconds: closing up to one after the other hands over few rows at a time.

        Args:
            complete: as for :meth:`close`; not among the times.
        """
        most = self._backlog.share(MOST_CLOSING, _PART)
        if self._alignment is not None:
            most = max(1, most // self._alignment.overlaps)
        pieces = [piece for piece in self._backlog.pieces if piece.first < complete and piece.due <= complete]
        if sum(map(len, pieces)) <= most:
            return np.empty(0, np.int64)
        times = np.concatenate([piece.times for piece in pieces])
        times = np.sort(times[times < complete])
        return np.unique(times[most::most])

    def close(self, complete: int, released: int, *, taken: bool = True) -> Closed | None:
        """Return the windows that are complete, and forget them.

        Args:
            complete: no row before this time comes any more, microseconds.
            released: rows up to this time, itself included, are in their final order.
            taken: else nobody wants the windows, and nothing is returned.
        """
        self._keep()
        before, self._closed = self._closed, max(self._closed, complete)
        if self._window.kind == "session":
            return self._close(lambda rows: self._sessions(rows, complete), complete, taken=taken)
        if self._window.kind == "count":
            return self._close(lambda rows: self._counted(rows, released), released, taken=taken)
        return self._close_aligned(before, complete, taken=taken)

    def close_all(self) -> Closed | None:
        """Return all that is left: nothing more comes. Counts that are not reached give nothing."""
        return self.close(ALWAYS, ALWAYS)

    def earliest(self) -> int | None:
        """Return from which event time on rows have to be read again after a restart, ``None`` when none have.

        To count a key's rows, all of them are needed.
        """
        if self._window.kind == "count":
            return NEVER
        return self._backlog.earliest

    def end(self) -> int:
        """Return from which time on all windows are complete that are open now, microseconds."""
        if not self._backlog.pieces:
            return NEVER
        last = max(piece.last for piece in self._backlog.pieces)
        if self._alignment is not None:
            return int(self._alignment.bounds(np.array([last]))[1][0])
        return last + 1 + (self._gap if self._window.kind == "session" else 0)

    def restore(self, rows: Rows) -> None:
        """Take rows that are read again after a restart and were in time when they came; :meth:`settle` follows.

        For ``count`` they are all there ever were.
        """
        self._backlog.add(_bare(rows))

    def settle(self, complete: int, released: int) -> None:
        """Leave out, when all has been read again, what had closed before the restart.

        A session that has closed stays closed when only a part of it is read again: the part ends no later than the
        whole, so that it is complete too.

        Args:
            complete: as it was committed.
            released: likewise.
        """
        self.close(complete, released, taken=False)
        self._kept = None

    def commit(self) -> None:
        """Keep what the batch changed."""
        self._kept = None

    def rollback(self) -> None:
        """Be again what it was before the batch."""
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._backlog.pieces, self._closed = kept.pieces, kept.closed

    def _keep(self) -> None:
        if self._kept is None:
            self._kept = _Kept(self._backlog.pieces, self._closed)

    def _refused(self, rows: Rows) -> npt.NDArray[np.bool_]:
        if self._closed == NEVER:
            return np.zeros(len(rows), np.bool_)
        if self._alignment is not None:
            return self._alignment.bounds(rows.times)[1] <= self._closed
        if self._window.kind == "session":
            return rows.times + self._gap < self._closed
        return rows.times < self._closed

    def _close_aligned(self, before: int, complete: int, *, taken: bool) -> Closed | None:
        assert self._alignment is not None  # noqa: S101  by the caller
        found: list[Rows] = []
        starts: list[Integers] = []
        ends: list[Integers] = []
        waiting: list[Piece | None] = []
        for piece in self._backlog.pieces:
            if piece.first >= complete or piece.due > complete:
                waiting.append(piece)
                continue
            times = piece.times
            left = np.zeros(len(times), np.bool_)
            due = ALWAYS
            for back in range(self._alignment.overlaps):
                first, end = self._alignment.bounds(times, back)
                inside = (first <= times) & (times < end)
                done = inside & (before < end) & (end <= complete)
                open_ = inside & (end > complete)
                left |= open_
                due = min(due, int(end[open_].min(initial=ALWAYS)))
                if taken and done.any():
                    found.append(piece.take(done))
                    starts.append(first[done])
                    ends.append(end[done])
            rest = piece.only(left)
            waiting.append(rest and replace(rest, due=due))
        self._backlog.keep(waiting)
        if not found:
            return None
        return Closed.of(Rows.concat(found), np.concatenate(starts), np.concatenate(ends), by_key=False)

    def _close(self, find: Callable[[_Places], Found], until: int, *, taken: bool) -> Closed | None:
        """Close windows of single keys: ``find`` says which rows are in closed ones, their bounds and numbers."""
        pieces = self._backlog.pieces
        if not any(piece.first < until for piece in pieces):
            return None
        places = _Places.of(pieces)
        is_done, *columns = find(places)
        done = np.empty(len(is_done), np.bool_)
        done[places.order] = is_done
        if not done.any():
            return None
        by_piece = np.split(done, np.cumsum([len(piece) for piece in pieces])[:-1])
        rows = [piece.take(own) for piece, own in zip(pieces, by_piece, strict=True) if own.any()] if taken else []
        self._backlog.keep([piece.only(~own) for piece, own in zip(pieces, by_piece, strict=True)])
        if not rows:
            return None
        starts, ends, numbers = (_put_back(column, places.order)[done] for column in columns)
        return Closed.of(Rows.concat(rows), starts, ends, by_key=True, numbers=numbers)

    def _sessions(self, rows: _Places, complete: int) -> Found:
        """Return which rows are in sessions that are over; ``rows`` are by key and time."""
        begins = np.append(True, (rows.hashes[1:] != rows.hashes[:-1]) | (np.diff(rows.times) > self._gap))
        numbers = np.cumsum(begins) - 1
        firsts = np.flatnonzero(begins)
        lasts = np.append(firsts[1:], len(rows.times)) - 1
        ends = rows.times[lasts] + self._gap
        return (ends < complete)[numbers], rows.times[firsts][numbers], ends[numbers], np.zeros(len(numbers), np.int64)

    def _counted(self, rows: _Places, released: int) -> Found:
        """Return which rows are in full counts; ``rows`` are by key and time."""
        size, count = self._window.count, len(rows.times)
        ready = rows.times <= released  # the first of each key, since they are by time
        begins = np.append(True, rows.hashes[1:] != rows.hashes[:-1])
        first_of = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        rank = np.arange(count) - first_of
        ready_of_key = np.add.reduceat(ready.astype(np.int64), np.flatnonzero(begins))[np.cumsum(begins) - 1]
        done = rank < ready_of_key // size * size
        opening = first_of + rank // size * size
        closing = np.minimum(opening + size - 1, count - 1)
        return done, rows.times[opening], rows.times[closing], rank // size


def _bare(rows: Rows) -> Rows:
    """Return rows without what no window needs of them."""
    return rows if rows.keys is None and rows.headers is None else replace(rows, keys=None, headers=None)


def _put_back(column: Integers, order: npt.NDArray[np.intp]) -> Integers:
    """Return a column of rows that are in ``order`` in the order they had before."""
    found = np.empty_like(column)
    found[order] = column
    return found

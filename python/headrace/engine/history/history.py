"""The past of a lane's keys, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import NEVER, microseconds
from headrace.engine.history.budget import MemoryBudget
from headrace.engine.history.segment import Segment
from headrace.engine.rows import Integers, Rows
from headrace.spec import ColumnType, Lookback

MOST_ROWS = 1_000_000
"""Rows, new ones and their past, in one call of the function; a key's past alone can be more."""

_PART = 2
"""So many take one part in so many of the memory budget at most."""

LARGEST = 1_000_000
"""Rows of a segment above which it is not merged any more, so that a merge needs bounded memory."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first new row of each key, in the order of the hashes."""

    hashes: npt.NDArray[np.uint64]
    times: Integers
    partitions: npt.NDArray[np.int32]
    offsets: Integers


class History:
    """Rows of one lane that its lookback may still need: runs sorted by key and time, merged as they grow.

    Neighbouring runs of similar size are merged (a log-structured merge tree, O'Neil et al. 1996), so that a row is
    moved a logarithmic number of times; no step loops over keys or rows. What a batch adds is seen at once and kept
    apart until :meth:`commit`.

    Args:
        types: the pinned dtypes of the rows' columns.
        lookback: how far back is needed.
        budget: says what goes to disk.
    """

    def __init__(self, types: Mapping[str, ColumnType], lookback: Lookback, *, budget: MemoryBudget) -> None:
        self._types = types
        self._span = microseconds(lookback.span) if lookback.span is not None else None
        self._rows = lookback.rows or 0
        self._budget = budget
        self._segments: list[Segment] = []
        self._staged: list[Segment] = []
        self._horizon = NEVER
        self._nothing = Rows.empty(types)

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    @property
    def most_rows(self) -> int:
        """How many rows, new ones and their past, may be in one call, so that it needs bounded memory."""
        return self._budget.share(self.size, len(self), _PART, MOST_ROWS)

    @property
    def size(self) -> int:
        """Bytes of what is remembered, wherever it is."""
        return sum(segment.size for segment in self._segments)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(segment.nbytes for segment in self._segments)

    def before(self, new: Rows) -> Rows:
        """Return the past of the keys of ``new``, in any order.

        With a span: a key's rows from that long before its first new row on, both ends included. With a number of
        rows: that many right before its first new row, and all that come after it in time.

        Args:
            new: rows of this lane, at least one.
        """
        first = _first_of(new)
        places = [(segment, _places(*self._ranges(segment, first))) for segment in self._all()]
        filled = [segment.take(own) for segment, own in places if len(own)]
        if not filled:
            return self._nothing
        rows = Rows.concat(filled)
        return rows if self._span is not None or len(filled) == 1 else self._last_before(rows, first)

    def counts_before(self, new: Rows) -> tuple[npt.NDArray[np.uint64], Integers]:
        """Return the hashes of the keys of ``new``, ascending, and how many rows of each :meth:`before` has at most."""
        first = _first_of(new)
        counts = np.zeros(len(first.hashes), np.int64)
        for segment in self._all():
            starts, ends = self._ranges(segment, first)
            counts += np.maximum(ends - starts, 0)
        return first.hashes, counts

    def add(self, rows: Rows) -> None:
        """Remember rows, in any order."""
        if len(rows):
            self._staged.append(Segment.of(rows))
            self._merge(self._staged)  # a batch that is bisected adds many

    def expire(self, before: int) -> None:
        """Forget rows with an event time before ``before`` (microseconds), sooner or later."""
        self._horizon = max(self._horizon, before)
        self._segments = [segment for segment in self._segments if segment.newest >= self._horizon]

    def commit(self) -> None:
        """Keep what was added."""
        for segment in self._staged:
            self._segments.append(segment)
            self._merge(self._segments)
            self._budget.add(self._segments[-1])
        self._staged = []

    def segments(self) -> list[Segment]:
        """Return all that is remembered and committed; segments never change, so another thread can read them."""
        return list(self._segments)

    def recall(self, segments: list[Segment]) -> None:
        """Take on what another history gave by :meth:`segments`."""
        self._segments = list(segments)

    def rollback(self) -> None:
        """Forget what was added since the last commit."""
        self._staged = []

    def close(self) -> None:
        """Let go of everything."""
        self._segments, self._staged = [], []

    def _merge(self, segments: list[Segment]) -> None:
        """Merge the last of ``segments`` with those before it that are not much larger, in place."""
        limit = LARGEST if self._span is not None else None
        while len(segments) > 1:
            last, one_before = segments[-1], segments[-2]
            total = len(last) + len(one_before)
            if len(one_before) > 2 * len(last) or (limit is not None and total > limit):
                return
            rows = Rows.concat([one_before.whole(), last.whole()])
            order = np.lexsort((rows.offsets, rows.partitions, rows.times, rows.hashes))
            kept = self._still_needed(rows.hashes[order], rows.times[order])
            segments[-2:] = [Segment.of_sorted(rows.take(order[kept]))] if kept.any() else []

    def _still_needed(self, hashes: npt.NDArray[np.uint64], times: Integers) -> npt.NDArray[np.bool_]:
        """Return which of sorted rows may still be needed, bool[n]."""
        if self._span is not None:
            return np.asarray(times >= self._horizon)
        ends = np.flatnonzero(np.append(hashes[1:] != hashes[:-1], True))
        end_of = np.repeat(ends, np.diff(ends, prepend=-1))
        return end_of - np.arange(len(hashes)) < self._rows

    def _all(self) -> list[Segment]:
        return [*self._segments, *self._staged]

    def _ranges(self, segment: Segment, first: _First) -> tuple[Integers, Integers]:
        """Return for each key where its rows that may be needed begin and end in a segment.

        They end with the last; by a number of rows they begin that many before the first new one.
        """
        starts, ends = segment.ranges(first.hashes)
        if not (starts < ends).any():
            return starts, ends
        if self._span is not None:
            return segment.first_at(starts, ends, first.times - self._span), ends
        places = segment.first_at(starts, ends, first.times)
        ties = np.flatnonzero((places < ends) & (segment.times[np.minimum(places, len(segment) - 1)] == first.times))
        for row in ties.tolist():  # rows of the very same time and key
            while places[row] < ends[row] and (
                segment.times[places[row]],
                segment.partitions[places[row]],
                segment.offsets[places[row]],
            ) < (first.times[row], first.partitions[row], first.offsets[row]):
                places[row] += 1
        return np.maximum(starts, places - self._rows), ends

    def _last_before(self, rows: Rows, first: _First) -> Rows:
        """Return of candidates from several segments those that are right before each first row, and all after it."""
        key = np.searchsorted(first.hashes, rows.hashes)
        same = rows.times == first.times[key]
        place = (rows.partitions < first.partitions[key]) | (
            (rows.partitions == first.partitions[key]) & (rows.offsets < first.offsets[key])
        )
        before = (rows.times < first.times[key]) | (same & place)
        order = np.lexsort((rows.offsets, rows.partitions, rows.times, ~before, key))
        counts = np.bincount(key[before], minlength=len(first.hashes))
        begins = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=len(first.hashes)))[:-1]])
        rank = np.arange(len(rows)) - begins[key[order]]
        kept = ~before[order] | (rank >= counts[key[order]] - self._rows)
        return rows.take(order[kept])


def _first_of(new: Rows) -> _First:
    order = np.lexsort((new.offsets, new.partitions, new.times, new.hashes))
    hashes = new.hashes[order]
    begins = order[np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))]
    return _First(new.hashes[begins], new.times[begins], new.partitions[begins], new.offsets[begins])


def _places(starts: Integers, ends: Integers) -> Integers:
    """Return all places of the ranges, one range after the other."""
    lengths = np.maximum(ends - starts, 0)
    shifts = np.repeat(starts - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(np.arange(int(lengths.sum()), dtype=np.int64) + shifts)

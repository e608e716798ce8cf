"""How far back in the log a sample's rows need records."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import NEVER, microseconds, newest_before
from headrace.engine.rows import Rows
from headrace.spec import StreamSpec

_HOUR = 3_600_000_000
_SESSIONS = 10
"""So many pauses before a sample its sessions are looked for; longer ones are cut, and counted as that."""


class NeededPast:
    """Says, while a partition is read backwards, whether what comes before can still be needed.

    With a lookback in time, rows from that long before the sample's first row in time on are needed; with one in
    rows, that many of each of the sample's keys; with windows, those in a window with a row of the sample. A row of
    before a run of records can only be later than all of the run when the whole run is late, which more than the grace
    says; so a run that ends before what is needed is the last.

    Args:
        spec: the stream's declaration.
        rows: the sample's, each partition in the order of its offsets.
        together: the rows of a key, or of a window, are in several partitions.
        ahead_of: rows after this time do not count as how far a partition is, microseconds.
    """

    def __init__(self, spec: StreamSpec, rows: Rows, *, together: bool, ahead_of: int) -> None:
        self._rows = rows
        self._grace = microseconds(spec.grace_time)
        self._ahead_of = ahead_of
        lookback, window = spec.looks_back, spec.windows
        self._span = microseconds(lookback.span) if lookback is not None and lookback.span is not None else None
        self._count = lookback.rows if lookback is not None else None
        before = self._span or 0
        if window is not None:
            clocks_change = _HOUR if window.timezone else 0
            size = microseconds(window.size) * (_SESSIONS if window.kind == "session" else 1)
            before = size + clocks_change + self._grace
        numbers = np.unique(rows.partitions).tolist()
        self._from = {number: self._first_in_time(number) - before for number in numbers}
        keys = {number: set(rows.hashes[rows.partitions == number].tolist()) for number in numbers}
        if together:
            self._from = dict.fromkeys(numbers, min(self._from.values(), default=NEVER))
            keys = {number: set(rows.hashes.tolist()) for number in numbers}
        if window is not None and window.kind == "count":
            self._from = dict.fromkeys(numbers, NEVER)
        self._found: dict[int, Counter[int]] = {number: Counter() for number in numbers}
        self._wanted = keys

    def enough(self, number: int, rows: Rows) -> bool:
        """Return whether nothing before ``rows`` can be needed of a partition; they come right before the last ones."""
        if number not in self._from:
            return True
        times = rows.times[rows.times <= self._ahead_of]
        if not len(times):
            return False
        newest = int(times.max())
        if self._count is None:
            return newest < self._from[number] - self._grace
        found = self._found[number]
        was_enough = self._has_counted(number)
        if was_enough and newest < self._from[number] - self._grace:
            return True
        hashes, counts = np.unique(rows.hashes, return_counts=True)
        found.update(dict(zip(hashes.tolist(), counts.tolist(), strict=True)))
        if not was_enough:
            self._from[number] = int(times.min())
        return False

    def incomplete(self, past: Rows, known: dict[int, int]) -> npt.NDArray[np.bool_]:
        """Return which of the sample's rows have less history than there is, bool[n].

        Args:
            past: what was read.
            known: by partition from which event time on all its rows are known.
        """
        rows = self._rows
        since = np.array([known.get(number, NEVER) for number in rows.partitions.tolist()], np.int64)
        if self._span is not None:
            return np.asarray(rows.times - self._span < since)
        if self._count is None:
            return np.zeros(len(rows), np.bool_)
        return (since > NEVER) & (self._rows_before(past, known) < self._count)

    def _has_counted(self, number: int) -> bool:
        return all(self._found[number][key] >= (self._count or 0) for key in self._wanted[number])

    def _first_in_time(self, number: int) -> int:
        """Return the event time of the first of a partition's rows that are in time."""
        times = self._rows.times[self._rows.partitions == number]
        seen = newest_before(times, NEVER, self._ahead_of)[:-1]
        return int(times[times >= seen - self._grace].min())

    def _rows_before(self, past: Rows, known: dict[int, int]) -> npt.NDArray[np.int64]:
        """Return for each of the sample's rows how many known rows of its key are before it."""
        hashes = np.concatenate([past.hashes, self._rows.hashes])
        times = np.concatenate([past.times, self._rows.times])
        partitions = np.concatenate([past.partitions, self._rows.partitions])
        offsets = np.concatenate([past.offsets, self._rows.offsets])
        since = np.array([known.get(number, NEVER) for number in partitions.tolist()], np.int64)
        order = np.lexsort((offsets, partitions, times, hashes))
        counted = (times >= since)[order]
        begins = np.append(True, hashes[order][1:] != hashes[order][:-1])
        before: npt.NDArray[np.int64] = np.cumsum(counted) - counted
        of_key: npt.NDArray[np.int64] = before - before[np.flatnonzero(begins)][np.cumsum(begins) - 1]
        found = np.empty(len(order), np.int64)
        found[order] = of_key
        return found[len(past) :]

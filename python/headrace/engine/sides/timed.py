"""Rows of a side input in event time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from headrace.engine.event_time import ALWAYS, NEVER, microseconds
from headrace.engine.rows import Rows
from headrace.spec import ColumnType, SideInput


class TimedRows:
    """Keeps rows by event time, ties by partition and offset, and hands out those of a span of time.

    They lie in runs that are in order each, a long one and few short ones, so that a trickle of new rows does not
    copy all that is there.

    Args:
        side: what is declared.
        types: pandas dtype of each column.
    """

    def __init__(self, side: SideInput, types: dict[str, ColumnType]) -> None:
        self._span = None if side.lookback is None else microseconds(side.lookback)
        self._empty = Rows.empty(types)
        self._runs: list[Rows] = []
        self._expired = NEVER

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, rows: Rows) -> None:
        """Take rows in any order."""
        if not len(rows):
            return
        self._runs.append(rows.ordered())
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._runs[-2:] = [Rows.concat(self._runs[-2:]).ordered()]

    def needed_from(self, first: int) -> int:
        """Return from which event time on rows are needed for main rows from ``first`` on."""
        return NEVER if self._span is None else first - self._span

    def has_expired(self, first: int) -> bool:
        """Return whether rows that main rows from ``first`` on need are no longer kept."""
        return self.needed_from(first) < self._expired

    def frame(self, first: int, last: int) -> pd.DataFrame:
        """Return the rows of main rows from ``first`` to ``last``, in event-time order, with a 0-based index.

        With a lookback they begin that much before ``first``; both ends are included.
        """
        pieces = [piece for run in self._runs if len(piece := _between(run, self.needed_from(first), last))]
        rows = Rows.concat(pieces).ordered() if pieces else self._empty
        return rows.frame.copy(deep=False)

    def expire(self, first: int) -> None:
        """Let go of rows that main rows from ``first`` on do not need."""
        needed = self.needed_from(first)
        if needed <= self._expired:
            return
        kept = []
        for run in self._runs:
            begin = int(np.searchsorted(run.times, needed))
            if begin * 2 < len(run):
                kept.append(run)  # what is gone of it is little; a copy would cost more
            elif begin < len(run):
                kept.append(run.take(np.arange(begin, len(run))))
        if len(kept) < len(self._runs) or any(one is not other for one, other in zip(kept, self._runs, strict=True)):
            self._expired = needed
        self._runs = kept

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self._runs = []
        self._expired = NEVER


def _between(run: Rows, first: int, last: int) -> Rows:
    begin = int(np.searchsorted(run.times, first))
    end = int(np.searchsorted(run.times, min(last, ALWAYS), side="right"))
    if begin == 0 and end == len(run):
        return run
    return run.take(np.arange(begin, end))

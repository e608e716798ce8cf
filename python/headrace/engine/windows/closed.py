"""Windows that have just closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from headrace.engine.rows import Integers, Rows


@dataclass(frozen=True, slots=True)
class Closed:
    """Complete windows, one after the other: by end, then start; inside by event time, source partition and offset.

    Attributes:
        rows: n rows; one in several windows is there as often.
        starts: int64[n], the start of each row's window in microseconds.
        ends: int64[n], its end, not included but for a session.
        windows: int64[n], ascending: the number of each row's window.
        numbers: int64[n], tells windows of one key apart that have the same bounds; ``None`` where there are none.
        by_key: rows of different keys are in different windows.
        lanes: int64[n], which of the lanes that closed together a row is of; ``None``: there is but one.
    """

    rows: Rows
    starts: Integers
    ends: Integers
    windows: Integers
    numbers: Integers | None
    by_key: bool
    lanes: Integers | None = None

    @classmethod
    def of(
        cls,
        rows: Rows,
        starts: Integers,
        ends: Integers,
        *,
        by_key: bool,
        numbers: Integers | None = None,
        lanes: Integers | None = None,
    ) -> Closed:
        """Return windows from rows in any order; the arguments are the attributes, without the order."""
        hashes = rows.hashes if by_key else np.zeros(len(rows), np.uint64)
        within = () if numbers is None else (numbers,)
        order = np.lexsort((rows.offsets, rows.partitions, rows.times, *within, hashes, starts, ends))
        rows, starts, ends, hashes = rows.take(order), starts[order], ends[order], hashes[order]
        changes = (np.diff(starts) != 0) | (np.diff(ends) != 0) | (hashes[1:] != hashes[:-1])
        if numbers is not None:
            numbers = numbers[order]
            changes |= np.diff(numbers) != 0
        windows = np.concatenate([[0], np.cumsum(changes)]).astype(np.int64)
        return cls(rows, starts, ends, windows, numbers, by_key, None if lanes is None else lanes[order])

    @classmethod
    def together(cls, several: list[Closed]) -> Closed:
        """Return the windows of several lanes; the same window of several lanes is one, unless it is a key's."""
        if len(several) == 1:
            return several[0]
        numbers = [closed.numbers for closed in several if closed.numbers is not None]
        return cls.of(
            Rows.concat([closed.rows for closed in several]),
            np.concatenate([closed.starts for closed in several]),
            np.concatenate([closed.ends for closed in several]),
            by_key=several[0].by_key,
            numbers=np.concatenate(numbers) if numbers else None,
            lanes=np.repeat(np.arange(len(several)), [len(closed.rows) for closed in several]),
        )

    def bounds(self) -> Integers:
        """Return the first row of each window, and the end."""
        return np.append(np.flatnonzero(np.diff(self.windows, prepend=-1)), len(self.windows))

    def told_apart(self) -> list[Closed]:
        """Return the windows in as few runs as it takes for ``window_start`` (and the key) to tell them apart in each.

        Two windows of a key can start at the same time: full counts of rows of that time, or windows of a zone whose
        starts the clocks leave out.
        """
        firsts = self.bounds()[:-1]
        starts = self.starts[firsts]
        if len(np.unique(starts)) == len(starts):
            return [self]
        by = [starts, self.rows.hashes[firsts]] if self.by_key else [starts]
        run = pd.Series(starts).groupby(by).cumcount().to_numpy()
        if not run.any():
            return [self]
        run_of = run[self.windows]
        return [self.only(np.flatnonzero(run_of == number)) for number in range(int(run.max()) + 1)]

    def only(self, places: Integers) -> Closed:
        """Return the windows with just the rows at ``places``, int64, ascending."""
        windows = np.unique(self.windows[places], return_inverse=True)[1].astype(np.int64)
        numbers = None if self.numbers is None else self.numbers[places]
        rows, starts, ends = self.rows.take(places), self.starts[places], self.ends[places]
        lanes = None if self.lanes is None else self.lanes[places]
        return Closed(rows, starts, ends, windows, numbers, self.by_key, lanes)

    def by_lane(self, first: int, end: int) -> list[Closed]:
        """Return the rows from ``first`` to ``end`` lane by lane; an empty list when they are all of one."""
        if self.lanes is None:
            return []
        found = self.lanes[first:end]
        several = np.unique(found)
        return [self.only(first + np.flatnonzero(found == lane)) for lane in several] if len(several) > 1 else []

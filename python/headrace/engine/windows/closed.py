"""Windows that have just closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headrace.engine.rows import Integers, Rows


@dataclass(frozen=True, slots=True)
class Closed:
    """Complete windows, one after the other: by end, then start; inside by event time, source partition and offset.

    Attributes:
        rows: n rows; one in several windows is there as often.
        starts: int64[n], the start of each row's window in microseconds.
        ends: int64[n], its end, not included but for a session.
        windows: int64[n], ascending: the number of each row's window.
    """

    rows: Rows
    starts: Integers
    ends: Integers
    windows: Integers

    @classmethod
    def of(cls, rows: Rows, starts: Integers, ends: Integers, *, by_key: bool) -> Closed:
        """Return windows from rows in any order.

        Args:
            rows: n rows.
            starts: int64[n], of each row's window.
            ends: int64[n].
            by_key: rows of different keys are in different windows.
        """
        hashes = rows.hashes if by_key else np.zeros(len(rows), np.uint64)
        order = np.lexsort((rows.offsets, rows.partitions, rows.times, hashes, starts, ends))
        rows, starts, ends, hashes = rows.take(order), starts[order], ends[order], hashes[order]
        changes = (np.diff(starts) != 0) | (np.diff(ends) != 0) | (hashes[1:] != hashes[:-1])
        return cls(rows, starts, ends, np.concatenate([[0], np.cumsum(changes)]).astype(np.int64))

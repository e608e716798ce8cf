"""A run of remembered rows, sorted by key and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headrace.engine.history.columns_file import ColumnsFile
from headrace.engine.history.kept_rows import KeptRows
from headrace.engine.rows import Integers, Rows
from headrace.spec import ColumnType

Hashes = npt.NDArray[np.uint64]


class Segment(KeptRows):
    """Rows by (hash, time, partition, offset); what only outputs of new rows need of them is not kept.

    Attributes:
        newest: the latest event time, microseconds.
    """

    def __init__(self, rows: Rows | None, file: ColumnsFile | None = None) -> None:
        super().__init__(rows, file)
        self.newest = int(self.times.max())

    @classmethod
    def of(cls, rows: Rows) -> Segment:
        """Return the segment of rows in any order."""
        return cls.of_sorted(rows.take(np.lexsort((rows.offsets, rows.partitions, rows.times, rows.hashes))))

    @classmethod
    def of_sorted(cls, rows: Rows) -> Segment:
        """Return the segment of rows that are in its order already."""
        nothing = np.broadcast_to(np.int64(0), len(rows))  # takes no memory
        return cls(replace(rows, timestamps=nothing, keys=None, headers=None))

    @classmethod
    def load(cls, path: Path, types: Mapping[str, ColumnType]) -> Segment:
        """Return the segment that :meth:`save` wrote, or a link to it; the file stays when the segment goes.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such file, or has Python objects.
        """
        return cls(None, ColumnsFile.load(path, types))

    def ranges(self, hashes: Hashes) -> tuple[Integers, Integers]:
        """Return for each hash where its rows begin and end."""
        return np.searchsorted(self.hashes, hashes, "left"), np.searchsorted(self.hashes, hashes, "right")

    def first_at(self, starts: Integers, ends: Integers, times: Integers) -> Integers:
        """Return for each range of one key the place of its first row at or after a time."""
        low, high = starts.copy(), ends.copy()
        while True:
            open_ = np.flatnonzero(low < high)
            if not len(open_):
                return low
            middle = (low[open_] + high[open_]) >> 1
            before = self.times[middle] < times[open_]
            low[open_] = np.where(before, middle + 1, low[open_])
            high[open_] = np.where(before, high[open_], middle)

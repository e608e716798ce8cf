"""A run of remembered rows, sorted by key and time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.history.columns_file import ColumnsFile, Index
from headrace.engine.rows import Integers, Rows
from headrace.spec import ColumnType

Hashes = npt.NDArray[np.uint64]


class Segment:
    """Rows by (hash, time, partition, offset), never changed; their columns are in memory or in a mapped file.

    Args:
        frame: the columns in memory, or ``None``: all are in ``file``.
        index: where and when the rows come from.
        types: the pinned dtypes, which a file gives back exactly.
        file: the columns on disk.
    """

    def __init__(
        self, frame: pd.DataFrame | None, index: Index, types: Mapping[str, ColumnType], file: ColumnsFile | None = None
    ) -> None:
        self._frame = frame
        self._types = types
        self._columns = list(frame.columns) if frame is not None else file.names() if file is not None else []
        self._file = file
        self._kept: pd.DataFrame | None = None
        self._saving = threading.Lock()
        self.hashes = index.hashes
        self.times = index.times
        self.partitions = index.partitions
        self.offsets = index.offsets
        self.newest = int(index.times.max())
        self._nbytes = 0 if frame is None else int(frame.memory_usage(deep=False, index=False).sum())

    @classmethod
    def of(cls, rows: Rows, types: Mapping[str, ColumnType]) -> Segment:
        """Return the segment of rows in any order."""
        order = np.lexsort((rows.offsets, rows.partitions, rows.times, rows.hashes))
        return cls.of_sorted(rows.take(order), types)

    @classmethod
    def of_sorted(cls, rows: Rows, types: Mapping[str, ColumnType]) -> Segment:
        """Return the segment of rows that are in its order already."""
        return cls(rows.frame, Index(rows.hashes, rows.times, rows.partitions, rows.offsets), types)

    @classmethod
    def load(cls, path: Path, types: Mapping[str, ColumnType]) -> Segment:
        """Return the segment that :meth:`save` wrote, or a link to it; the file stays when the segment goes.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such file.
        """
        file = ColumnsFile(path, types, owned=False)
        return cls(None, file.index(), types, file)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns in memory."""
        return self._nbytes if self._frame is not None else 0

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """Return rows by place."""
        stamps = np.zeros(len(places), np.int64)
        return Rows(
            self._columns_at(places),
            self.times[places],
            self.partitions[places],
            self.offsets[places],
            stamps,
            self.hashes[places],
        )

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

    def save(self, folder: Path) -> Path:
        """Write the columns to a file in ``folder``, unless they are in one, and return it; objects are not written.

        Safe beside a thread that reads. The file goes with the segment: link it to keep it.

        Raises:
            OSError: the disk is full.
        """
        with self._saving:
            if self._file is None:
                assert self._frame is not None  # noqa: S101  one of the two is there
                plain = [name for name in self._columns if self._types.get(name, "object") != "object"]
                index = Index(self.hashes, self.times, self.partitions, self.offsets)
                self._file = ColumnsFile.write(folder, self._frame[plain], index, self._types)
            return self._file.path

    def spill(self, folder: Path) -> None:
        """Move the columns to a file; objects stay in memory.

        Raises:
            OSError: the disk is full.
        """
        if self._frame is None:
            return
        self.save(folder)
        others = [name for name in self._columns if self._types.get(name, "object") == "object"]
        self._kept = self._frame[others] if others else None
        assert self._file is not None  # noqa: S101  just saved
        index = self._file.index()
        self.hashes, self.times = index.hashes, index.times
        self.partitions, self.offsets = index.partitions, index.offsets
        self._frame = None

    def _columns_at(self, places: npt.NDArray[np.int64]) -> pd.DataFrame:
        if self._frame is not None:
            frame = self._frame.take(places)
        else:
            assert self._file is not None  # noqa: S101  one of the two is there
            frame = self._file.take(places)
            if self._kept is not None:
                kept = self._kept.take(places).reset_index(drop=True)
                frame = pd.concat([frame, kept], axis=1)
            frame = frame[self._columns]
        frame.index = pd.RangeIndex(len(places))
        return frame

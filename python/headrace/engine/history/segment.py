"""A run of remembered rows, sorted by key and time."""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from headrace.engine.rows import Integers, Rows
from headrace.spec import ColumnType

Hashes = npt.NDArray[np.uint64]

_numbers = itertools.count()


class Segment:
    """Rows by (hash, time, partition, offset), never changed; their columns are in memory or in a mapped file.

    Args:
        rows: in this order.
        types: the pinned dtypes, which a file gives back exactly.
    """

    def __init__(self, rows: Rows, types: Mapping[str, ColumnType]) -> None:
        self._frame: pd.DataFrame | None = rows.frame
        self._types = types
        self._columns = list(rows.frame.columns)
        self._table: pa.Table | None = None
        self._kept: pd.DataFrame | None = None
        self.hashes = rows.hashes
        self.times = rows.times
        self.partitions = rows.partitions
        self.offsets = rows.offsets
        self.newest = int(rows.times.max())
        self._nbytes = int(rows.frame.memory_usage(deep=False, index=False).sum())

    @classmethod
    def of(cls, rows: Rows, types: Mapping[str, ColumnType]) -> Segment:
        """Return the segment of rows in any order."""
        order = np.lexsort((rows.offsets, rows.partitions, rows.times, rows.hashes))
        return cls(rows.take(order), types)

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

    def spill(self, folder: Path) -> None:
        """Move the columns to a file, which is removed with the segment; objects stay in memory.

        Raises:
            OSError: the disk is full.
        """
        if self._frame is None:
            return
        plain = [name for name, kind in self._types.items() if kind != "object" and name in self._frame.columns]
        others = [name for name in self._frame.columns if name not in plain]
        table = pa.Table.from_pandas(self._frame[plain], preserve_index=False)
        path = folder / f"segment-{os.getpid()}-{next(_numbers)}.arrow"
        try:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self._kept = self._frame[others] if others else None
        self._frame = None
        weakref.finalize(self, _remove, path)

    def _columns_at(self, places: npt.NDArray[np.int64]) -> pd.DataFrame:
        if self._frame is not None:
            frame = self._frame.take(places)
        else:
            assert self._table is not None  # noqa: S101  one of the two is there
            read = self._table.take(pa.array(places)).to_pandas()
            types = {name: kind for name, kind in self._types.items() if name in read.columns}
            frame = read.astype(types)
            if self._kept is not None:
                kept = self._kept.take(places).reset_index(drop=True)
                frame = pd.concat([frame, kept], axis=1)
            frame = frame[self._columns]
        frame.index = pd.RangeIndex(len(places))
        return frame


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

"""A run of rows that are kept, in memory or on disk."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headrace.engine.history.columns_file import ColumnsFile
from headrace.engine.rows import Rows

_SAMPLE = 32
"""Python objects of a column whose size is looked at; the others are taken to be like them."""


class KeptRows:
    """At least one row, never changed; they are in memory, or in a mapped file over the memory budget.

    Args:
        rows: the rows.
        file: or the file that has them.

    Attributes:
        hashes: uint64[n], as in :class:`~headrace.engine.rows.Rows`, on the file when the rows are there.
        times: int64[n], likewise.
        partitions: int32[n], likewise.
        offsets: int64[n], likewise.
        size: bytes that the rows take in memory, as far as can be told quickly.
    """

    def __init__(self, rows: Rows | None, file: ColumnsFile | None = None) -> None:
        self._rows = rows
        self._file = file
        self._saving = threading.Lock()
        source = rows if rows is not None else file.index() if file is not None else None
        assert source is not None  # noqa: S101  one of the two is there
        self.hashes, self.times = source.hashes, source.times
        self.partitions, self.offsets = source.partitions, source.offsets
        self.size = size_of(rows) if rows is not None else file.nbytes if file is not None else 0

    def __len__(self) -> int:
        return len(self.times)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.size if self._rows is not None else 0

    def whole(self) -> Rows:
        """Return all rows."""
        return self._rows if self._rows is not None else self.take(np.arange(len(self)))

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """Return rows by place."""
        if self._rows is not None:
            return self._rows.take(places)
        assert self._file is not None  # noqa: S101  one of the two is there
        return self._file.take(places)

    def save(self, folder: Path) -> Path:
        """Write the rows to a file in ``folder``, unless they are in one, and return it.

        Safe beside a thread that reads. The file goes with this object: link it to keep it.

        Raises:
            OSError: the disk is full.
        """
        with self._saving:
            if self._file is None:
                assert self._rows is not None  # noqa: S101  one of the two is there
                self._file = ColumnsFile.write(folder, self._rows)
            return self._file.path

    def spill(self, folder: Path) -> None:
        """Move the rows to a file.

        Raises:
            OSError: the disk is full.
        """
        if self._rows is None:
            return
        self.save(folder)
        assert self._file is not None  # noqa: S101  just saved
        index = self._file.index()
        self.hashes, self.times = index.hashes, index.times
        self.partitions, self.offsets = index.partitions, index.offsets
        self._rows = None


def size_of(rows: Rows) -> int:
    """Return about how many bytes of memory rows take."""
    frame, count = rows.frame, len(rows)
    size, objects = 0, []
    for name, kind in frame.dtypes.items():
        if kind == np.dtype(object):
            objects.append(frame[name].to_numpy())
            size += 8 * count
        elif isinstance(kind, np.dtype):
            size += kind.itemsize * count
        else:
            size += frame[name].array.nbytes
    size += rows.times.nbytes + rows.partitions.nbytes + rows.offsets.nbytes + rows.hashes.nbytes
    size += rows.timestamps.nbytes if rows.timestamps.strides != (0,) else 0
    for column in (*objects, rows.keys, rows.headers):
        if column is not None and count:
            sample = column[:: max(1, count // _SAMPLE)]
            size += sum(map(_deep_size, sample)) * count // len(sample)
    return size


def _deep_size(value: object) -> int:
    """Return the bytes of a Python value and of what is in it."""
    inside: Iterable[object] = ()
    if isinstance(value, dict):
        inside = (*value.keys(), *value.values())
    elif isinstance(value, list | tuple | set | frozenset):
        inside = value
    return sys.getsizeof(value) + sum(map(_deep_size, inside))

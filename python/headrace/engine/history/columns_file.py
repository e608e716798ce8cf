"""Columns of rows in a file that is mapped into memory."""

from __future__ import annotations

import contextlib
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from headrace.spec import ColumnType

_INDEX = ("__headrace_hash__", "__headrace_time__", "__headrace_partition__", "__headrace_offset__")
"""What stands beside the rows' own columns, in this order."""


@dataclass(frozen=True, slots=True)
class Index:
    """Where and when rows come from, all of one length n; see :class:`~headrace.engine.rows.Rows`."""

    hashes: npt.NDArray[np.uint64]
    times: npt.NDArray[np.int64]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]


class ColumnsFile:
    """Columns of at least one row in an Arrow file: mapped, so that memory holds no more of it than there is room for.

    The file ends with this object; who wants to keep it makes a link to it.

    Args:
        path: the file.
        types: the pinned dtypes, which it gives back exactly.
        owned: remove the file with this object.
    """

    def __init__(self, path: Path, types: Mapping[str, ColumnType], *, owned: bool = True) -> None:
        self.path = path
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self._types = {name: kind for name, kind in types.items() if name in self._table.column_names}
        if owned:
            weakref.finalize(self, _remove, path)

    @classmethod
    def write(cls, folder: Path, frame: pd.DataFrame, index: Index, types: Mapping[str, ColumnType]) -> ColumnsFile:
        """Write n rows to a new file in ``folder``.

        Raises:
            OSError: the disk is full.
        """
        path = folder / f"segment-{uuid.uuid4().hex}.arrow"
        table = pa.Table.from_pandas(frame, preserve_index=False).combine_chunks()  # one record batch
        for name, column in zip(_INDEX, (index.hashes, index.times, index.partitions, index.offsets), strict=True):
            table = table.append_column(name, pa.array(column))
        try:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        except OSError:
            _remove(path)
            raise
        return cls(path, types)

    def index(self) -> Index:
        """Return where and when the rows come from; arrays on the mapped file."""
        return Index(*(self._table.column(name).chunk(0).to_numpy() for name in _INDEX))

    def names(self) -> list[str]:
        """Return the names of the rows' own columns."""
        return [name for name in self._table.column_names if name not in _INDEX]

    def take(self, places: npt.NDArray[np.int64]) -> pd.DataFrame:
        """Return the rows' own columns at ``places``, with their pinned dtypes."""
        read: pd.DataFrame = self._table.select(self.names()).take(pa.array(places)).to_pandas()
        return read.astype(self._types)


def remove_leftovers(folder: Path) -> None:
    """Remove the files of processes that ended without doing so; nobody else may use ``folder``."""
    for path in folder.glob("segment-*.arrow"):
        _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

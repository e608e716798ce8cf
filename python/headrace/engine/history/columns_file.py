"""Rows in a file that is mapped into memory."""

from __future__ import annotations

import contextlib
import pickle
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from headrace.engine.rows import Rows
from headrace.spec import ColumnType

_INDEX = ("__headrace_hash__", "__headrace_time__", "__headrace_partition__", "__headrace_offset__")
"""What stands beside the rows' own columns, in this order."""
_STAMP, _KEY, _HEADERS = "__headrace_timestamp__", "__headrace_key__", "__headrace_headers__"
"""What stands there only where the rows have it."""


@dataclass(frozen=True, slots=True)
class Index:
    """Where and when rows come from, all of one length n; see :class:`~headrace.engine.rows.Rows`."""

    hashes: npt.NDArray[np.uint64]
    times: npt.NDArray[np.int64]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]


class ColumnsFile:
    """At least one row in an Arrow file: mapped, so that memory holds no more of it than there is room for.

    Python objects (nested JSON, headers) stand in it as pickles. Only the object that wrote such a file reads it: what
    another process left may have been written by anybody.

    The file ends with this object; who wants to keep it makes a link to it.

    Args:
        path: the file.
        types: dtypes of the rows' own columns, which it gives back exactly.
        owned: this object wrote the file, and removes it at its end.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file.
    """

    def __init__(self, path: Path, types: Mapping[str, Any], *, owned: bool = True) -> None:
        self.path = path
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self._types = {name: kind for name, kind in types.items() if name in self._table.column_names}
        known = {*_INDEX, _STAMP, _KEY, _HEADERS}
        self._objects = [name for name, kind in self._types.items() if kind == np.dtype(object)]
        self._plain = [name for name in self._table.column_names if name not in known and name not in self._objects]
        if owned:
            weakref.finalize(self, _remove, path)
        elif self._objects or _HEADERS in self._table.column_names:
            message = f"{path.name} holds Python objects of another process."
            raise ValueError(message)

    @classmethod
    def write(cls, folder: Path, rows: Rows) -> ColumnsFile:
        """Write rows to a new file in ``folder``; timestamps that are all zero are left out.

        Raises:
            OSError: the disk is full.
        """
        path = folder / f"segment-{uuid.uuid4().hex}.arrow"
        objects = [name for name, kind in rows.frame.dtypes.items() if kind == np.dtype(object)]
        table = pa.Table.from_pandas(rows.frame.drop(columns=objects), preserve_index=False).combine_chunks()
        for name in objects:
            table = table.append_column(str(name), _pickled(rows.frame[name].array))
        for name, column in zip(_INDEX, (rows.hashes, rows.times, rows.partitions, rows.offsets), strict=True):
            table = table.append_column(name, pa.array(column))
        if rows.timestamps.any():
            table = table.append_column(_STAMP, pa.array(rows.timestamps))
        if rows.keys is not None:
            table = table.append_column(_KEY, pa.array(rows.keys.tolist(), pa.large_binary()))
        if rows.headers is not None:
            table = table.append_column(_HEADERS, _pickled(rows.headers))
        try:
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
        except OSError:
            _remove(path)
            raise
        return cls(path, {str(name): kind for name, kind in rows.frame.dtypes.items()})

    @classmethod
    def load(cls, path: Path, types: Mapping[str, ColumnType]) -> ColumnsFile:
        """Return the file that another process has left; it stays when this object goes. Errors as for the class."""
        return cls(path, types, owned=False)

    @property
    def nbytes(self) -> int:
        """Bytes of the rows in the file."""
        return int(self._table.nbytes)

    def index(self) -> Index:
        """Return where and when the rows come from; arrays on the mapped file."""
        return Index(*(self._table.column(name).chunk(0).to_numpy() for name in _INDEX))

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """Return the rows at ``places``, as they were written."""
        found = self._table.take(pa.array(places))
        frame: pd.DataFrame = found.select(self._plain).to_pandas()
        if self._objects:
            frame = frame.assign(**{name: _unpickled(found.column(name)) for name in self._objects})
        frame = frame[list(self._types)].astype(self._types)
        frame.index = pd.RangeIndex(len(places))
        hashes, times, partitions, offsets = (found.column(name).to_numpy() for name in _INDEX)
        there = set(found.column_names)
        return Rows(
            frame,
            times,
            partitions,
            offsets,
            found.column(_STAMP).to_numpy() if _STAMP in there else np.zeros(len(places), np.int64),
            hashes,
            _objects(found.column(_KEY).to_pylist()) if _KEY in there else None,
            _unpickled(found.column(_HEADERS)) if _HEADERS in there else None,
        )


def remove_leftovers(folder: Path) -> None:
    """Remove the files of processes that ended without doing so; nobody else may use ``folder``."""
    for path in folder.glob("segment-*.arrow"):
        _remove(path)


def _pickled(values: npt.NDArray[np.object_] | pd.api.extensions.ExtensionArray) -> pa.Array:
    return pa.array([pickle.dumps(value, protocol=5) for value in values], pa.large_binary())


def _unpickled(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    return _objects([pickle.loads(content) for content in column.to_pylist()])  # noqa: S301  this very object wrote it


def _objects(values: list[object]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # a list of lists would become a table
        column[place] = value
    return column


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

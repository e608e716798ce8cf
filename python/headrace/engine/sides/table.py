"""A side input without time: the newest row of each record key."""

from __future__ import annotations

import numpy as np
import pandas as pd

from headrace.engine.rows import Rows
from headrace.spec import ColumnType

_Place = tuple[int, int, int]
"""Timestamp, partition, offset: which of two rows of one key is the newer one."""


class Table:
    """Keeps the newest row of each record key.

    Within a partition the offset says which is newer; of two partitions (their producers did not partition by the key
    alike) the record's timestamp.

    Args:
        types: pandas dtype of each column.
    """

    def __init__(self, types: dict[str, ColumnType]) -> None:
        self._rows = Rows.empty(types)
        self._places: dict[bytes, tuple[int, _Place]] = {}
        self._new: list[Rows] = []
        self._count = 0
        self._gone: dict[bytes, _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, rows: Rows) -> None:
        """Take rows with their record keys, in offset order within a partition."""
        if not len(rows):
            return
        assert rows.keys is not None  # noqa: S101  a table's rows have them
        columns = (rows.keys.tolist(), rows.timestamps.tolist(), rows.partitions.tolist(), rows.offsets.tolist())
        for position, (key, *place) in enumerate(zip(*columns, strict=True), self._count):
            self._take(key, position, (place[0], place[1], place[2]))
        self._new.append(rows)
        self._count += len(rows)

    def delete(self, key: bytes, place: _Place) -> None:
        """Take a tombstone: the key has no row any more."""
        known = self._places.get(key)
        if known is None or _is_newer(place, known[1]):
            self._places.pop(key, None)
            self._gone[key] = place

    def frame(self) -> pd.DataFrame:
        """Return one row a key, by partition and offset, with a 0-based index."""
        if self._new or len(self._rows) != len(self._places):
            self._settle()
        return self._rows.frame.copy(deep=False)

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self._rows = self._rows.take(np.empty(0, np.int64))
        self._places, self._new, self._gone, self._count = {}, [], {}, 0

    def _take(self, key: bytes, position: int, place: _Place) -> None:
        known = self._places.get(key)
        before = known[1] if known is not None else self._gone.get(key)
        if before is None or _is_newer(place, before):
            self._places[key] = position, place
            self._gone.pop(key, None)

    def _settle(self) -> None:
        everything = Rows.concat([self._rows, *self._new])
        alive = np.fromiter((position for position, _ in self._places.values()), np.int64, len(self._places))
        order = np.lexsort((everything.offsets[alive], everything.partitions[alive]))
        self._rows = everything.take(alive[order])
        self._new, self._count = [], len(self._rows)
        keys: list[bytes] = [] if self._rows.keys is None else self._rows.keys.tolist()
        self._places = {key: (position, self._places[key][1]) for position, key in enumerate(keys)}


def _is_newer(place: _Place, other: _Place) -> bool:
    if place[1] == other[1]:
        return place[2] > other[2]
    return place > other

"""Decoded rows with where and when they come from, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.spec import ColumnType

Integers = npt.NDArray[np.int64]
Positions = npt.NDArray[np.integer] | npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in event time; all columns have one length n. Never changed in place.

    Attributes:
        frame: the decoded columns with their pinned dtypes, and a plain 0-based index.
        times: int64[n], event time in microseconds since the epoch, UTC.
        partitions: int32[n], the source partition.
        offsets: int64[n], the offset there.
        timestamps: int64[n], the record's timestamp in milliseconds since the epoch.
        hashes: uint64[n], of the key column's value, the same in every process; zeros without one.
        keys: object[n], the record keys (bytes or ``None``), or ``None`` where nobody needs them.
        headers: object[n], header lists, or ``None`` when no row has any.
    """

    frame: pd.DataFrame
    times: Integers
    partitions: npt.NDArray[np.int32]
    offsets: Integers
    timestamps: Integers
    hashes: npt.NDArray[np.uint64]
    keys: npt.NDArray[np.object_] | None = None
    headers: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def take(self, positions: Positions) -> Rows:
        """Return the rows at ``positions`` (integers, or a bool for each row), in that order."""
        places = np.flatnonzero(positions) if positions.dtype == np.bool_ else positions
        frame = self.frame.take(places)
        frame.index = pd.RangeIndex(len(places))
        return Rows(
            frame,
            self.times[places],
            self.partitions[places],
            self.offsets[places],
            self.timestamps[places],
            self.hashes[places],
            None if self.keys is None else self.keys[places],
            None if self.headers is None else self.headers[places],
        )

    def ordered(self) -> Rows:
        """Return the rows in event-time order, ties by source partition, then offset."""
        order = event_order(self.times, self.partitions, self.offsets)
        return self if order is None else self.take(order)

    @classmethod
    def concat(cls, parts: Sequence[Rows]) -> Rows:
        """Return the rows of ``parts`` (at least one), one after the other; dtypes stay."""
        filled = [part for part in parts if len(part)] or list(parts[:1])
        if len(filled) == 1:
            return filled[0]
        return cls(
            pd.concat([part.frame for part in filled], ignore_index=True),
            np.concatenate([part.times for part in filled]),
            np.concatenate([part.partitions for part in filled]),
            np.concatenate([part.offsets for part in filled]),
            np.concatenate([part.timestamps for part in filled]),
            np.concatenate([part.hashes for part in filled]),
            _concat_objects([part.keys for part in filled], [len(part) for part in filled]),
            _concat_objects([part.headers for part in filled], [len(part) for part in filled]),
        )

    @classmethod
    def empty(cls, types: Mapping[str, ColumnType]) -> Rows:
        """Return no rows of these columns."""
        frame = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}, index=pd.RangeIndex(0))
        none = np.empty(0, np.int64)
        return cls(frame, none, np.empty(0, np.int32), none, none, np.empty(0, np.uint64))


def event_order(times: Integers, partitions: npt.NDArray[np.int32], offsets: Integers) -> npt.NDArray[np.intp] | None:
    """Return the order by event time, source partition and offset, or ``None`` when it is that already."""
    if len(times) < 2:  # noqa: PLR2004  one row is in order
        return None
    later = times[1:] > times[:-1]
    if later.all():
        return None
    same = times[1:] == times[:-1]
    further = (partitions[1:] > partitions[:-1]) | ((partitions[1:] == partitions[:-1]) & (offsets[1:] >= offsets[:-1]))
    if (later | (same & further)).all():
        return None
    return np.lexsort((offsets, partitions, times))


def key_hashes(column: pd.Series) -> npt.NDArray[np.uint64]:
    """Return uint64[n], a hash of each key; equal keys have equal hashes in every process, nulls one of their own.

    Two different keys may share a hash (one pair in 10 million keys with a probability of 3e-6): the rows of both are
    then supplied together, which a function that treats each key by itself does not notice.
    """
    hashes = pd.util.hash_pandas_object(column, index=False, categorize=True)
    return np.asarray(hashes, np.uint64)


def _concat_objects(
    columns: Sequence[npt.NDArray[np.object_] | None], lengths: Sequence[int]
) -> npt.NDArray[np.object_] | None:
    if all(column is None for column in columns):
        return None
    return np.concatenate(
        [
            np.full(length, None, dtype=object) if column is None else column
            for column, length in zip(columns, lengths, strict=True)
        ]
    )

"""The records of one side topic as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from headrace.engine.event_time import NEVER, event_times
from headrace.engine.rows import Rows
from headrace.engine.sides.table import Table
from headrace.engine.sides.timed import TimedRows
from headrace.kafka.codec import make_decoder
from headrace.kafka.records import Records
from headrace.spec import ColumnType, SideInput, StreamDocument

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry
    from headrace.spec import Format


class SideReader:
    """Decodes a side topic's records and keeps their rows, as a table or in event time.

    Args:
        side: what is declared.
        types: pandas dtype of each column.
        format: the stream's format, which is the side topic's too.
        registry: where the schemas are, for the formats that have some.

    Attributes:
        side: what is declared.
        skipped: records that could not be decoded, had no time, or no key in a table.
        newest: the newest event time of each partition, in microseconds since the epoch.
    """

    def __init__(
        self,
        side: SideInput,
        types: dict[str, ColumnType],
        *,
        format: Format = "json",  # noqa: A002  the option's name
        registry: Registry | None = None,
    ) -> None:
        self.side = side
        self.skipped = 0
        self.newest: dict[int, int] = {}
        self._decoder = make_decoder(format, types, registry=registry, topic=side.topic)
        self._table = Table(types) if side.is_table else None
        self._timed = TimedRows(side, types)

    def __len__(self) -> int:
        return len(self._table if self._table is not None else self._timed)

    def add(self, records: Records) -> Rows:
        """Take records, in offset order within a partition, and return those that are rows."""
        decoded = self._decoder.decode(records)
        positions = decoded.positions
        times, missing = event_times(decoded.frame, self.side.time, records.timestamps[positions])
        rows = Rows(
            decoded.frame,
            times,
            records.partitions[positions].astype(np.int32, copy=False),
            records.offsets[positions],
            records.timestamps[positions],
            np.zeros(len(positions), np.uint64),
        )
        self.skipped += sum(records.values[failed.position] is not None for failed in decoded.failures)
        if self._table is not None:
            return self._fill(self._table, rows, records, positions.tolist())
        if missing.any():
            self.skipped += int(missing.sum())
            rows = rows.take(~missing)
        for number in np.unique(rows.partitions).tolist():
            newest = int(rows.times[rows.partitions == number].max())
            self.newest[number] = max(self.newest.get(number, NEVER), newest)
        self._timed.add(rows)
        return rows

    def frame(self, first: int, last: int) -> pd.DataFrame:
        """Return the side input for main rows from ``first`` to ``last`` (microseconds, both included)."""
        return self._timed.frame(first, last) if self._table is None else self._table.frame()

    def needed_from(self, first: int) -> int:
        """Return from which event time on rows are needed for main rows from ``first`` on."""
        return NEVER if self._table is not None else self._timed.needed_from(first)

    def has_expired(self, first: int) -> bool:
        """Return whether rows that main rows from ``first`` on need are no longer kept."""
        return self._table is None and self._timed.has_expired(first)

    def expire(self, first: int) -> None:
        """Let go of rows that main rows from ``first`` on do not need."""
        if self._table is None:
            self._timed.expire(first)

    def clear(self) -> None:
        """Forget everything: it is read again."""
        self.newest = {}
        if self._table is not None:
            self._table.clear()
        self._timed.clear()

    def _fill(self, table: Table, rows: Rows, records: Records, positions: list[int]) -> Rows:
        """Put rows and tombstones into the table in the order of the records."""
        keys = np.empty(len(rows), dtype=object)
        keys[:] = [records.keys[position] for position in positions]
        known = np.array([key is not None for key in keys], np.bool_)
        self.skipped += int((~known).sum())
        rows = Rows(
            rows.frame, rows.times, rows.partitions, rows.offsets, rows.timestamps, rows.hashes, keys
        )  # fmt: skip
        gone = [position for position, value in enumerate(records.values) if value is None]
        done = 0
        places = np.array(positions, np.int64)
        for position in gone:
            upto = int(np.searchsorted(places, position))
            table.add(_some(rows, known, done, upto))
            done = upto
            key = records.keys[position]
            if key is not None:
                place = (records.timestamps[position], records.partitions[position], records.offsets[position])
                table.delete(key, (int(place[0]), int(place[1]), int(place[2])))
        table.add(_some(rows, known, done, len(rows)))
        return rows


def _some(rows: Rows, known: np.ndarray[tuple[int], np.dtype[np.bool_]], first: int, end: int) -> Rows:
    if first == 0 and end == len(rows) and known.all():
        return rows
    return rows.take(first + np.flatnonzero(known[first:end]))


def side_readers(document: StreamDocument, registry: Registry | None = None) -> list[SideReader]:
    """Return a reader for each of a stream's side inputs, in their order, with the pinned types."""
    spec = document.spec
    return [
        SideReader(side, document.sides.get(side.topic, {}), format=spec.format, registry=registry)
        for side in spec.side_inputs
    ]

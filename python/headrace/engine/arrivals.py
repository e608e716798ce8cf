"""From records to rows in event time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure
from headrace.engine.codecs import Codecs
from headrace.engine.event_time import event_times
from headrace.engine.frames import add_meta
from headrace.engine.repartition_record import Marks, Taken, unwrap
from headrace.engine.rows import Rows, key_hashes
from headrace.errors import TypeMismatchError
from headrace.kafka.records import Records
from headrace.spec import StreamSpec


@dataclass(frozen=True, slots=True)
class Arrived:
    """Records, decoded.

    Attributes:
        rows: n rows, those that have all they need.
        positions: int64[n], the record of each row.
        failures: the records that cannot be rows, by position, partition and offset.
        dropped: fields that the pinned types do not know, with how often they were dropped.
        read: int64[n], the record of each row as a place among those that were read.
        consumed: int32[n], the partition each row was read from; in a repartition topic not the source's.
        late: bool[n], which rows are late, where that was judged before; else ``None``.
        marks: how far source partitions are, by the partition that says so; only from a repartition topic.
        records: the records as they are in the source.
    """

    rows: Rows
    positions: npt.NDArray[np.int64]
    failures: list[Failure]
    dropped: Counter[str]
    read: npt.NDArray[np.int64]
    consumed: npt.NDArray[np.int32]
    late: npt.NDArray[np.bool_] | None
    marks: dict[int, Marks]
    records: Records


class Arrivals:
    """Decodes records into rows with their event time and the hash of their key.

    Args:
        spec: what the stream declares.
        codecs: how its records are read.
    """

    def __init__(self, spec: StreamSpec, codecs: Codecs) -> None:
        self._spec = spec
        self._decoder = codecs.decoder
        self._keys = codecs.keys

    def rows(self, records: Records) -> Arrived:
        """Decode n records; never raises for what a record holds."""
        decoded = self._decoder.decode(records)
        frame, positions = decoded.frame, decoded.positions
        failures = [_failure(records, failed.position, failed.error, "decode") for failed in decoded.failures]
        column = self._spec.time if self._spec.has_event_time else None
        times, missing = event_times(frame, column, records.timestamps[positions])
        if missing.any():
            for position in positions[missing].tolist():
                message = f"`{column}`: null, and it is the event time"
                failures.append(_failure(records, position, TypeMismatchError(message), "time"))
            kept = ~missing
            frame, times, positions = frame[kept].reset_index(drop=True), times[kept], positions[kept]
        if self._spec.meta:
            frame = add_meta(frame, records, positions, self._keys)
        rows = Rows(
            frame,
            times,
            records.partitions[positions].astype(np.int32, copy=False),
            records.offsets[positions],
            records.timestamps[positions],
            self._hashes(frame),
            None
            if self._spec.key in frame.columns
            else _objects([records.keys[position] for position in positions.tolist()]),
            self._headers(records, positions),
        )
        return Arrived(rows, positions, failures, decoded.dropped, positions, rows.partitions, None, {}, records)

    def unwrapped(self, records: Records, taken: dict[int, Taken] | None = None) -> Arrived:
        """Decode n records of the stream's repartition topic; only what is new to ``taken``, where that is given."""
        there = unwrap(records, self._spec.source, taken)
        arrived = self.rows(there.records)
        return replace(
            arrived,
            read=there.read[arrived.positions],
            consumed=there.consumed[arrived.positions],
            late=there.late[arrived.positions],
            marks=there.marks,
        )

    def _hashes(self, frame: pd.DataFrame) -> npt.NDArray[np.uint64]:
        key = self._spec.key  # none, or one that the cell makes
        return key_hashes(frame[key]) if key in frame.columns else np.zeros(len(frame), np.uint64)

    @staticmethod
    def _headers(records: Records, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.object_] | None:
        if not any(records.headers):
            return None
        return _objects([records.headers[position] for position in positions.tolist()])


def _objects(values: list[object] | list[bytes | None]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # a list of lists would become a table
        column[place] = value
    return column


def _failure(records: Records, position: int, error: BaseException, kind: str) -> Failure:
    return Failure(
        position,
        error,
        kind,  # type: ignore[arg-type]  # one of the kinds, by its callers
        partition=int(records.partitions[position]),
        offset=int(records.offsets[position]),
    )

"""What steps have given so far in a batch, and its columns as they are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure
from headrace.engine.changelog import Change
from headrace.engine.context import Part
from headrace.engine.frames import key_column
from headrace.engine.result import BatchResult, Integers, Places, joined_bytes
from headrace.engine.rows import Rows
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.records import Headers


@dataclass(frozen=True, slots=True)
class Emitted:
    """Outputs of one call of the step.

    Attributes:
        part: the outputs; ``source`` counts rows of ``origin``, -1 where unknown.
        values: one encoded output a row of the part.
        origin: the rows the function was given.
        starts: int64, for each output of a window its start in microseconds; else ``None``.
        timestamps: int64, of each output in milliseconds, where they are not those of its row.
        keys: of each output, where it is not that of its row.
    """

    part: Part
    values: Sequence[bytes]
    origin: Rows
    starts: Integers | None = None
    timestamps: Integers | None = None
    keys: Sequence[bytes | None] | None = None


@dataclass(slots=True)
class Emission:
    """What a batch gives, while it is being made.

    Attributes:
        key: the stream's ``--key``.
        several: the stream has several topics.
        emitted: outputs.
        failures: records that failed.
        late: places of records that came too late.
        dropped: fields that the pinned types do not know.
        changes: what of the changelog changes.
    """

    key: str | None
    several: bool
    emitted: list[Emitted] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    late: list[Rows] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing came of the batch."""
        return not (self.emitted or self.failures or self.late or self.changes)

    def result(self, before: pd.DataFrame, before_positions: Integers) -> BatchResult:
        """Return the batch's result; outputs are in the order in which they were emitted.

        Args:
            before: the decoded rows of the run.
            before_positions: int64[len(before)], the record of each of them.
        """
        partitions, offsets, timestamps, headers = [], [], [], []
        for emitted in self.emitted:
            origin, source = emitted.origin, emitted.part.source
            known = source >= 0
            partitions.append(_where(known, origin.partitions, source))
            offsets.append(_where(known, origin.offsets, source))
            timestamps.append(
                emitted.timestamps if emitted.timestamps is not None else _stamps(known, origin.timestamps, source)
            )
            headers.append(_headers(origin, source))
        with_headers = any(column is not None for column in headers)
        lengths = [len(emitted.part.source) for emitted in self.emitted]
        starts = [emitted.starts for emitted in self.emitted]
        return BatchResult(
            parts=[emitted.part.rows for emitted in self.emitted],
            source=np.full(sum(lengths), -1, np.int64),
            values=joined_bytes([emitted.values for emitted in self.emitted]),
            keys=joined_bytes([self._keys(emitted) for emitted in self.emitted]),
            timestamps=_concat(timestamps),
            headers=[
                header
                for column, length in zip(headers, lengths, strict=True)
                for header in (column or [None] * length)
            ]
            if with_headers
            else None,
            failures=self.failures,
            dropped=self.dropped,
            changes=self.changes,
            before=before,
            before_positions=before_positions,
            partitions=_concat(partitions),
            offsets=_concat(offsets),
            sinks=np.repeat([emitted.part.sink for emitted in self.emitted], lengths) if self.several else None,
            late=Places(
                _concat([rows.partitions.astype(np.int64) for rows in self.late]),
                _concat([rows.offsets for rows in self.late]),
            ),
            starts=_concat([column for column in starts if column is not None])
            if starts and all(column is not None for column in starts)
            else None,
        )

    def _keys(self, emitted: Emitted) -> Sequence[bytes | None]:
        rows, source, origin = emitted.part.rows, emitted.part.source, emitted.origin
        if emitted.keys is not None:
            return emitted.keys
        if self.key is not None and self.key in rows.columns:
            return key_column(rows[self.key])
        places = np.maximum(source, 0)
        known: Sequence[bytes | None] = [None] * len(source)
        if len(origin) and self.key in origin.frame.columns:
            known = key_column(origin.frame[self.key].iloc[places])
        elif len(origin) and origin.keys is not None:
            known = origin.keys[places].tolist()
        if (source >= 0).all():
            return known
        return BytesColumn.of(known).take(np.where(source >= 0, np.arange(len(source)), -1))


def _where(known: npt.NDArray[np.bool_], column: npt.NDArray[np.integer], source: Integers) -> Integers:
    if not len(column):
        return np.full(len(source), -1, np.int64)
    return np.where(known, column[np.maximum(source, 0)], -1).astype(np.int64, copy=False)


def _stamps(known: npt.NDArray[np.bool_], stamps: Integers, source: Integers) -> Integers:
    newest = int(stamps.max()) if len(stamps) else 0
    return np.where(known, stamps[np.maximum(source, 0)] if len(stamps) else 0, newest)


def _headers(origin: Rows, source: Integers) -> list[Headers | None] | None:
    if origin.headers is None:
        return None
    return [origin.headers[row] if row >= 0 else None for row in source.tolist()]


def _concat(columns: list[Integers]) -> Integers:
    return np.concatenate(columns) if columns else np.empty(0, np.int64)

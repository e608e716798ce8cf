"""What became of a run of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure
from headrace.engine.changelog import Change
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.records import Headers, Records

Integers = npt.NDArray[np.int64]


Strings = TypeVar("Strings", bytes, bytes | None)


def joined_bytes(parts: Sequence[Sequence[Strings]]) -> Sequence[Strings]:
    """Return the byte strings of all parts, one after the other; without an object each where they are columns."""
    if len(parts) == 1:
        return parts[0]
    if any(isinstance(part, BytesColumn) for part in parts):
        return cast("Sequence[Strings]", BytesColumn.concat(parts))
    return [value for part in parts for value in part]


def _none() -> Integers:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Places:
    """Records by partition and offset; both columns have one length."""

    partitions: Integers = field(default_factory=_none)
    offsets: Integers = field(default_factory=_none)

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a run of records; the outputs' columns all have one length m.

    A stream that remembers gives outputs of records of earlier runs too, and keeps some of this run's for later.

    Attributes:
        parts: the output frames, one for each call of the step and topic.
        source: int64[m], for each output the position of its record in the run; -1 where unknown.
        values: m encoded outputs.
        keys: m output keys.
        timestamps: int64[m], milliseconds since the epoch.
        headers: m header lists, or ``None`` when no output has any.
        failures: the records that failed, by position, partition and offset.
        dropped: fields that the pinned types do not know, with how often they were dropped.
        before: the frame the function saw, one row a decoded record.
        before_positions: int64[len(before)], the record of each of its rows.
        partitions: int64[m], the partition of each output's record; -1 where unknown.
        offsets: int64[m], its offset there; -1 where unknown.
        sinks: int64[m], the topic of each output as a position among the stream's, or ``None``: all go to the first.
        late: the records that came too late: for a window (they are in none), or for their place in the order.
        starts: int64[m], for each output of a window its start in microseconds since the epoch; else ``None``.
        taken: the run's records as they are in the source, where they came by way of a repartition topic.
        changes: what of the changelog changes.
        states: of a sample's run, each state at its end, indexed by the text of the key.
        waiting: of a sample's run, the rows that a record which is not in the sample may still come before.
        open_windows: of a sample's run, how many windows are not given since the sample does not have all of them.
    """

    parts: list[pd.DataFrame]
    source: Integers
    values: Sequence[bytes]
    keys: Sequence[bytes | None]
    timestamps: Integers
    headers: list[Headers | None] | None
    failures: list[Failure]
    dropped: Counter[str]
    before: pd.DataFrame
    before_positions: Integers
    partitions: Integers = field(default_factory=_none)
    offsets: Integers = field(default_factory=_none)
    sinks: Integers | None = None
    late: Places = field(default_factory=Places)
    starts: Integers | None = None
    taken: Records | None = None
    changes: list[Change] = field(default_factory=list)
    states: dict[str, pd.DataFrame] = field(default_factory=dict)
    waiting: Places = field(default_factory=Places)
    open_windows: int = 0

    @property
    def rows(self) -> pd.DataFrame:
        """All outputs as one frame of m rows with a 0-based index."""
        filled = [part for part in self.parts if len(part)] or self.parts[:1]
        if len(filled) == 1:
            return filled[0]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()

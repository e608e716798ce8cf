"""Samples made from a given one, in which more of what a cell does with its history can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import orjson
import pandas as pd

from headrace.engine.event_time import microseconds
from headrace.engine.rows import Rows
from headrace.engine.stream import Stream
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.records import Records
from headrace.proof.splits import Positions, apart, copies, repeated
from headrace.spec import NEVER_NULL_TYPES, StreamDocument

LOOKBACKS = 3
"""Over how many lookbacks a sample must stretch to prove anything."""
_FEWEST = 8
"""Records that are worth it."""
_RUN = 4
"""Nulls come in runs of so many rows of a key: one alone is filled from the row before it."""
_EVERY = 4
SINGLES = 40
"""Records in a row that are sent each by itself."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """A sample that was made.

    Attributes:
        name: what a message adds: `` with nulls put in``.
        records: the sample.
        stretch: by how much the offsets of each further copy of a record are higher; 0 where there is none.
    """

    name: str
    records: Records
    stretch: int = 0


def exercises(stream: Stream, records: Records, rows: Rows, positions: Positions) -> Iterator[Exercise]:
    """Yield what can be made of a sample for a stream that looks back: nothing of formats other than JSON.

    - The sample over a longer time, where it is shorter than three lookbacks.
    - Runs of nulls in the columns that may have some.
    - The sample several times over, one after the other in time.

    Args:
        stream: the stream with its pinned types.
        records: the sample.
        rows: its rows, in the order of the records.
        positions: int64[len(rows)], the record of each row.
    """
    spec = stream.document.spec
    lookback = spec.looks_back
    if spec.format != "json" or spec.meta or len(records) < _FEWEST or not len(rows):
        return
    first, last = int(rows.times.min()), int(rows.times.max())
    if lookback is not None and lookback.span is not None and last > first:
        factor = LOOKBACKS * microseconds(lookback.span) / (last - first)
        if factor > 1:
            longer = _at(records, spec.time, lambda time: first + round((time - first) * factor), rows, positions)
            if longer is not None:
                yield Exercise(f" stretched over {LOOKBACKS} lookbacks", longer)
    holes = _with_runs_of_nulls(records, _nullable(stream.document), rows, positions)
    if holes is not None:
        yield Exercise(" with nulls put in", holes)
    again = _repeated(records, spec.time, rows, positions)
    if again is not None:
        yield again


def each_alone(records: Records) -> list[Positions]:
    """Return batches of a sample of which the middle ones have a record each."""
    everything = np.arange(len(records), dtype=np.int64)
    first = max(0, (len(records) - SINGLES) // 2)
    places = np.arange(first, min(len(records), first + SINGLES) + 1)
    return [batch for batch in np.split(everything, places) if len(batch)]


def _nullable(document: StreamDocument) -> list[str]:
    spec = document.spec
    return [
        name
        for name, kind in document.input.items()
        if kind not in NEVER_NULL_TYPES and name not in document.never_null and name not in {spec.key, spec.time}
    ]


def _with_runs_of_nulls(records: Records, columns: list[str], rows: Rows, positions: Positions) -> Records | None:
    if not columns:
        return None
    ordinal = pd.Series(rows.hashes).groupby(rows.hashes).cumcount().to_numpy() // _RUN
    chosen: dict[int, list[str]] = {}
    for position, turn in zip(positions.tolist(), ordinal.tolist(), strict=True):
        here = [name for place, name in enumerate(columns) if (turn + place) % _EVERY == 0]
        chosen[position] = here
    return _changed(records, lambda position, fields: fields | dict.fromkeys(chosen.get(position, [])))


def _repeated(records: Records, time: str | None, rows: Rows, positions: Positions) -> Exercise | None:
    """Return the sample several times over, each copy later than the one before and with offsets of its own."""
    count, length = copies(records), len(records)
    step = int(rows.times.max() - rows.times.min()) + 1_000_000
    stretch = int(records.offsets.max()) + 1
    longer = apart(repeated(records), stretch)
    shift = np.repeat(np.arange(count, dtype=np.int64), length) * step
    if time is None:
        return Exercise(
            " with its records repeated", replace(longer, timestamps=longer.timestamps + shift // 1000), stretch
        )
    own = dict(zip(positions.tolist(), rows.times.tolist(), strict=True))

    def moved(position: int, fields: dict[str, object]) -> dict[str, object]:
        at = own.get(position % length)
        return fields if at is None else fields | {time: _text(at + int(shift[position]))}

    changed = _changed(longer, moved)
    return None if changed is None else Exercise(" with its records repeated", changed, stretch)


def _at(
    records: Records, time: str | None, place: Callable[[int], int], rows: Rows, positions: Positions
) -> Records | None:
    """Return the records at other times."""
    own = dict(zip(positions.tolist(), rows.times.tolist(), strict=True))
    if time is None:
        stamps = [place(stamp * 1000) // 1000 for stamp in records.timestamps.tolist()]
        return replace(records, timestamps=np.array(stamps, np.int64))
    return _changed(
        records,
        lambda position, fields: fields | {time: _text(place(own[position]))} if position in own else fields,
    )


def _changed(records: Records, change: Callable[[int, dict[str, object]], dict[str, object]]) -> Records | None:
    """Return records whose JSON objects are changed; ``None`` when a value is something else."""
    values: list[bytes | None] = []
    for position, value in enumerate(records.values):
        if value is None:
            return None
        try:
            fields = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(fields, dict):
            return None
        values.append(orjson.dumps(change(position, fields)))
    return replace(records, values=BytesColumn.of(values))


def _text(time: int) -> str:
    return pd.Timestamp(time, unit="us").isoformat() + "Z"

"""Columns of any Python values made to fit the pinned types, whichever format they were read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.errors import RecordError
from headrace.kafka.codec.decoded import Decoded, RecordFailure
from headrace.kafka.codec.json.columns import ColumnArray, fit_column, to_array
from headrace.kafka.codec.json.times import in_range
from headrace.kafka.codec.json.values import mismatch
from headrace.spec import ColumnType

ColumnFitter = Callable[[list[object]], tuple[list[object], list[int]]]
"""From n values n fitted ones (``None`` where null or unfit), and the places of those that do not fit."""


@dataclass(slots=True)
class Fitted:
    """Columns of the rows that fit; all of one length m.

    Attributes:
        columns: for each pinned column m fitted values, ``None`` where null.
        rows: for each row the place of its record in the run, ascending; several rows may come from one record.
        errors: the records that do not fit, by their place.
        dropped: unknown fields, with how many of the fitting rows had them.
    """

    columns: dict[str, list[object]]
    rows: list[int]
    errors: dict[int, RecordError]
    dropped: Counter[str] = field(default_factory=Counter)

    def arrays(self, types: Mapping[str, ColumnType]) -> dict[str, ColumnArray]:
        """Return the columns as arrays of their dtypes."""
        return {name: to_array(self.columns[name], declared) for name, declared in types.items()}


def fit_columns(
    given: Mapping[str, list[object]],
    rows: list[int],
    types: Mapping[str, ColumnType],
    *,
    errors: Mapping[int, RecordError] | None = None,
    fitters: Mapping[str, ColumnFitter] | None = None,
) -> Fitted:
    """Fit n rows to the pinned types; a record with a row that does not fit is left out whole.

    Args:
        given: n values of each column that the records have; a pinned column that is missing here is null throughout.
        rows: for each of the n rows the place of its record, ascending.
        types: the pinned types.
        errors: records that have failed before this, by place.
        fitters: how columns fit whose values are not JSON's kinds; all others by the rules of JSON.
    """
    columns: dict[str, list[object]] = {}
    wrong: dict[int, RecordError] = {}
    for name, declared in types.items():
        values = given.get(name)
        if values is None:
            values = [None] * len(rows)
        fitter = (fitters or {}).get(name) or partial(fit_column, declared=declared)
        columns[name], unfit = fitter(values)
        for place in unfit:
            wrong.setdefault(rows[place], mismatch(name, values[place], declared))
    if wrong:
        kept = [place for place, row in enumerate(rows) if row not in wrong]
        columns = {name: [column[place] for place in kept] for name, column in columns.items()}
        rows = [rows[place] for place in kept]
    return Fitted(columns, rows, {**(errors or {}), **wrong})


def fit_microseconds(values: list[object], *, factor: int, divisor: int) -> tuple[list[object], list[int]]:
    """Fit n whole numbers of a unit of time to microseconds (``value * factor // divisor``), years 1 to 9999."""
    times = [value * factor // divisor if isinstance(value, int) else None for value in values]
    unfit = [place for place, time in enumerate(times) if time is not None and not in_range(time)]
    for place in unfit:
        times[place] = None
    return list(times), unfit


def frame_of(arrays: Mapping[str, ColumnArray], types: Mapping[str, ColumnType], count: int) -> pd.DataFrame:
    """Return ``count`` rows of the pinned columns, with a 0-based index."""
    frame: pd.DataFrame = pd.DataFrame._from_arrays(  # type: ignore[attr-defined]  # noqa: SLF001  looks at no value
        [arrays[name] for name in types], labels_of(tuple(types)), pd.RangeIndex(count), verify_integrity=False
    )
    return frame


def labels_of(names: tuple[str, ...]) -> pd.Index:
    """Return column labels that know already where each name stands, as a frame's own: it may name them."""
    return _known_labels(names).view()


@lru_cache(maxsize=64)
def _known_labels(names: tuple[str, ...]) -> pd.Index:
    labels = pd.DataFrame(columns=list(names)).columns
    if names:
        labels.get_loc(names[0])
    return labels


def decoded_of(fitted: Fitted, types: Mapping[str, ColumnType]) -> Decoded:
    """Return one run's rows as a frame."""
    frame = frame_of(fitted.arrays(types), types, len(fitted.rows))
    return Decoded(frame, np.array(fitted.rows, np.int64), failures_of(fitted.errors), fitted.dropped)


def failures_of(errors: Mapping[int, RecordError]) -> list[RecordFailure]:
    """Return the failures by position."""
    return [RecordFailure(row, error) for row, error in sorted(errors.items())]


def in_order(
    frames: Sequence[pd.DataFrame], rows: Sequence[npt.NDArray[np.int64]]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Put together frames that were read apart; rows come in the order of their records, then as they stood.

    Returns:
        The frame, and the position of each row's record, int64, ascending.
    """
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    positions = rows[0] if len(rows) == 1 else np.concatenate(rows)
    if (positions[1:] < positions[:-1]).any():
        order = np.argsort(positions, kind="stable")
        positions = positions[order]
        frame = frame.take(order).reset_index(drop=True)
    return frame, positions


def together(
    parts: Sequence[tuple[Sequence[int], Decoded]], errors: Mapping[int, RecordError], types: Mapping[str, ColumnType]
) -> Decoded:
    """Put together parts of a run that were decoded apart.

    Args:
        parts: each with the places of its records in the run.
        errors: the failures of records in no part, by place.
        types: the pinned types.
    """
    found = dict(errors)
    dropped: Counter[str] = Counter()
    for rows, part in parts:
        found |= {rows[failure.position]: failure.error for failure in part.failures}
        dropped.update(part.dropped)
    filled = [(rows, part) for rows, part in parts if len(part.frame)]
    if not filled:
        nothing = decoded_of(fit_columns({}, [], types), types)
        return Decoded(nothing.frame, nothing.positions, failures_of(found), dropped)
    places = [np.array(rows, np.int64)[part.positions] for rows, part in filled]
    frame, positions = in_order([part.frame for _, part in filled], places)
    return Decoded(frame, positions, failures_of(found), dropped)

"""Times between JSON and microseconds since the epoch.

In: ISO 8601 text as in RFC 3339 (``2026-11-22T10:00:00Z``, an offset, a space for the ``T``; without an offset
it is UTC; seconds and the time of day may be missing, digits after the microseconds are cut off), or a number of
milliseconds since the epoch. Out: ``2026-11-22T10:00:00.000000Z``. Years 1 to 9999.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_ISO_TEXT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?", re.ASCII
)
_DAY = 86_400_000_000


def in_range(microseconds: int) -> bool:
    """Return whether a time lies in the years 1 to 9999."""
    return _EARLIEST <= microseconds <= _LATEST


def all_in_range(microseconds: npt.NDArray[np.int64]) -> bool:
    """Return whether n times lie in the years 1 to 9999."""
    return len(microseconds) == 0 or bool(microseconds.min() >= _EARLIEST and microseconds.max() <= _LATEST)


def milliseconds_in_range(milliseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which of n times in milliseconds lie in the years 1 to 9999."""
    inside: npt.NDArray[np.bool_] = (milliseconds >= -(-_EARLIEST // 1000)) & (milliseconds <= _LATEST // 1000)
    return inside


def parse_text(text: str) -> int | None:
    """Return the microseconds since the epoch of ISO 8601 text, ``None`` when it is not a time."""
    if not _ISO_TEXT.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    microseconds = (time - _EPOCH) // _MICROSECOND
    return microseconds if in_range(microseconds) else None


def parse_texts(texts: pa.Array) -> npt.NDArray[np.int64] | None:
    """Return the microseconds of n texts without nulls, ``None`` unless all of them parse by the quick way."""
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            times = pc.cast(texts, kind)
        except pa.ArrowInvalid:
            continue
        microseconds: npt.NDArray[np.int64] = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
        if all_in_range(microseconds):
            return microseconds
    return None


def format_time(time: datetime) -> str:
    """Return the text of one time; without an offset it is UTC."""
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def format_times(microseconds: npt.NDArray[np.int64]) -> pa.Array:
    """Return the texts of n times in range, large_string[n].

    Digits are written into a matrix of bytes, one row a time; the date is made once a day that occurs.
    """
    days, of_day = np.divmod(microseconds, _DAY)
    distinct, which = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(distinct.astype("datetime64[D]")).astype("S10")
    text = np.empty((len(microseconds), 27), np.uint8)
    text[:] = np.frombuffer(b"0000-00-00T00:00:00.000000Z", np.uint8)
    text[:, :10] = dates.view(np.uint8).reshape(-1, 10)[which]
    rest = of_day
    for column in (25, 24, 23, 22, 21, 20):
        rest, digit = np.divmod(rest, 10)
        text[:, column] += digit.astype(np.uint8)
    for tens, base in ((17, 60), (14, 60), (11, 24)):
        rest, field = np.divmod(rest, base)
        text[:, tens] += (field // 10).astype(np.uint8)
        text[:, tens + 1] += (field % 10).astype(np.uint8)
    offsets = np.arange(0, 27 * len(text) + 1, 27, dtype=np.int64)
    return pa.Array.from_buffers(
        pa.large_string(), len(text), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))]
    )


def time_texts(column: pd.Series) -> pa.Array | None:
    """Return the texts of a column of times, large_string[n], nulls where it has none.

    Digits after the microseconds are cut off. ``None`` when the column is of another type, or a time is out of range.
    """
    if not (column.dtype.kind == "M" and isinstance(column.dtype, np.dtype | pd.DatetimeTZDtype)):
        return None
    times = pd.DatetimeIndex(column)
    missing = np.asarray(times.isna())
    try:
        microseconds = times.as_unit("us").asi8
    except pd.errors.OutOfBoundsDatetime:
        return None
    known = microseconds[~missing]
    if not all_in_range(known):
        return None
    texts = format_times(known)
    return texts.take(pa.array(np.cumsum(~missing) - 1, mask=missing)) if missing.any() else texts

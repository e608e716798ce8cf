"""Event time: which time a row has, which rows are late, and up to where a partition is complete."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers = npt.NDArray[np.int64]

NEVER = -(2**62)
"""Earlier than any event time."""
ALWAYS = 2**62
"""Later than any event time."""

AHEAD = timedelta(hours=1)
"""A record this far ahead of the clock says nothing about how far its partition is."""


def microseconds(length: timedelta) -> int:
    """Return a length of time in whole microseconds."""
    return length // timedelta(microseconds=1)


def event_times(
    frame: pd.DataFrame, column: str | None, timestamps: Integers
) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """Return when each row happened.

    Args:
        frame: n decoded rows.
        column: the ``--time`` column, datetime64[us, UTC]; without one it is the record's timestamp.
        timestamps: int64[n], milliseconds since the epoch.

    Returns:
        int64[n], microseconds since the epoch, and bool[n], the rows that have no time.
    """
    if column is None:
        return timestamps * 1000, np.zeros(len(timestamps), np.bool_)
    times = frame[column].dt.as_unit("us").dt.tz_convert(None).to_numpy().view(np.int64)
    return times, frame[column].isna().to_numpy()


def newest_before(times: Integers, newest: int, ahead_of: int) -> Integers:
    """Return for each row of one partition the newest event time seen before it.

    Args:
        times: int64[n], in offset order, microseconds.
        newest: the newest before the first of them.
        ahead_of: rows after this time do not count.

    Returns:
        int64[n + 1]; the last is the newest after all of them.
    """
    counted = np.where(times <= ahead_of, times, NEVER)
    return np.maximum.accumulate(np.concatenate([np.array([newest], np.int64), counted]))

"""Rows in time as a topic has them, drawn at random: disorder, ties, nulls, partitions, and ways of cutting them up."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
from hypothesis import strategies as st

from headrace.kafka.records import Records
from headrace.spec import ColumnType

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "float64", "n": "int64"}
GRACE = 60
"""Seconds."""
START = pd.Timestamp("2026-01-01", tz="UTC")
_KEYS = ["a", "b", "c", "d", None]


@st.composite
def arrivals(
    draw: st.DrawFn,
    most: int = 60,
    *,
    null_times: bool = False,
    too_late: bool = False,
    by_key: bool = True,
    start: pd.Timestamp = START,
    longest: int = 240,
) -> pd.DataFrame:
    """Draw rows in the order in which they arrive.

    Args:
        draw: of Hypothesis.
        most: rows.
        null_times: some rows have no time.
        too_late: some rows are later than the grace; else none is, in no partition.
        by_key: a key's rows are all in one partition.
        start: before the first row.
        longest: seconds between two rows.

    Returns:
        Columns of :data:`TYPES` and ``partition``, of three.
    """
    count = draw(st.integers(1, most))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    seconds = column(st.one_of(st.just(0), st.integers(0, longest)))
    late = column(st.integers(0, GRACE * 5 if too_late else GRACE))
    keys = column(st.sampled_from(_KEYS))
    values = column(st.one_of(st.none(), st.integers(-5, 5)))
    shifts = pd.to_timedelta(np.cumsum(seconds) - np.array(late, np.int64), unit="s")
    times = pd.Series(start + shifts, dtype="datetime64[us, UTC]")
    if null_times:
        times = times.mask(np.array(column(st.integers(0, 5))) == 0)
    places = draw(st.fixed_dictionaries(dict.fromkeys(_KEYS, st.integers(0, 2))))
    return pd.DataFrame(
        {
            "k": pd.array(keys, dtype="str"),
            "t": times,
            "x": np.array([np.nan if value is None else value for value in values], float),
            "n": np.array(column(st.integers(0, 5)), np.int64),
            "partition": [places[key] for key in keys] if by_key else column(st.integers(0, 2)),
        }
    )


@st.composite
def batches_of(draw: st.DrawFn, frame: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Draw a way of reading rows in batches: partitions by turns or one far before another, each in its own order."""
    count = len(frame)
    delays = draw(st.one_of(st.just([0] * count), st.lists(st.integers(0, 9), min_size=count, max_size=count)))
    turns = pd.Series(delays).groupby(frame.partition.to_numpy()).cummax()
    order = np.lexsort((np.arange(count), turns.to_numpy()))
    cuts = draw(st.lists(st.integers(0, count), max_size=10))
    return [batch for batch in np.split(order, sorted(cuts)) if len(batch)]


def records_of(frame: pd.DataFrame) -> Records:
    """Return the rows as records, offsets counted by partition in the order of the rows."""
    keys = frame.k.astype(object).where(frame.k.notna(), None).tolist()
    times = [None if pd.isna(time) else time.isoformat() for time in frame.t]
    lines: list[bytes | None] = [
        orjson.dumps({"k": k, "t": t, "x": x, "n": n})
        for k, t, x, n in zip(keys, times, frame.x.tolist(), frame.n.tolist(), strict=True)
    ]
    count = len(frame)
    return Records(
        "in",
        [None if key is None else key.encode() for key in keys],
        lines,
        frame.partition.to_numpy(np.int32),
        np.asarray(frame.groupby("partition").cumcount(), np.int64),
        np.arange(count, dtype=np.int64),
        [None] * count,
    )

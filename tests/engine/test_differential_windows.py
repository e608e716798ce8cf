"""Windows of every kind, through the path of a batch: the engine gives what pandas gives on the whole."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import START, arrivals, batches_of, records_of
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process_batches
from idioms import stream_of
from whole import assert_same, placed
from whole_windows import windowed

SPRING = pd.Timestamp("2026-03-28T20:00", tz="UTC")
AUTUMN = pd.Timestamp("2026-10-24T20:00", tz="UTC")
TINY = 2_000
"""Bytes of memory for rows that wait, so that most of them are on disk."""
BY = ["window_start", "window_end", "k"]


def totals(df: pd.DataFrame) -> pd.DataFrame:
    grouped = df.groupby(BY, dropna=False)
    return grouped.agg(
        total=("x", "sum"), rows=("n", "size"), first=("n", "first"), last=("n", "last"), at=("t", "last")
    ).reset_index()


def expected(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the totals of each window, one window after the other."""
    grouped = rows.groupby(["window", *BY], dropna=False)
    return grouped.agg(
        total=("x", "sum"), rows=("n", "size"), first=("n", "first"), last=("n", "last"), at=("t", "last")
    ).reset_index()


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with times as text, by window and key."""
    times = {
        name: rows[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for name in ("window_start", "window_end", "at")
        if isinstance(rows[name].dtype, pd.DatetimeTZDtype)
    }
    columns = [*BY, "total", "rows", "first", "last", "at"]
    rows = rows.assign(**times, k=rows.k.astype(object).where(rows.k.notna(), ""))[columns]
    return rows.sort_values(columns, kind="stable", ignore_index=True)


def check(
    frame: pd.DataFrame, data: st.DataObject, kind: str, sizes: str, zone: str | None = None, **spec: object
) -> None:
    """Run windows over rows in batches that are drawn, and hold them against plain pandas."""
    stream = stream_of(totals, window=f"{kind}={sizes}{f'@{zone}' if zone else ''}", **spec)
    at_once = data.draw(st.booleans())
    stream = Stream(stream.document.model_copy(update={"windows_at_once": at_once}), stream.function)
    memory = data.draw(st.sampled_from([None, TINY]))
    result = joined(process_batches(stream, records_of(frame), data.draw(batches_of(frame)), memory=memory))
    assert {failure.kind for failure in result.failures} <= {"time"}
    assert [failure.position for failure in result.failures] == np.flatnonzero(frame.t.isna()).tolist()
    rows = placed(frame)
    late = sorted(zip(result.late.partitions.tolist(), result.late.offsets.tolist(), strict=True))
    assert late == sorted(rows.loc[rows.late, ["partition", "offset"]].itertuples(index=False, name=None))
    found = [orjson.loads(value) for value in result.values]
    whole = expected(windowed(frame, kind, *sizes.split(","), zone=zone or "UTC"))
    if not len(whole):
        assert not found
        return
    assert_same(in_order(pd.DataFrame(found)), in_order(whole))


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("tumbling", "5min"),
        ("hopping", "10min,3min"),
        ("hopping", "6min,3min"),
        ("session", "2min"),
        ("session", "30s"),
        ("count", "3"),
        ("count", "1"),
    ],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_windows_give_what_pandas_gives(kind: str, sizes: str, data: st.DataObject) -> None:
    check(data.draw(arrivals(40, null_times=True, too_late=True)), data, kind, sizes)


@pytest.mark.parametrize(("kind", "sizes"), [("tumbling", "5min"), ("hopping", "10min,3min")])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_windows_over_all_partitions_give_what_pandas_gives(kind: str, sizes: str, data: st.DataObject) -> None:
    check(data.draw(arrivals(40, null_times=True, too_late=True, by_key=False)), data, kind, sizes, key=None)


@pytest.mark.parametrize("start", [SPRING, AUTUMN], ids=["spring", "autumn"])
@pytest.mark.parametrize(
    ("kind", "sizes"), [("tumbling", "1h"), ("tumbling", "30min"), ("tumbling", "24h"), ("hopping", "2h,30min")]
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_windows_of_a_zone_give_what_pandas_gives_when_the_clocks_change(
    kind: str, sizes: str, start: pd.Timestamp, data: st.DataObject
) -> None:
    frame = data.draw(arrivals(40, null_times=True, start=start, longest=3_600))
    check(frame, data, kind, sizes, "Europe/Berlin")


def test_each_window_closes_once_and_alone() -> None:
    frame = pd.DataFrame(
        {
            "k": pd.array(["a"] * 4, dtype="str"),
            "t": START + pd.to_timedelta([0, 10, 70, 200], unit="s"),
            "x": 1.0,
            "n": 1,
            "partition": 0,
        }
    )
    seen: list[int] = []

    def count(df: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(df))
        assert (df.window_start == df.window_start.iloc[0]).all()
        return df.head(1)

    records = records_of(frame)
    everything = [np.array([row]) for row in range(4)]
    results = process_batches(stream_of(count, window="tumbling=1min", grace="0s"), records, everything)
    assert seen == [2, 1, 1]
    assert [len(result.values) for result in results] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("at_once", [False, True])
def test_counts_of_rows_of_the_very_same_time_stay_apart(at_once: bool) -> None:  # noqa: FBT001
    frame = pd.DataFrame({"k": pd.array(["a"] * 6, dtype="str"), "t": START, "x": 1.0, "n": range(6), "partition": 0})
    stream = stream_of(totals, window="count=3")
    stream = Stream(stream.document.model_copy(update={"windows_at_once": at_once}), stream.function)
    result = joined(process_batches(stream, records_of(frame), [np.arange(6)]))
    found = [orjson.loads(value) for value in result.values]
    assert [(row["rows"], row["first"], row["last"]) for row in found] == [(3, 0, 2), (3, 3, 5)]


@pytest.mark.parametrize("cuts", [[], [1], [1, 2]])
def test_an_output_has_the_newest_timestamp_of_its_own_window(cuts: list[int]) -> None:
    """Two keys' sessions that begin at the same time, closed together or apart."""
    frame = pd.DataFrame(
        {"k": pd.array(["a", "b", "a"], dtype="str"), "t": START, "x": 1.0, "n": range(3), "partition": [0, 1, 0]}
    )
    stream = stream_of(totals, window="session=2min")
    stream = Stream(stream.document.model_copy(update={"windows_at_once": True}), stream.function)
    result = joined(process_batches(stream, records_of(frame), np.split(np.arange(3), cuts)))
    assert dict(zip(result.keys, result.timestamps.tolist(), strict=True)) == {b"a": 2, b"b": 1}

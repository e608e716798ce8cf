"""Whatever the data and however it is cut into batches: the engine gives what pandas gives on the whole."""

from __future__ import annotations

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process_batches
from idioms import ROWS, SPANS, START, Idiom, arrivals, assert_same, batches_of, outputs, records_of, stream_of, wanted


@pytest.mark.parametrize("idiom", SPANS + ROWS, ids=lambda idiom: f"{idiom.function.__name__}-{idiom.lookback}")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_lookback_gives_what_pandas_gives(idiom: Idiom, data: st.DataObject) -> None:
    frame = data.draw(arrivals())
    batches = data.draw(batches_of(frame))
    records = records_of(frame)
    result = joined(process_batches(stream_of(idiom.function, lookback=idiom.lookback), records, batches))
    assert not result.failures
    assert len(result.late) == 0
    assert_same(outputs(result, records), wanted(idiom.function, frame, records))


def once_in_a_while(df: pd.DataFrame) -> pd.DataFrame:
    """Keep what its key has not brought within the ten minutes before."""
    pause = df.t - df.groupby(["k", "n"], dropna=False)["t"].shift(1)
    return df[pause.isna() | (pause > pd.Timedelta("10min"))]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_duplicates_within_ten_minutes_are_dropped(data: st.DataObject) -> None:
    frame = data.draw(arrivals())
    records = records_of(frame)
    stream = stream_of(once_in_a_while, lookback="10min")
    result = joined(process_batches(stream, records, data.draw(batches_of(frame))))
    places = list(zip(frame.t.tolist(), records.partitions.tolist(), records.offsets.tolist(), strict=True))
    seen: dict[tuple[object, int], pd.Timestamp] = {}
    kept = set()
    for row in sorted(range(len(frame)), key=places.__getitem__):  # one after the other, in plain Python
        key = (None if pd.isna(frame.k[row]) else frame.k[row], int(frame.n[row]))
        if key not in seen or frame.t[row] - seen[key] > pd.Timedelta("10min"):
            kept.add(places[row][1:])
        seen[key] = frame.t[row]
    assert not result.failures
    assert len(result.values) == len(kept)
    assert set(zip(result.partitions.tolist(), result.offsets.tolist(), strict=True)) == kept


def totals(df: pd.DataFrame) -> pd.DataFrame:
    grouped = df.groupby(["window_start", "k"], dropna=False)
    return grouped.agg(total=("x", "sum"), rows=("n", "size")).reset_index()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), at_once=st.booleans())
def test_a_tumbling_window_gives_what_pandas_gives(data: st.DataObject, at_once: bool) -> None:  # noqa: FBT001
    frame = data.draw(arrivals())
    records = records_of(frame)
    stream = stream_of(totals, window="tumbling=5min")
    stream = Stream(stream.document.model_copy(update={"windows_at_once": at_once}), stream.function)
    result = joined(process_batches(stream, records, data.draw(batches_of(frame))))
    assert len(result.late) == 0
    found = pd.DataFrame([orjson.loads(value) for value in result.values])
    expected = totals(frame.assign(window_start=frame.t.dt.floor("5min")))
    columns = ["window_start", "k"]
    expected["window_start"] = expected.window_start.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    one, other = (
        rows.assign(k=rows.k.fillna("")).sort_values(columns, ignore_index=True)[[*columns, "total", "rows"]]
        for rows in (found, expected)
    )
    assert_same(one, other)


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

"""What becomes of records that are late, without a time, ahead of the clock, or of several topics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson
import pandas as pd

from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process, process_batches
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}
START = pd.Timestamp("2026-01-01", tz="UTC")


def stream_of(function: Callable[..., object], **spec: object) -> Stream:
    common: dict[str, object] = {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t"}
    return Stream(StreamDocument(spec=StreamSpec.model_validate(common | spec), input=TYPES), function)


def records_at(*seconds: float | None, partitions: list[int] | None = None) -> Records:
    """Records of one key at these times; ``x`` counts them."""
    count = len(seconds)
    places = np.array(partitions or [0] * count, np.int32)
    values: list[bytes | None] = [
        orjson.dumps(
            {"k": "a", "t": None if at is None else (START + pd.Timedelta(seconds=at)).isoformat(), "x": number}
        )
        for number, at in enumerate(seconds)
    ]
    offsets = pd.Series(places).groupby(places).cumcount().to_numpy().astype(np.int64)
    return Records("in", [b"a"] * count, values, places, offsets, np.arange(count).astype(np.int64), [None] * count)


def one_by_one(stream: Stream, records: Records) -> tuple[list[int], list[int]]:
    """Return ``x`` of the outputs in their order, and the offsets of late records."""
    result = joined(process_batches(stream, records, [np.array([row]) for row in range(len(records))]))
    assert not result.failures
    return [orjson.loads(value)["x"] for value in result.values], result.late.offsets.tolist()


def same(df: pd.DataFrame) -> pd.DataFrame:
    return df


def listed(df: pd.DataFrame) -> pd.DataFrame:
    return df[["x"]]


def test_records_within_the_grace_are_taken_in_order() -> None:
    assert one_by_one(stream_of(same, lookback="1h", grace="5s"), records_at(0, 10, 6, 20)) == ([0, 2, 1, 3], [])


def test_a_late_record_is_computed_and_counted_with_a_lookback() -> None:
    assert one_by_one(stream_of(same, lookback="1h", grace="5s"), records_at(0, 10, 4, 20)) == ([0, 2, 1, 3], [2])


def test_a_late_record_is_in_no_window() -> None:
    stream = stream_of(listed, window="tumbling=1min", grace="5s")
    assert one_by_one(stream, records_at(0, 10, 4, 70)) == ([0, 1, 3], [2])


def test_a_window_without_a_key_spans_all_partitions() -> None:
    seen: list[int] = []

    def count(df: pd.DataFrame) -> pd.DataFrame:
        seen.append(len(df))
        return df.head(1)

    stream = stream_of(count, window="tumbling=1min", key=None)
    records = records_at(0, 1, 2, 61, 62, partitions=[0, 1, 2, 0, 1])
    results = process_batches(stream, records, [np.array([row]) for row in range(5)])
    assert seen == [3, 2]
    assert [len(result.values) for result in results] == [0, 0, 0, 0, 0, 2]  # partition 2 may still bring something


def test_a_record_without_a_time_is_a_dead_letter() -> None:
    result = process(stream_of(same, lookback="1h"), records_at(0, None, 2))
    assert [(failure.kind, failure.position) for failure in result.failures] == [("time", 1)]
    assert "`t`: null" in result.failures[0].summary
    assert len(result.values) == 2


def test_a_record_ahead_of_the_clock_makes_no_other_late() -> None:
    future = (pd.Timestamp.now("UTC") - START).total_seconds() + 10_000
    order, late = one_by_one(stream_of(same, lookback="1h"), records_at(0, future, 1, 2))
    assert late == []
    assert order == [0, 2, 3, 1]


def test_a_record_that_fails_stays_out_of_the_history() -> None:
    def odd(df: pd.DataFrame) -> pd.DataFrame:
        if (df.x == 1).any():
            raise ValueError("one")
        return df.assign(before=df.x.shift(1))

    result = process(stream_of(odd, lookback="2rows"), records_at(0, 1, 2, 3))
    assert [failure.position for failure in result.failures] == [1]
    found = [orjson.loads(value) for value in result.values]
    assert [(row["x"], row["before"]) for row in found] == [(0, None), (2, 0.0), (3, 2.0)]


def test_a_window_that_fails_fails_with_all_its_records() -> None:
    def odd(df: pd.DataFrame) -> pd.DataFrame:
        if (df.x == 1).any():
            raise ValueError("one")
        return df.head(1)

    result = process(stream_of(odd, window="tumbling=1min"), records_at(0, 1, 2, 61))
    assert [failure.position for failure in result.failures] == [0, 1, 2]
    assert [orjson.loads(value)["x"] for value in result.values] == [3]


def test_a_window_that_fails_in_one_partition_fails_there_alone_whatever_closes_with_it() -> None:
    def odd(df: pd.DataFrame) -> pd.DataFrame:
        if (df.x == 1).any():
            raise ValueError("one")
        return df.assign(n=len(df))

    stream = stream_of(odd, window="hopping=1min,30s")
    records = records_at(30, 31, 32, 200, 201, partitions=[0, 1, 0, 0, 1])  # x == 1 is in two windows of partition 1
    for batches in ([np.arange(5)], [np.array([row]) for row in range(5)]):
        results = process_batches(stream, records, batches)
        letters = sorted(
            (int(records.partitions[failure.position]), int(records.offsets[failure.position]))
            if failure.position >= 0
            else (failure.partition, failure.offset)
            for result in results
            for failure in result.failures
        )
        found = sorted(orjson.loads(value)["x"] for result in results for value in result.values)
        assert letters == [(1, int(records.offsets[1]))]
        assert found == [0, 0, 2, 2, 3, 3, 4, 4]


def test_several_topics_get_a_frame_each() -> None:
    def split(df: pd.DataFrame) -> dict[str, pd.DataFrame]:
        return {"even": df[df.x % 2 == 0], "odd": df[df.x % 2 == 1]}

    for more in ({}, {"lookback": "1h"}):
        result = process(stream_of(split, sinks=("even", "odd"), **more), records_at(0, 1, 2))
        assert result.sinks is not None
        rows = zip(result.sinks.tolist(), (orjson.loads(value)["x"] for value in result.values), strict=True)
        assert sorted(rows) == [(0, 0), (0, 2), (1, 1)]


def test_something_else_than_a_frame_for_each_topic_fails_by_name() -> None:
    result = process(stream_of(same, sinks=("even", "odd")), records_at(0))
    assert "End it with a dict of frames by topic" in str(result.failures[0].error)
    result = process(stream_of(lambda df: {"other": df}, sinks=("even", "odd")), records_at(0))
    assert "`other`, which is none of its topics" in str(result.failures[0].error)

"""Whatever the data and however it is cut into batches: the engine gives what pandas gives on the whole."""

from __future__ import annotations

from functools import partial

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import GRACE, START, arrivals, batches_of, records_of
from headrace.engine.bisect import Failure
from headrace.engine.result import BatchResult
from headrace.engine.sides import PinnedSides
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process_batches
from headrace.kafka.records import Records
from headrace.spec import ColumnType
from idioms import KEYLESS, ROWS, SPANS, STATELESS, Idiom, change_of_level, stream_of
from whole import as_they_came, assert_same, outputs, placed, wanted

LEVELS: dict[str, ColumnType] = {"n": "int64", "seen": "datetime64[us, UTC]", "level": "float64"}

TINY = 2_000
"""Bytes of memory for what is remembered, so that most of it is on disk."""


def once_in_a_while(df: pd.DataFrame) -> pd.DataFrame:
    """Keep what its key has not brought within the ten minutes before."""
    pause = df.t - df.groupby(["k", "n"], dropna=False)["t"].shift(1)
    return df[pause.isna() | (pause > pd.Timedelta("10min"))]


def without_time(failures: list[Failure], frame: pd.DataFrame) -> bool:
    """Whether the failures are the rows without a time, and nothing else."""
    assert {failure.kind for failure in failures} <= {"time"}
    return [failure.position for failure in failures] == np.flatnonzero(frame.t.isna()).tolist()


def run(stream: Stream, frame: pd.DataFrame, data: st.DataObject, *, one_lane: bool | None = None) -> BatchResult:
    """Run a stream over rows in batches that are drawn."""
    memory = data.draw(st.sampled_from([None, TINY]))
    batches = data.draw(batches_of(frame))
    return joined(process_batches(stream, records_of(frame), batches, one_lane=one_lane, memory=memory))


@pytest.mark.parametrize("idiom", SPANS + ROWS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_lookback_gives_what_pandas_gives(idiom: Idiom, data: st.DataObject) -> None:
    frame = data.draw(arrivals(40, null_times=True))
    result = run(stream_of(idiom.function, lookback=idiom.lookback), frame, data)
    assert without_time(result.failures, frame)
    assert len(result.late) == 0
    assert_same(outputs(result), wanted(idiom.function, frame))


@pytest.mark.parametrize("idiom", [*KEYLESS, SPANS[0], ROWS[0]], ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_lookback_over_all_partitions_gives_what_pandas_gives(idiom: Idiom, data: st.DataObject) -> None:
    frame = data.draw(arrivals(40, null_times=True, by_key=False))
    stream = stream_of(idiom.function, lookback=idiom.lookback, key=idiom.key)
    result = run(stream, frame, data, one_lane=True)
    assert without_time(result.failures, frame)
    assert len(result.late) == 0
    assert_same(outputs(result), wanted(idiom.function, frame))


@pytest.mark.parametrize("idiom", SPANS + ROWS, ids=str)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_late_rows_are_seen_by_what_follows(idiom: Idiom, data: st.DataObject) -> None:
    found, expected, rows = late_rows(idiom, data)
    in_time = rows.loc[~rows.late, ["partition", "offset"]]
    assert_same(found.merge(in_time), expected.merge(in_time))


@pytest.mark.parametrize("idiom", SPANS, ids=str)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_late_rows_see_what_is_known(idiom: Idiom, data: st.DataObject) -> None:
    found, expected, _ = late_rows(Idiom(idiom.function, "1d"), data)  # so long that nothing is forgotten
    assert_same(found, expected)


def late_rows(idiom: Idiom, data: st.DataObject) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Run an idiom over rows some of which are late; return the outputs, those expected, and the rows."""
    frame = data.draw(arrivals(40, null_times=True, too_late=True))
    batches = data.draw(batches_of(frame))
    result = joined(process_batches(stream_of(idiom.function, lookback=idiom.lookback), records_of(frame), batches))
    assert without_time(result.failures, frame)
    rows = placed(frame)
    found = sorted(zip(result.late.partitions.tolist(), result.late.offsets.tolist(), strict=True))
    assert found == sorted(rows.loc[rows.late, ["partition", "offset"]].itertuples(index=False, name=None))
    return outputs(result), as_they_came(idiom.function, frame, batches), rows


@pytest.mark.parametrize("idiom", STATELESS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_stateless_cell_gives_what_pandas_gives(idiom: Idiom, data: st.DataObject) -> None:
    frame = data.draw(arrivals(40, null_times=True, too_late=True))
    result = run(stream_of(idiom.function), frame, data)
    assert not result.failures
    assert_same(outputs(result), wanted(idiom.function, frame, in_time=False))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_duplicates_within_ten_minutes_are_dropped(data: st.DataObject) -> None:
    frame = data.draw(arrivals())
    records = records_of(frame)
    result = run(stream_of(once_in_a_while, lookback="10min"), frame, data)
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


@st.composite
def levels(draw: st.DrawFn) -> pd.DataFrame:
    """Draw rows of a side topic: :data:`LEVELS`, in any order."""
    count = draw(st.integers(0, 30))
    seconds = draw(st.lists(st.integers(-1_000, 8_000), min_size=count, max_size=count))
    return pd.DataFrame(
        {
            "n": draw(st.lists(st.integers(0, 5), min_size=count, max_size=count)),
            "seen": (START + pd.to_timedelta(pd.Series(seconds, dtype="int64"), unit="s")).dt.as_unit("us"),
            "level": [float(number) for number in range(count)],
        }
    ).astype({"n": "int64", "level": "float64"})


def topic_of(side: pd.DataFrame) -> Records:
    """Return rows of a side topic as its records."""
    values: list[bytes | None] = [
        orjson.dumps({"n": n, "seen": seen.isoformat(), "level": level})
        for n, seen, level in zip(side.n.tolist(), side.seen, side.level.tolist(), strict=True)
    ]
    count = len(values)
    places = np.arange(count, dtype=np.int64)
    return Records("levels", [None] * count, values, np.zeros(count, np.int32), places, places, [None] * count)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_lookback_joined_to_a_side_input_gives_what_pandas_gives(data: st.DataObject) -> None:
    frame, side = data.draw(arrivals(40, null_times=True)), data.draw(levels())
    stream = stream_of(change_of_level, lookback="1rows", sides=("levels:10min@seen",))
    document = stream.document.model_copy(update={"sides": {"levels": LEVELS}})
    stream = Stream(document, stream.function, sides=PinnedSides(document, {"levels": topic_of(side)}))
    result = run(stream, frame, data)
    assert without_time(result.failures, frame)
    whole = side.sort_values("seen", kind="stable", ignore_index=True)
    assert_same(outputs(result), wanted(partial(change_of_level, levels=whole), frame))


def test_the_drawn_rows_have_what_makes_it_hard() -> None:
    seen = {"null": False, "late": False, "tie": False, "disorder": False, "partitions": False}

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(frame=arrivals(40, null_times=True, too_late=True))
    def look(frame: pd.DataFrame) -> None:
        rows = placed(frame)
        seen["null"] |= bool(rows.t.isna().any() and rows.t.notna().any())
        seen["late"] |= bool(rows.late.any())
        seen["tie"] |= bool(rows.t.dropna().duplicated().any())
        in_time = rows[~rows.late & rows.t.notna()]
        seen["disorder"] |= bool((in_time.groupby("partition")["t"].diff() < pd.Timedelta(0)).any())
        seen["partitions"] |= rows.partition.nunique() > 2

    look()
    assert all(seen.values()), seen
    assert GRACE > 0

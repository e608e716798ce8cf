"""States: what a cell leaves in them is there for the next rows of the same keys, and only for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import TYPES, arrivals, batches_of, records_of
from headrace.engine.processor import Processor, make_processor
from headrace.engine.result import BatchResult
from headrace.engine.state import RocksStore
from headrace.engine.state.rows import decode_rows, dtypes_of, encode_rows
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process_batches
from headrace.errors import UsageError
from headrace.kafka.records import Records
from headrace.spec import StreamDocument, StreamSpec, parse_magic_line
from whole import assert_same, outputs


def running(df: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number and add up a key's rows, over all batches."""
    x = df.x.fillna(0)
    group = df.k.fillna("?")
    before = totals.set_axis(totals.index.to_series().fillna("?"), axis=0)
    known = before.reindex(group) if len(before) else pd.DataFrame({"sum": 0.0, "rows": 0}, index=group)
    out = df.assign(
        sum=x.groupby(group).cumsum() + known["sum"].fillna(0).to_numpy(),
        rows=group.groupby(group).cumcount() + 1 + known["rows"].fillna(0).astype("int64").to_numpy(),
    )
    last = out.groupby("k", dropna=False)[["sum", "rows"]].last()
    return out[["k", "n", "sum", "rows"]], last


def first_seen(df: pd.DataFrame, seen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the first row of each key, ever."""
    new = df[~df.k.isin(seen.index) & ~df.duplicated("k")]
    added = new.set_index("k")[["t"]]
    return new[["k", "n"]], pd.concat([seen, added]) if len(seen) else added


def stream_of(function: Callable[..., object], *states: str, **spec: object) -> Stream:
    declared = {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "states": states, **spec}
    return Stream(StreamDocument(spec=StreamSpec.model_validate(declared), input=TYPES), function)


def in_offset_order(frame: pd.DataFrame, records: Records) -> pd.DataFrame:
    placed = frame.assign(partition=records.partitions, offset=records.offsets)
    return placed.sort_values(["partition", "offset"], kind="stable", ignore_index=True)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_running_totals_equal_those_of_the_whole(data: st.DataObject) -> None:
    frame = data.draw(arrivals())
    records = records_of(frame)
    result = joined(process_batches(stream_of(running, "totals"), records, data.draw(batches_of(frame))))
    assert not result.failures
    whole = in_offset_order(frame, records)
    expected, last = running(whole.drop(columns=["partition", "offset"]), pd.DataFrame())
    assert_same(outputs(result), expected.assign(partition=whole.partition, offset=whole.offset))
    kept = result.states["totals"]
    texts = ["n" if null else f"v{key}" for key, null in zip(last.index, last.index.isna(), strict=True)]
    assert kept["sum"].to_dict() == dict(zip(texts, last["sum"], strict=True))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_was_seen_is_seen_for_good(data: st.DataObject) -> None:
    frame = data.draw(arrivals()).dropna(subset="k").reset_index(drop=True)
    if not len(frame):
        return
    records = records_of(frame)
    result = joined(process_batches(stream_of(first_seen, "seen"), records, data.draw(batches_of(frame))))
    assert not result.failures
    whole = in_offset_order(frame, records)
    first = whole[~whole.duplicated("k")]
    found = outputs(result)
    assert sorted(zip(found.k, found.offset, strict=True)) == sorted(zip(first.k, first.offset, strict=True))


def within(df: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number a key's rows."""
    base = totals["rows"].reindex(df.k).fillna(0).to_numpy() if "rows" in totals else 0
    out = df.assign(rows=(df.groupby("k").cumcount() + 1 + base).astype("int64"))
    return out[["k", "n", "rows"]], out.groupby("k")[["rows"]].last()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_row_expires_a_ttl_after_its_keys_last_record(data: st.DataObject) -> None:
    frame = data.draw(arrivals()).dropna(subset="k").reset_index(drop=True)
    if not len(frame):
        return
    records = records_of(frame)
    stream = stream_of(within, "totals:2min", time="t")
    result = joined(process_batches(stream, records, data.draw(batches_of(frame))))
    assert not result.failures
    whole = in_offset_order(frame, records)
    rows: list[int] = []
    count: dict[str, int] = {}
    latest: dict[str, pd.Timestamp] = {}
    for key, time in zip(whole.k, whole.t, strict=True):
        if key in latest and time - latest[key] > pd.Timedelta("2min"):
            count[key] = 0
        count[key] = count.get(key, 0) + 1
        latest[key] = max(time, latest.get(key, time))
        rows.append(count[key])
    assert outputs(result).rows.tolist() == rows


def test_expired_rows_are_removed() -> None:
    times = [0, 1, 2, 1000, 2000, 2100]
    frame = pd.DataFrame(
        {
            "k": pd.array(["a", "b", "c", "d", "e", "f"], dtype="str"),
            "t": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(times, unit="s"),
            "x": 1.0,
            "n": 1,
            "partition": 0,
        }
    )
    records = records_of(frame)
    one_by_one = [np.array([row]) for row in range(len(frame))]
    results = process_batches(stream_of(within, "totals:1min", time="t"), records, one_by_one)
    assert list(results[-1].states["totals"].index) == ["ve", "vf"]  # e could be met by a record as late as the TTL
    gone = [change.key for result in results for change in result.changes if change.value is None]
    assert gone == [b"state\0totals\0va", b"state\0totals\0vb", b"state\0totals\0vc", b"state\0totals\0vd"]


def odd(df: pd.DataFrame, totals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    out, totals = within(df, totals)
    if (df.n == 13).any():
        message = "thirteen"
        raise ValueError(message)
    return out, totals


@pytest.mark.parametrize("batches", [[6], [1] * 6, [3, 3], [2, 4]])
def test_a_failed_record_leaves_the_state_as_it_was(batches: list[int]) -> None:
    frame = pd.DataFrame(
        {
            "k": pd.array(["a"] * 6, dtype="str"),
            "t": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(6), unit="s"),
            "x": 1.0,
            "n": [0, 1, 13, 2, 13, 3],
            "partition": 0,
        }
    )
    records = records_of(frame)
    cuts = np.split(np.arange(6), np.cumsum(batches)[:-1])
    result = joined(process_batches(stream_of(odd, "totals"), records, cuts))
    assert [failure.offset for failure in result.failures] == [2, 4]
    assert outputs(result).rows.tolist() == [1, 2, 3, 4]
    assert result.states["totals"].rows.tolist() == [4]


def left(value: object) -> Callable[..., object]:
    return lambda df, totals: (df, value)  # noqa: ARG005  called by name


def rows_for(*keys: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns or {"x": 1}, index=pd.Index(keys, name="k"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "left nothing (None) in the state `totals`"),
        (3, "left a int in the state `totals`"),
        (rows_for("a", "a"), "two rows for the key 'a'"),
        (rows_for("z"), "a row for the key b'z'"),
        (rows_for("a", x=[{1, 2}]), "holds what cannot be kept"),
        (pd.concat([rows_for("a"), rows_for("a")], axis=1), "two columns named `x`"),
        (rows_for("a").set_index("x", append=True), "several levels of keys"),
    ],
)
def test_what_is_no_state_is_a_failed_record(value: object, said: str) -> None:
    frame = pd.DataFrame(
        {"k": pd.array(["a"], dtype="str"), "t": pd.Timestamp("2026-01-01", tz="UTC"), "x": 1.0, "n": 1, "partition": 0}
    )
    result = joined(process_batches(stream_of(left(value), "totals"), records_of(frame), [np.array([0])]))
    assert said in str(result.failures[0].error)
    assert not len(result.values)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("s --from a --to b --state totals", "needs --key"),
        ("s --from a --to b --key k --state totals --lookback 1h", "cannot stand with --lookback"),
        ("s --from a --to b --key k --state df", "not a state"),
        ("s --from a --to b --key k --state x --param x=1", "would name two things"),
    ],
)
def test_what_does_not_go_with_a_state_is_said(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_magic_line(line)


def test_rows_come_back_as_they_were() -> None:
    frame = pd.DataFrame(
        {
            "a": [1, 2],
            "t": pd.DatetimeIndex(["2026-01-01", pd.NaT], tz="UTC").as_unit("us"),
            "s": pd.Series(["x", None], dtype="str"),
            "b": [True, False],
            "f": [1.5, np.nan],
            "i": pd.array([1, None], dtype="Int64"),
            "o": [[1], {"x": 2}],
            "d": pd.to_timedelta([1, None], unit="s").as_unit("us"),
        }
    ).set_axis(pd.Index(["k", "l"], name="key"), axis=0)
    rows = encode_rows(frame, "totals")
    pd.testing.assert_frame_equal(decode_rows(rows, frame.index, dtypes_of(frame)), frame)
    nothing = decode_rows([], frame.index, dtypes_of(frame))
    assert nothing.shape == (0, 0)


def run(processor: Processor, records: Records, places: list[int]) -> BatchResult:
    result = processor.process(records.take(np.array(places)))
    end = int(records.offsets[places[-1]]) + 1
    processor.memo(0, end)
    processor.commit()
    return result


def one_partition(count: int = 12) -> Records:
    frame = pd.DataFrame(
        {
            "k": pd.array([["a", "b"][row % 2] for row in range(count)], dtype="str"),
            "t": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="s"),
            "x": 1.0,
            "n": np.arange(count),
            "partition": 0,
        }
    )
    return records_of(frame)


def test_a_restart_goes_on_with_the_disk_or_with_the_changelog(tmp_path: Path) -> None:
    records, stream = one_partition(), stream_of(within, "totals")
    first = make_processor(stream, folder=tmp_path)
    first.begin(0)
    changes = run(first, records, [0, 1, 2, 3, 4]).changes
    memo = first.memo(0, 5)
    first.close()

    warm = make_processor(stream, folder=tmp_path)
    warm.begin(0, memo)
    assert warm.holds(0, 5)
    assert [orjson.loads(value)["rows"] for value in run(warm, records, [5, 6]).values] == [3, 4]
    warm.close()

    behind = make_processor(stream, folder=tmp_path)  # it has 7 records; the commit says 5
    behind.begin(0, memo)
    assert not behind.holds(0, 5)
    log = Records(
        "state",
        [change.key for change in changes],
        [change.value for change in changes],
        np.zeros(len(changes), np.int32),
        np.arange(len(changes)),
        np.zeros(len(changes), np.int64),
        [None] * len(changes),
    )
    behind.load(0, log)
    behind.loaded(0)
    assert [orjson.loads(value)["rows"] for value in run(behind, records, [5, 6]).values] == [3, 4]
    behind.close()

    anew = make_processor(stream, folder=tmp_path)  # the stream begins at another offset: nothing of before counts
    anew.begin(0, start=7)
    assert not anew.holds(0, 7)
    anew.load(0, log)
    anew.loaded(0)
    result = run(anew, records, [7, 8])
    assert [orjson.loads(value)["rows"] for value in result.values] == [1, 1]
    assert [(change.key, change.value) for change in result.changes][:2] == [
        (b"state\0totals\0va", None),
        (b"state\0totals\0vb", None),
    ]
    anew.close()


def test_an_uncommitted_batch_leaves_nothing(tmp_path: Path) -> None:
    records, stream = one_partition(), stream_of(within, "totals")
    processor = make_processor(stream, folder=tmp_path)
    processor.begin(0)
    run(processor, records, [0, 1])
    before = processor.process(records.take(np.array([2, 3])))
    processor.rollback()
    again = run(processor, records, [2, 3])
    assert list(before.values) == list(again.values)
    assert processor.states()["totals"].rows.tolist() == [2, 2]
    processor.close()


def test_a_damaged_database_is_made_anew(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    store.write({b"a": b"1"})
    store.close()
    for path in (tmp_path / "rocksdb").glob("MANIFEST*"):
        path.write_bytes(b"nothing")
    again = RocksStore(tmp_path)
    assert again.get([b"a"]) == [None]
    again.write({b"a": b"2", b"ab": b"3", b"b": b"4"})
    assert list(again.scan(b"a")) == [(b"a", b"2"), (b"ab", b"3")]
    assert list(again.scan(b"a", b"ab")) == [(b"ab", b"3")]
    again.close()

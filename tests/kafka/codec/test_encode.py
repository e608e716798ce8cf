"""Frames to JSON: one object a row, the two ways alike."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.kafka.codec.json import EncodeError, JsonDecoder, JsonEncoder
from headrace.kafka.codec.json.by_column import encode_columns
from headrace.kafka.codec.json.by_row import columns_of, encode_rows, objects_of
from headrace.kafka.codec.json.by_write import write_columns
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.json.times import format_time, format_times, parse_text
from headrace.kafka.native.library import json as compiled_json
from headrace.spec import ColumnType

TIMES = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))  # noqa: DTZ001


def column(values: st.SearchStrategy[object], dtype: str) -> st.SearchStrategy[list[tuple[str, list[object]]]]:
    return st.lists(values, min_size=3, max_size=3).map(lambda drawn: [(dtype, drawn)])


COLUMNS = st.one_of(
    column(st.integers(-(2**63), 2**63 - 1), "int64"),
    column(st.integers(0, 2**64 - 1), "uint64"),
    column(st.integers(-128, 127), "int8"),
    column(st.one_of(st.integers(-(2**63), 2**63 - 1), st.none()), "Int64"),
    column(st.floats(), "float64"),
    column(st.floats(width=32), "float32"),
    column(st.one_of(st.floats(allow_nan=False), st.none()), "Float64"),
    column(st.booleans(), "bool"),
    column(st.one_of(st.booleans(), st.none()), "boolean"),
    column(st.one_of(st.text(), st.none()), "str"),
    column(st.one_of(st.text(max_size=2), st.none()), "category"),
    column(st.one_of(st.integers(-3, 3), st.none()), "category"),
    column(st.one_of(TIMES, st.none()), "datetime64[us]"),
    column(st.one_of(TIMES, st.none()), "datetime64[us, UTC]"),
    column(st.one_of(TIMES, st.none()), "datetime64[us, Europe/Berlin]"),
    column(st.timedeltas(dt.timedelta(-1000), dt.timedelta(1000)), "timedelta64[us]"),
    column(st.one_of(st.none(), st.text(), st.integers(-5, 5), st.floats(), st.lists(st.integers(0, 3))), "object"),
    column(st.dictionaries(st.text(max_size=2), st.one_of(st.floats(), TIMES, st.dates())), "object"),
)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    drawn = [item for part in draw(st.lists(COLUMNS, min_size=1, max_size=6)) for item in part]
    names = draw(st.lists(st.text(min_size=1, max_size=5), min_size=len(drawn), max_size=len(drawn), unique=True))
    columns = {}
    for name, (dtype, values) in zip(names, drawn, strict=True):
        zone = dtype.removeprefix("datetime64[us, ").rstrip("]")
        if zone != dtype.rstrip("]"):
            columns[name] = pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC").dt.tz_convert(zone)
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def plain(lines: Sequence[bytes | None]) -> list[str]:
    """Keys in order, each value with its kind: 2 is not 2.0."""
    return [repr(list(orjson.loads(line or b"").items())) for line in lines]


@settings(max_examples=150, deadline=None)
@example(frame=pd.DataFrame({"a": [1], "a\0": [2], "\0b": [3]}))
@given(frame=frames())
def test_all_ways_agree(frame: pd.DataFrame) -> None:
    library = compiled_json()
    assert library is not None, "run python hatch_build.py"
    for quick in (encode_columns(frame), write_columns(library, frame)):
        assert quick is not None
        assert plain(quick) == plain(encode_rows(frame))
        assert all(b"\n" not in (line or b"") for line in quick)


@settings(max_examples=150, deadline=None)
@given(frame=frames())
def test_all_columns_at_once_are_written_like_each(frame: pd.DataFrame) -> None:
    each = zip(*[objects_of(column) for _, column in frame.items()], strict=True)
    assert [[dump(value) for value in row] for row in each] == [
        [dump(value) for value in row] for row in zip(*columns_of(frame), strict=True)
    ]


@settings(max_examples=60, deadline=None)
@given(frame=frames())
def test_any_index_and_any_number_of_rows(frame: pd.DataFrame) -> None:
    longer = pd.concat([frame] * 150)
    encoder = JsonEncoder()
    assert plain(encoder.encode(longer)) == plain(encoder.encode(frame)) * 150


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_infinity=False),
            st.one_of(st.text(), st.none()),
            st.one_of(st.booleans(), st.none()),
            st.one_of(TIMES, st.none()),
            st.one_of(st.none(), st.lists(st.integers(0, 9)), st.dictionaries(st.text(), st.text())),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read_again(rows: list[tuple[object, ...]]) -> None:
    types: dict[str, ColumnType] = {
        "i": "int64",
        "f": "float64",
        "s": "str",
        "b": "boolean",
        "t": "datetime64[us, UTC]",
        "o": "object",
    }
    whole = pd.DataFrame(rows, columns=list(types)).astype({"i": "int64", "f": "float64", "s": "str", "b": "boolean"})
    whole["t"] = pd.to_datetime(whole["t"].astype("datetime64[us]"), utc=True)
    whole["o"] = pd.Series(np.fromiter((row[-1] for row in rows), object, len(rows)), dtype=object)
    for frame in (whole, pd.concat([whole] * 400, ignore_index=True)):
        values = JsonEncoder().encode(frame)
        decoded = _decode(values, types)
        pd.testing.assert_frame_equal(decoded, frame, check_exact=True)


def _decode(values: Sequence[bytes], types: dict[str, ColumnType]) -> pd.DataFrame:
    from headrace.kafka.records import Records  # noqa: PLC0415

    count = len(values)
    empty = np.zeros(count, np.int64)
    return (
        JsonDecoder(types)
        .decode(Records("t", [None] * count, list(values), empty.astype(np.int32), empty, empty, [None] * count))
        .frame
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(1.5), "1.5"),
        (np.int8(3), "3"),
        (np.bool_(1), "true"),
        (np.array([1, 2]), "[1,2]"),
        ([np.datetime64("2026-11-22T10:00", "us")], '["2026-11-22T10:00:00.000000Z"]'),
        (pd.Timestamp("2026-11-22T12:00", tz="Europe/Berlin"), '"2026-11-22T11:00:00.000000Z"'),
        (dt.datetime(2026, 11, 22, 10), '"2026-11-22T10:00:00.000000Z"'),  # noqa: DTZ001
        (dt.date(2026, 11, 22), '"2026-11-22"'),
        (dt.time(10, 30), '"10:30:00"'),
        (dt.timedelta(hours=1.5), '"P0DT1H30M0S"'),
        (Decimal("1.20"), '"1.20"'),
        (Decimal("NaN"), "null"),
        (b"ab", '"YWI="'),
        (uuid.UUID(int=3), '"00000000-0000-0000-0000-000000000003"'),
        ({"b": (1, float("nan")), 3: pd.NA}, '{"b":[1,null],"3":null}'),
        ({2, 1}, "[1,2]"),
        (float("inf"), "null"),
        (pd.NaT, "null"),
        (pd.Period("2026-11", "M"), '"2026-11"'),
    ],
)
def test_objects(value: object, expected: str) -> None:
    column = pd.Series(np.fromiter([value], object, 1), dtype=object)
    for count in (1, 400):
        frame = pd.DataFrame({"a": pd.concat([column] * count), "b": 1})
        assert JsonEncoder().encode(frame) == [f'{{"a":{expected},"b":1}}'.encode()] * count


def test_what_cannot_be_written_names_column_and_rows() -> None:
    for count in (2, 500):
        values = [1, object(), 2**70, *["text"] * count]
        frame = pd.DataFrame({"id": range(len(values)), "thing": pd.Series(values, dtype=object)})
        with pytest.raises(EncodeError, match=r"`thing` in row 1: an? object cannot be written as JSON") as caught:
            JsonEncoder().encode(frame)
        assert caught.value.rows == (1, 2)
        assert caught.value.hint


def test_circular_lists_and_lone_surrogates_are_errors_too() -> None:
    endless: list[object] = []
    endless.append(endless)
    for strange in (endless, "\ud800"):
        for count in (1, 400):
            frame = pd.DataFrame({"a": pd.Series([strange, *[1] * count], dtype=object)})
            with pytest.raises(EncodeError) as caught:
                JsonEncoder().encode(frame)
            assert caught.value.rows == (0,)


def test_column_names_must_be_distinct() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(EncodeError, match="several columns named `a`") as caught:
        JsonEncoder().encode(frame)
    assert caught.value.rows == (0,)
    with pytest.raises(EncodeError, match="several columns named `1`"):
        JsonEncoder().encode(pd.DataFrame([[1, 2]], columns=[1, "1"]))
    with pytest.raises(EncodeError, match="levels"):
        JsonEncoder().encode(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])))
    assert JsonEncoder().encode(pd.DataFrame([[1, 2]])) == [b'{"0":1,"1":2}']


def test_nothing_to_write() -> None:
    assert JsonEncoder().encode(pd.DataFrame({"a": []})) == []
    assert JsonEncoder().encode(pd.DataFrame()) == []
    assert JsonEncoder().encode(pd.DataFrame(index=range(400))) == [b"{}"] * 400


@settings(max_examples=60, deadline=None)
@given(times=st.lists(TIMES, min_size=1))
def test_texts_of_times(times: list[dt.datetime]) -> None:
    aware = [time.replace(tzinfo=dt.UTC) for time in times]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    microseconds = [(time - epoch) // dt.timedelta(microseconds=1) for time in aware]
    texts = format_times(np.array(microseconds)).to_pylist()
    assert texts == [format_time(time) for time in times]
    assert [parse_text(text) for text in texts] == microseconds


def test_the_intervals_of_cut_are_written_as_text() -> None:
    cut = pd.DataFrame({"delay": pd.cut(pd.Series([1.0, None, 5.0]), [0, 2, 9])})
    assert JsonEncoder().encode(cut) == [b'{"delay":"(0, 2]"}', b'{"delay":null}', b'{"delay":"(2, 9]"}']

"""What a record's values become, and what is said of those that do not fit."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence

import pandas as pd
import pytest

from headrace.errors import DecodeError, TypeMismatchError
from headrace.kafka.codec.json import Decoded, JsonDecoder
from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.codec.json.by_template import TemplateDecoder
from headrace.kafka.native import library
from headrace.kafka.records import Records
from headrace.spec import ColumnType

MakeRecords = Callable[[Sequence[bytes | None]], Records]

FLIGHT: dict[str, ColumnType] = {
    "carrier": "str",
    "flight": "int64",
    "dep_delay": "float64",
    "time_hour": "datetime64[us, UTC]",
}


def flight(number: int) -> bytes:
    delay = None if number % 40 == 0 else (number % 400) / 4 - 20
    carrier = ["UA", "9E", "Ünal"][number % 3]
    fields = {
        "carrier": carrier,
        "flight": number,
        "dep_delay": delay,
        "time_hour": f"2013-01-{number % 28 + 1:02}T10:00:00Z",
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def error_of(decoded: Decoded) -> str:
    [failure] = decoded.failures
    return str(failure.error)


@pytest.mark.parametrize(
    ("declared", "token", "message"),
    [
        ("int64", "null", "`id`: null, declared int64."),
        ("bool", "null", "`id`: null, declared bool."),
        ("int64", '"7"', "`id`: '7' (text), declared int64."),
        ("int64", "1.5", "`id`: 1.5 (number), declared int64."),
        ("int64", "true", "`id`: True (boolean), declared int64."),
        ("int64", "9223372036854775808", "`id`: 9223372036854775808 (number), declared int64."),
        ("Int64", "[1]", "`id`: [1] (array), declared Int64."),
        ("float64", '"x"', "`id`: 'x' (text), declared float64."),
        ("float64", "false", "`id`: False (boolean), declared float64."),
        ("boolean", "1", "`id`: 1 (number), declared boolean."),
        ("str", "1", "`id`: 1 (number), declared str."),
        ("str", '{"a":1}', "`id`: {'a': 1} (object), declared str."),
        ("datetime64[us, UTC]", '"soon"', "`id`: 'soon' (text), declared datetime64[us, UTC]."),
        ("datetime64[us, UTC]", "1e300", "`id`: 1e+300 (number), declared datetime64[us, UTC]."),
    ],
)
def test_a_value_that_does_not_fit_is_named(
    records_of: MakeRecords, declared: ColumnType, token: str, message: str
) -> None:
    decoded = JsonDecoder({"id": declared}).decode(records_of([f'{{"id":{token}}}'.encode()]))
    assert len(decoded.frame) == 0
    assert isinstance(decoded.failures[0].error, TypeMismatchError)
    assert error_of(decoded).startswith(message)
    assert decoded.failures[0].error.hint


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "The record has no value (a tombstone)."),
        (b"", "Not JSON"),
        (b'{"id":NaN}', "NaN and Infinity are not JSON: write null."),
        (b'{"id":1}{"id":2}', "Not JSON"),
        (b'{"id":1', "Not JSON"),
        (b'{"id":"\xff"}', "Not JSON"),
        (b"[1]", "not a JSON object"),
        (b"null", "The value is null, not a JSON object."),
    ],
)
def test_what_is_no_json_object_is_a_decode_error(records_of: MakeRecords, value: bytes | None, message: str) -> None:
    decoded = JsonDecoder({"id": "float64"}).decode(records_of([value]))
    assert isinstance(decoded.failures[0].error, DecodeError)
    assert message in error_of(decoded)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ('"2026-11-22T10:00:00Z"', "2026-11-22T10:00:00Z"),
        ('"2026-11-22T12:00:00.5+02:00"', "2026-11-22T10:00:00.5Z"),
        ('"2026-11-22 10:00:00"', "2026-11-22T10:00:00Z"),
        ('"2026-11-22"', "2026-11-22T00:00:00Z"),
        ('"2026-11-22T10:00:00.123456789Z"', "2026-11-22T10:00:00.123456Z"),
        ("1795341600000", "2026-11-22T10:00:00Z"),
        ("-1", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times(records_of: MakeRecords, token: str, expected: str) -> None:
    decoded = JsonDecoder({"at": "datetime64[us, UTC]"}).decode(records_of([f'{{"at":{token}}}'.encode()]))
    assert decoded.frame["at"][0] == pd.Timestamp(expected)


def test_a_time_is_the_same_in_any_batch(records_of: MakeRecords) -> None:
    for token in ("1.0", "1000", "1e3", "1795341600000.0"):
        values = [f'{{"at":{token},"b":1}}'.encode(), b'{"at":null,"b":1}']
        types: dict[str, ColumnType] = {"at": "datetime64[us, UTC]", "b": "int64"}
        few, many = (JsonDecoder(types).decode(records_of(values * count)).frame for count in (1, 600))
        assert few["at"][0] == pd.Timestamp(int(float(token)), unit="ms", tz="UTC")
        pd.testing.assert_frame_equal(many, pd.concat([few] * 600, ignore_index=True))


def test_integral_floats_are_integers_and_missing_is_null(records_of: MakeRecords) -> None:
    types: dict[str, ColumnType] = {"a": "int64", "b": "Int64", "c": "str", "d": "object", "e": "boolean"}
    decoded = JsonDecoder(types).decode(records_of([b'{"a":1.0,"d":{"x":[1]}}', b'{"a":2,"b":3.0,"c":"t","e":true}']))
    assert decoded.frame["a"].tolist() == [1, 2]
    assert decoded.frame["b"].isna().tolist() == [True, False]
    assert decoded.frame["c"].isna().tolist() == [True, False]
    assert decoded.frame["d"].tolist() == [{"x": [1]}, None]
    assert decoded.frame.dtypes.astype(str).tolist() == list(types.values())


def test_text_in_an_object_column_stays_an_object(records_of: MakeRecords) -> None:
    for count in (2, 1000):
        decoded = JsonDecoder({"a": "object"}).decode(records_of([b'{"a":"t"}', b'{"a":null}'] * count))
        assert decoded.frame["a"].dtype == object
        assert decoded.frame["a"][1] is None


def test_a_frame_is_what_the_constructor_makes_and_shares_nothing_with_the_next(records_of: MakeRecords) -> None:
    types: dict[str, ColumnType] = {**FLIGHT, "nested": "object", "n": "Int64", "b": "boolean", "m": "int64"}
    values = [b'{"carrier":"UA","flight":1,"nested":"text","n":null,"b":true,"m":2}', flight(1)[:-1] + b',"m":3}']
    frame = JsonDecoder(types).decode(records_of(values)).frame
    columns = {name: pd.Series(list(frame[name]), dtype=kind) for name, kind in frame.dtypes.items()}
    pd.testing.assert_frame_equal(frame, pd.DataFrame(columns), check_column_type=True, check_index_type=True)
    assert frame.columns.dtype == pd.DataFrame(columns).columns.dtype
    frame.columns.name = "mine"
    frame.insert(0, "first", 1)
    frame.loc[0, "flight"] = 7
    again = JsonDecoder(types).decode(records_of(values)).frame
    assert again.columns.tolist() == list(types)
    assert again.columns.name is None
    assert again.flight.tolist() == [1, 1]


def test_unknown_fields_are_dropped_and_counted(records_of: MakeRecords) -> None:
    values = [b'{"a":1,"x":0}', b'{"a":2}', b'{"a":null,"x":0,"y":0}', b'{"a":3,"x":1,"y":[{}]}']
    decoded = JsonDecoder({"a": "int64"}).decode(records_of(values * 200))
    assert list(decoded.frame.columns) == ["a"]
    assert decoded.dropped == Counter(x=400, y=200)


@pytest.mark.parametrize("compiled", [library.json(), None])
def test_records_written_alike_need_no_reference(compiled: library.Functions | None) -> None:
    values = [flight(number) for number in range(9000)]
    matched, others = TemplateDecoder(FLIGHT, compiled).decode(values)
    assert len(others) == 0
    assert sum(map(len, matched.rows)) == len(values)
    spaced = [json.dumps(json.loads(value), ensure_ascii=False).encode() for value in values]
    both = [value for pair in zip(values, spaced, strict=True) for value in pair]
    assert len(TemplateDecoder(FLIGHT, compiled).decode(both)[1]) < 200


def test_each_broken_record_is_found_among_many(records_of: MakeRecords) -> None:
    values: list[bytes | None] = [flight(number) for number in range(10_000)]
    broken = dict(zip(range(50, 10_000, 100), [0, 1, 2, 3] * 25, strict=True))
    strange = [b"not JSON", None, flight(1).replace(b'"flight":1', b'"flight":"1"'), b'{"carrier":"UA"}']
    for place, kind in broken.items():
        values[place] = strange[kind]
    decoded = JsonDecoder(FLIGHT).decode(records_of(values))
    assert [failure.position for failure in decoded.failures] == list(broken)
    assert decoded.positions.tolist() == [place for place in range(10_000) if place not in broken]
    assert decoded.frame["flight"].tolist() == decoded.positions.tolist()
    assert decoded.frame.index.equals(pd.RangeIndex(9_900))


def test_a_few_broken_records_cost_little(records_of: MakeRecords) -> None:
    good = [flight(number) for number in range(10_000)]
    spoilt = [b'{"carrier":1}' if number % 100 == 0 else value for number, value in enumerate(good)]
    subject = JsonDecoder(FLIGHT)

    def cost(values: list[bytes]) -> float:
        records = records_of(values)
        costs = []
        for _ in range(5):
            started = time.process_time()
            subject.decode(records)
            costs.append(time.process_time() - started)
        return min(costs)

    assert cost(spoilt) < 6 * cost(good)


def test_deep_nesting_and_long_values_do_no_harm(records_of: MakeRecords) -> None:
    deep = b'{"a":1,"b":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    fine = b'{"a":1,"b":' + b"[" * 1020 + b"]" * 1020 + b"}"
    too_deep = b'{"a":1,"b":' + b"[" * 1024 + b"]" * 1024 + b"}"
    values = [b'{"a":1,"b":[]}'] * 400 + [deep, fine, too_deep, b'{"a":1,"b":["' + b"x" * 100_000 + b'"]}']
    types: dict[str, ColumnType] = {"a": "int64", "b": "object"}
    decoded = JsonDecoder(types).decode(records_of(values))
    assert [failure.position for failure in decoded.failures] == sorted(fit_records(values, types).errors)
    assert 400 in [failure.position for failure in decoded.failures]
    assert len(decoded.frame["b"].iloc[-1][0]) == 100_000


def test_ten_thousand_columns(records_of: MakeRecords) -> None:
    document = {f"column_{place}": place for place in range(10_000)}
    types: dict[str, ColumnType] = dict.fromkeys(document, "int64")
    decoded = JsonDecoder(types).decode(records_of([json.dumps(document).encode()] * 20))
    assert decoded.frame.shape == (20, 10_000)
    assert not decoded.failures

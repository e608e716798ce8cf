"""CSV, text, bytes and arrays of JSON objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DecodeError, TypeMismatchError, UsageError
from headrace.kafka.codec import TombstoneError, decode_keys, make_decoder, make_encoder
from headrace.kafka.records import Records
from headrace.spec import COLUMN_TYPES, ColumnType, Format

MakeRecords = Callable[[Sequence[bytes | None]], Records]
Types = dict[str, ColumnType]

CSV_TYPES: Types = {
    "id": "int64",
    "n": "Int64",
    "delay": "float64",
    "late": "boolean",
    "city": "str",
    "at": "datetime64[us, UTC]",
}


def test_csv_takes_its_columns_from_the_types_in_their_order(records_of: MakeRecords) -> None:
    lines = [
        b'1, 2,1.5,true,"Ulm, ""West""",2026-11-22T10:00:00Z',
        b"-7,,,,,1795341600000\r\n",
        '3,4,nan,FALSE,"Zürich\nSüd",,more,fields'.encode(),
        b"4",
    ]
    decoded = make_decoder("csv", CSV_TYPES).decode(records_of(lines))
    assert decoded.failures == []
    expected = pd.DataFrame(
        {
            "id": [1, -7, 3, 4],
            "n": pd.array([2, None, 4, None], "Int64"),
            "delay": [1.5, None, None, None],
            "late": pd.array([True, None, False, None], "boolean"),
            "city": pd.Series(['Ulm, "West"', None, "Zürich\nSüd", None], dtype="str"),
            "at": pd.to_datetime(["2026-11-22T10:00Z", "2026-11-22T10:00Z", "", ""], utc=True).as_unit("us"),
        }
    )
    pd.testing.assert_frame_equal(decoded.frame, expected)
    assert decoded.dropped == Counter({"field 7": 1, "field 8": 1})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (None, "The record has no value (a tombstone)."),
        (b"", "`id`: null, declared int64."),
        (b"x", "`id`: 'x' (text), declared int64."),
        (b"1.5", "`id`: '1.5' (text), declared int64."),
        (b"9223372036854775808", "declared int64."),
        (b"1_0", "declared int64."),
        (b"1,x", "`n`: 'x' (text), declared Int64."),
        (b"1,,x", "`delay`: 'x' (text), declared float64."),
        (b"1,,,yes", "`late`: 'yes' (text), declared boolean."),
        (b"1,,,,,soon", "`at`: 'soon' (text), declared datetime64[us, UTC]."),
        (b"1\n2", "2 lines of CSV in one record."),
        (b'"1', "Not CSV (unexpected end of data)"),
        (b'"1"2', "Not CSV"),
        (b"\xff", "Not text in UTF-8"),
    ],
)
def test_csv_that_does_not_fit_is_told(records_of: MakeRecords, line: bytes | None, message: str) -> None:
    decoded = make_decoder("csv", CSV_TYPES).decode(records_of([b"1", line, b"2"]))
    assert decoded.positions.tolist() == [0, 2]
    [failure] = decoded.failures
    assert failure.position == 1
    assert message in str(failure.error)
    assert isinstance(failure.error, DecodeError | TypeMismatchError)


def test_csv_needs_its_columns_named() -> None:
    with pytest.raises(UsageError, match=r"records of `flights` are CSV without a header.*--type a=int64 --type b=str"):
        make_decoder("csv", {}, topic="flights")


def test_text_and_bytes_are_one_column(records_of: MakeRecords) -> None:
    records = records_of(["Zürich".encode(), b"", None, b"\xff"])
    text = make_decoder("string", {"value": "str"}).decode(records)
    assert text.frame["value"].tolist() == ["Zürich", ""]
    assert str(text.frame["value"].dtype) == "str"
    assert [type(failure.error) for failure in text.failures] == [TombstoneError, DecodeError]
    raw = make_decoder("bytes", {"value": "object"}).decode(records)
    assert raw.frame["value"].tolist() == ["Zürich".encode(), b"", b"\xff"]
    assert raw.positions.tolist() == [0, 1, 3]
    assert [failure.position for failure in raw.failures] == [2]
    numbers = make_decoder("string", {"value": "float64"}).decode(records_of([b"1.5", b"", b"x"]))
    assert numbers.frame["value"].isna().tolist() == [False, True]
    assert str(numbers.failures[0].error).startswith("`value`: 'x' (text), declared float64.")
    with pytest.raises(UsageError, match="`value` of the format bytes is declared str"):
        make_decoder("bytes", {"value": "str"})


@pytest.mark.parametrize("name", ["json", "csv", "string", "bytes"])
def test_the_formats_without_a_schema_write_json(name: Format) -> None:
    assert make_encoder(name, topic="t").encode(pd.DataFrame({"a": [1]})) == [b'{"a":1}']


@pytest.mark.parametrize("name", ["avro", "protobuf", "jsonschema"])
def test_a_format_with_schemas_needs_a_registry(name: Format) -> None:
    with pytest.raises(UsageError, match=f"The format {name} needs a schema registry"):
        make_decoder(name, {"a": "int64"})
    with pytest.raises(UsageError, match=f"The format {name} needs a schema registry"):
        make_encoder(name, topic="t")


@pytest.mark.parametrize("declared", COLUMN_TYPES)
@pytest.mark.parametrize("name", ["json", "csv", "string"])
def test_no_records_give_the_types_all_the_same(records_of: MakeRecords, name: Format, declared: ColumnType) -> None:
    frame = make_decoder(name, {"value": declared}).decode(records_of([])).frame
    assert str(frame["value"].dtype) == declared


@pytest.mark.parametrize("copies", [1, 300])
def test_an_array_gives_a_row_for_each_object(records_of: MakeRecords, copies: int) -> None:
    values = [b'{"a":1}', b'[{"a":2,"x":0},{"a":3}]', b"[]", b'[{"a":4},{"a":null}]', b"[1]", b'{"a":5}', b' [{"a":6}]']
    decoded = make_decoder("json", {"a": "int64"}).decode(records_of(values * copies))
    each = [0, 1, 1, 5, 6]
    positions = [7 * copy + place for copy in range(copies) for place in each]
    assert decoded.positions.tolist() == positions
    assert decoded.frame["a"].tolist() == [1, 2, 3, 5, 6] * copies
    assert decoded.frame.index.equals(pd.RangeIndex(len(positions)))
    assert [failure.position % 7 for failure in decoded.failures] == [3, 4] * copies
    assert str(decoded.failures[0].error).startswith("`a`: null, declared int64.")
    assert str(decoded.failures[1].error).startswith("Item 0 of the array is a JSON int, not a JSON object.")
    assert decoded.dropped == Counter({"x": copies})


@given(st.lists(st.lists(st.integers(0, 9), max_size=3) | st.integers(0, 9), max_size=40))
def test_arrays_and_objects_keep_the_order(values: list[list[int] | int]) -> None:
    texts = [
        "[" + ",".join(f'{{"a":{number}}}' for number in value) + "]" if isinstance(value, list) else f'{{"a":{value}}}'
        for value in values
    ]
    frame = make_decoder("json", {"a": "int64"}).decode(_records([text.encode() for text in texts] * 15)).frame
    flat = [number for value in values for number in (value if isinstance(value, list) else [value])]
    assert frame["a"].tolist() == flat * 15


def _records(values: list[bytes]) -> Records:
    empty = Records.empty("t")
    count = len(values)
    return Records(
        "t",
        [None] * count,
        values,
        empty.partitions.repeat(0),
        empty.offsets.repeat(0),
        empty.timestamps.repeat(0),
        [None] * count,
    )


def test_keys_without_a_registry_are_text() -> None:
    keys = [b"JFK", None, "Zürich".encode(), b"\xff", b"\0\0\0\0\x01x"]
    assert decode_keys("json", keys) == ["JFK", None, "Zürich", "\ufffd", "\0\0\0\0\x01x"]

"""The quick reader of Avro gives what the reference gives, or leaves it to it; whatever the bytes are."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.kafka.codec.avro.by_block import BlockReader
from headrace.kafka.codec.avro.reader import AvroReader
from headrace.kafka.codec.avro.schema import parse
from headrace.kafka.codec.avro.zigzag import varint_lengths
from headrace.kafka.registry import Schema
from headrace.spec import ColumnType

Types = dict[str, ColumnType]


def field(name: str, declared: object) -> dict[str, Any]:
    return {"name": name, "type": declared}


MICROS = {"type": "long", "logicalType": "timestamp-micros"}
DOCUMENT = {
    "type": "record",
    "name": "R",
    "fields": [
        field("l", "long"),
        field("nl", ["null", "long"]),
        field("i", ["int", "null"]),
        field("d", ["null", "double"]),
        field("f", "float"),
        field("b", "boolean"),
        field("nb", ["boolean", "null"]),
        field("s", ["null", "string"]),
        field("at", ["null", MICROS]),
        field("ns", {"type": "long", "logicalType": "timestamp-nanos"}),
        field("dropped", "string"),
    ],
}
TYPES: Types = {
    "s": "str", "l": "int64", "nl": "Int64", "i": "float64", "d": "float64", "f": "float64", "b": "bool",
    "nb": "boolean", "at": "datetime64[us, UTC]", "ns": "datetime64[us, UTC]", "new": "Int64", "text": "str",
    "time": "datetime64[us, UTC]", "number": "float64", "maybe": "boolean",
}  # fmt: skip
SCHEMA = parse(Schema("AVRO", json.dumps(DOCUMENT)))
PARSED = fastavro.parse_schema(SCHEMA.plain)
LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300)
ROWS = st.fixed_dictionaries(
    {
        "l": LONGS,
        "nl": st.none() | LONGS,
        "i": st.none() | st.integers(-(2**31), 2**31 - 1),
        "d": st.none() | st.floats(),
        "f": st.floats(width=32),
        "b": st.booleans(),
        "nb": st.none() | st.booleans(),
        "s": st.none() | st.text(),
        "at": st.none() | st.integers(-62135596800_000000, 253402300799_999999),
        "ns": LONGS,
        "dropped": st.text(),
    }
)


def encode(row: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, PARSED, row)
    return stream.getvalue()


def agree(payloads: list[bytes], types: Types) -> bool:
    """Read both ways; return whether the quick one read them."""
    quick = BlockReader(SCHEMA, types).read(payloads)
    if quick is None:
        return False
    reference = AvroReader(SCHEMA, types).read_closely(payloads)
    assert reference.failures == []
    pd.testing.assert_frame_equal(quick.frame, reference.frame, check_exact=True)
    assert quick.positions.tolist() == reference.positions.tolist()
    assert quick.dropped == reference.dropped
    return True


@settings(deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_what_is_written_by_the_schema_is_read_quickly(rows: list[dict[str, Any]]) -> None:
    assert agree([encode(row) for row in rows], TYPES)


@settings(deadline=None, max_examples=600)
@given(
    st.lists(ROWS, min_size=1, max_size=4),
    st.data(),
)
def test_any_bytes_are_read_alike_or_left_to_the_reference(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    payloads = [encode(row) for row in rows]
    chosen = data.draw(st.integers(0, len(payloads) - 1))
    payload = payloads[chosen]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(payload)))
        end = data.draw(st.integers(start, min(start + 4, len(payload))))
        payload = payload[:start] + data.draw(st.binary(max_size=5) | st.just(b"\xff" * 9 + b"\x01")) + payload[end:]
    payloads[chosen] = payload
    agree(payloads, TYPES)


def test_what_it_has_no_part_in() -> None:
    def can_read(declared: object, column: ColumnType) -> bool:
        document = {"type": "record", "name": "R", "fields": [field("a", declared)]}
        return BlockReader.can_read(parse(Schema("AVRO", json.dumps(document))), {"a": column})

    assert can_read("long", "int64")
    assert can_read(MICROS, "datetime64[us, UTC]")
    assert can_read({"type": "string", "logicalType": "uuid"}, "str")
    assert not can_read("double", "int64")
    assert not can_read("string", "object")
    assert not can_read("long", "datetime64[us, UTC]")
    assert not can_read({"type": "int", "logicalType": "date"}, "object")
    assert not can_read(["null", "long", "string"], "object")
    assert not can_read({"type": "array", "items": "long"}, "object")
    assert not BlockReader.can_read(SCHEMA, {"not there": "int64"})
    assert not BlockReader.can_read(parse(Schema("AVRO", '"long"')), {"value": "int64"})


@pytest.mark.parametrize("types", [{"nl": "int64"}, {"nb": "bool"}])
def test_nulls_that_do_not_fit_are_told_by_the_reference(types: Types) -> None:
    row = {"l": 1, "nl": 5, "i": 1, "d": 0.5, "f": 0.5, "b": True, "nb": True, "s": "", "at": 0, "ns": 0, "dropped": ""}
    payloads = [encode(row)] * 150 + [encode({**row, "nl": None, "nb": None})] + [encode(row)] * 50
    decoded = AvroReader(SCHEMA, types).read(payloads)
    assert [failure.position for failure in decoded.failures] == [150]
    assert decoded.positions.tolist() == [*range(150), *range(151, 201)]
    assert agree([encode(row)] * 150, types)


@given(LONGS)
def test_lengths_are_those_of_the_numbers_written(number: int) -> None:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema("long"), number)
    assert varint_lengths(np.array([number], np.int64)).tolist() == [len(stream.getvalue())]

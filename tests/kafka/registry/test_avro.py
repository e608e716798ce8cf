"""Avro: written by Confluent's serializer and read by ours, and the other way round."""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import schema_registry
from headrace.errors import ClusterError, DecodeError, RefusedError, TypeMismatchError
from headrace.kafka.codec import EncodeError, TombstoneError, make_decoder, make_encoder
from headrace.kafka.codec.avro.types import avro_columns
from headrace.kafka.records import Records
from headrace.kafka.registry import IncompatibleSchemaError, Registry, Schema, UnknownSchemaError
from headrace.spec import ColumnType

MakeRecords = Callable[[Sequence[bytes | None]], Records]
Types = dict[str, ColumnType]


def write(client: SchemaRegistryClient, topic: str, schema: object, rows: list[Any]) -> list[bytes]:
    """Write rows as a producer with Confluent's serializer does."""
    serializer = AvroSerializer(client, json.dumps(schema))
    context = SerializationContext(topic, MessageField.VALUE)
    return [serializer(row, context) for row in rows]


def read_back(client: SchemaRegistryClient, topic: str, values: Sequence[bytes]) -> list[Any]:
    """Read values as a consumer with Confluent's deserializer does."""
    deserializer = AvroDeserializer(client)
    return [deserializer(value, SerializationContext(topic, MessageField.VALUE)) for value in values]


def record(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": list(fields)}


def field(name: str, declared: object) -> dict[str, Any]:
    return {"name": name, "type": declared}


def logical(on: str, name: str, **more: int) -> dict[str, Any]:
    return {"type": on, "logicalType": name, **more}


MOMENT = dt.datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=dt.UTC)
EVERY_KIND = record(
    field("i", "int"),
    field("l", ["null", "long"]),
    field("d", "double"),
    field("f", ["float", "null"]),
    field("b", "boolean"),
    field("nb", ["null", "boolean"]),
    field("s", "string"),
    field("e", {"type": "enum", "name": "Kind", "symbols": ["NEW", "OLD"]}),
    field("at", logical("long", "timestamp-micros")),
    field("ms", ["null", logical("long", "timestamp-millis")]),
    field("day", logical("int", "date")),
    field("price", logical("bytes", "decimal", precision=9, scale=2)),
    field("u", logical("string", "uuid")),
    field("raw", "bytes"),
    field("tags", {"type": "array", "items": "string"}),
    field("more", {"type": "map", "values": "long"}),
    field("line", ["null", {"type": "record", "name": "Line", "fields": [field("sku", "string")]}]),
    field("either", ["null", "long", "string"]),
)
ROW: dict[str, Any] = {
    "i": 1, "l": 2**62, "d": 1.5, "f": 0.5, "b": True, "nb": None, "s": "Ünal", "e": "OLD", "at": MOMENT,
    "ms": None, "day": dt.date(2026, 11, 22), "price": Decimal("12.30"),
    "u": uuid.UUID("12345678-1234-5678-1234-567812345678"), "raw": b"\x00\xff",
    "tags": ["a", "b"], "more": {"x": 1}, "line": {"sku": "s1"}, "either": "x",
}  # fmt: skip
TYPES: Types = {
    "i": "int64", "l": "Int64", "d": "float64", "f": "float64", "b": "bool", "nb": "boolean", "s": "str", "e": "str",
    "at": "datetime64[us, UTC]", "ms": "datetime64[us, UTC]", "day": "object", "price": "object", "u": "str",
    "raw": "object", "tags": "object", "more": "object", "line": "object", "either": "object",
}  # fmt: skip


def test_the_schema_decides_the_types() -> None:
    columns = avro_columns(Schema("AVRO", json.dumps(EVERY_KIND)))
    assert {name: declared for name, (declared, _) in columns.items()} == TYPES
    assert [name for name, (_, nullable) in columns.items() if nullable] == ["l", "f", "nb", "ms", "line", "either"]


@pytest.mark.parametrize("count", [1, 700])
def test_every_kind_is_read(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords, count: int
) -> None:
    values = write(client, topic, EVERY_KIND, [ROW] * count)
    decoded = make_decoder("avro", TYPES, registry=registry, topic=topic).decode(records_of(values))
    assert decoded.failures == []
    assert {name: str(dtype) for name, dtype in decoded.frame.dtypes.items()} == TYPES
    first = decoded.frame.iloc[0].to_dict()
    assert pd.isna(first.pop("nb"))
    assert first.pop("ms") is pd.NaT
    expected = {name: value for name, value in ROW.items() if name not in {"nb", "ms"}}
    assert first == expected | {"u": str(ROW["u"]), "at": pd.Timestamp(MOMENT)}
    assert decoded.positions.tolist() == list(range(count))


def test_the_schema_changes_in_mid_stream(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    old = record(field("id", "long"), field("city", "string"), field("gone", "double"))
    new = record(field("id", "int"), field("city", ["null", "string"]), field("new", {**logical("int", "date")}))
    first = write(client, topic, old, [{"id": 1, "city": "Ulm", "gone": 0.5}] * 3)
    second = write(client, topic, new, [{"id": 2, "city": None, "new": dt.date(2026, 1, 1)}] * 2)
    decoder = make_decoder("avro", {"id": "int64", "city": "str", "gone": "float64"}, registry=registry, topic=topic)
    decoded = decoder.decode(records_of([first[0], second[0], None, first[1], second[1], first[2]]))
    assert decoded.positions.tolist() == [0, 1, 3, 4, 5]
    assert decoded.frame["id"].tolist() == [1, 2, 1, 2, 1]
    assert decoded.frame["city"].isna().tolist() == [False, True, False, True, False]
    assert decoded.frame["gone"].isna().tolist() == [False, True, False, True, False]
    assert decoded.dropped == Counter({"new": 2})
    assert isinstance(decoded.failures[0].error, TombstoneError)
    strict = make_decoder("avro", {"id": "int64", "new_id": "int64"}, registry=registry, topic=topic)
    [failure] = strict.decode(records_of(first[:1])).failures
    assert isinstance(failure.error, TypeMismatchError)
    assert str(failure.error).startswith("`new_id`: null, declared int64.")


def test_a_schema_is_fetched_once(client: SchemaRegistryClient, topic: str, records_of: MakeRecords) -> None:
    values = write(client, topic, record(field("id", "long")), [{"id": 1}])
    port = schema_registry.free_port()
    with pytest.raises(ClusterError, match="does not answer"):
        make_decoder("avro", {"id": "int64"}, registry=Registry(f"http://127.0.0.1:{port}")).decode(records_of(values))
    registry = Registry(client._rest_client.base_urls[0])
    decoder = make_decoder("avro", {"id": "int64"}, registry=registry)
    assert len(decoder.decode(records_of(values)).frame) == 1
    registry.url = f"http://127.0.0.1:{port}"
    assert decoder.decode(records_of(values * 2)).frame["id"].tolist() == [1, 1]


def test_broken_records_are_told(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    [good] = write(client, topic, record(field("id", "long"), field("s", ["null", "string"])), [{"id": 1, "s": "x"}])
    values = [good, b"", b'{"id":1}', b"\0\x7f\xff\xff\xff\x02", good[:-1], good + b"\0", good]
    decoded = make_decoder("avro", {"id": "int64", "s": "str"}, registry=registry).decode(records_of(values))
    assert decoded.positions.tolist() == [0, 6]
    assert [failure.position for failure in decoded.failures] == [1, 2, 3, 4, 5]
    assert all(isinstance(failure.error, DecodeError) for failure in decoded.failures)
    texts = [str(failure.error) for failure in decoded.failures]
    assert "begins with nothing" in texts[0]
    assert "begins with 7b 22 69 64 22" in texts[1]
    assert "has no schema 2147483647" in texts[2]
    assert isinstance(decoded.failures[2].error, UnknownSchemaError)
    assert "Not Avro of its schema" in texts[3]
    assert "1 bytes are left over" in texts[4]


def test_a_schema_of_another_kind_is_a_failure(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    values = write(client, topic, record(field("id", "long")), [{"id": 1}])
    [failure] = make_decoder("jsonschema", {"id": "int64"}, registry=registry).decode(records_of(values)).failures
    assert "is of the kind AVRO, the stream reads JSON" in str(failure.error)


FRAME = pd.DataFrame(
    {
        "id": [1, 2],
        "delay": [1.5, float("nan")],
        "late": [True, False],
        "city": pd.Series(["Ulm", None], dtype="str"),
        "at": pd.Series([pd.Timestamp(MOMENT), pd.NaT]),
        "count": pd.array([1, None], dtype="Int64"),
        "tags": [["a"], None],
    }
)


def test_rows_are_written(client: SchemaRegistryClient, registry: Registry, topic: str) -> None:
    encoder = make_encoder("avro", registry=registry, topic=topic)
    values = encoder.encode(FRAME)
    assert read_back(client, topic, values) == [
        {"id": 1, "delay": 1.5, "late": True, "city": "Ulm", "at": MOMENT, "count": 1, "tags": '["a"]'},
        {"id": 2, "delay": None, "late": False, "city": None, "at": None, "count": None, "tags": None},
    ]
    latest = registry.latest(f"{topic}-value")
    assert latest is not None
    fields = {item["name"]: item["type"] for item in json.loads(latest.schema.text)["fields"]}
    assert fields["id"] == "long"
    assert fields["late"] == "boolean"
    assert fields["delay"] == ["null", "double"]


def test_the_written_schema_follows_dtypes_and_is_never_narrowed(
    client: SchemaRegistryClient, registry: Registry, registry_url: str, topic: str
) -> None:
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "BACKWARD")
    encoder = make_encoder("avro", registry=registry, topic=topic)
    narrow = pd.DataFrame({"id": [1], "n": [1]})
    first = encoder.encode(narrow)
    assert encoder.encode(pd.DataFrame({"id": [7], "n": [8]}))[0][:5] == first[0][:5]
    wide = encoder.encode(pd.DataFrame({"id": [2], "n": [0.5], "more": ["x"]}))
    assert wide[0][:5] != first[0][:5]
    again = encoder.encode(narrow)
    without = encoder.encode(pd.DataFrame({"n": [0.5]}))
    assert read_back(client, topic, [*first, *wide, *again, *without]) == [
        {"id": 1, "n": 1},
        {"id": 2, "n": 0.5, "more": "x"},
        {"id": 1, "n": 1.0} if again[0][:5] == first[0][:5] else {"id": 1, "n": 1.0, "more": None},
        {"id": None, "n": 0.5, "more": None},
    ]
    assert len(registry.versions(f"{topic}-value")) == 3
    restarted = make_encoder("avro", registry=Registry(registry_url), topic=topic)
    assert restarted.encode(narrow)[0][:5] == without[0][:5]
    with pytest.raises(RefusedError, match=r"the column `n` is text \('string'\), the schema has double"):
        restarted.encode(pd.DataFrame({"id": [1], "n": ["x"]}))


def test_a_version_that_the_rule_forbids_is_a_clear_refusal(registry: Registry, registry_url: str, topic: str) -> None:
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "FULL")
    encoder = make_encoder("avro", registry=registry, topic=topic)
    encoder.encode(pd.DataFrame({"id": [1]}))
    with pytest.raises(
        IncompatibleSchemaError, match=rf"refuses a new version of the schema of `{topic}-value` \(409\)"
    ):
        encoder.encode(pd.DataFrame({"id": [0.5]}))
    assert len(encoder.encode(pd.DataFrame({"id": [2]}))) == 1


def test_a_schema_that_somebody_registered_is_written_by(
    client: SchemaRegistryClient, registry: Registry, topic: str
) -> None:
    known = record(
        field("id", "long"),
        field("at", ["null", logical("long", "timestamp-millis")]),
        field("e", {"type": "enum", "name": "Kind", "symbols": ["NEW", "OLD"]}),
        field("line", ["null", {"type": "record", "name": "Line", "fields": [field("sku", "string")]}]),
        field("price", logical("bytes", "decimal", precision=9, scale=2)),
        {"name": "source", "type": "string", "default": "unknown"},
    )
    registry.register(f"{topic}-value", Schema("AVRO", json.dumps(known)))
    frame = pd.DataFrame(
        {
            "id": [1, 2],
            "at": pd.Series([pd.Timestamp(MOMENT), pd.NaT]),
            "e": ["NEW", "OLD"],
            "line": [{"sku": "s1"}, None],
            "price": [Decimal("1.20"), Decimal("0.01")],
        }
    )
    encoder = make_encoder("avro", registry=registry, topic=topic)
    rows = read_back(client, topic, encoder.encode(frame))
    assert rows[0] == {
        "id": 1,
        "at": MOMENT.replace(microsecond=123000),
        "e": "NEW",
        "line": {"sku": "s1"},
        "price": Decimal("1.20"),
        "source": "unknown",
    }
    assert len(registry.versions(f"{topic}-value")) == 1
    with pytest.raises(EncodeError) as caught:
        encoder.encode(frame.assign(e=["NEW", "no such"]))
    assert caught.value.rows == (1,)
    with pytest.raises(EncodeError, match="`e`: null in row 0, the sink's schema allows none"):
        encoder.encode(frame.assign(e=pd.Series([None, "NEW"], dtype="str")))
    assert len(registry.versions(f"{topic}-value")) == 1


def test_what_cannot_be_written_is_named(registry: Registry, topic: str) -> None:
    encoder = make_encoder("avro", registry=registry, topic=topic)
    encoder.encode(pd.DataFrame({"n": [1, 2, 3]}))
    with pytest.raises(EncodeError, match=r"`n`: 'x' \(str\), the schema has integer and 1 more rows") as caught:
        encoder.encode(pd.DataFrame({"n": pd.Series([1, "x", 2.5], dtype=object)}))
    assert caught.value.rows == (1, 2)
    with pytest.raises(EncodeError, match="`delay in min` is none in Avro"):
        encoder.encode(pd.DataFrame({"delay in min": [1]}))
    assert encoder.encode(pd.DataFrame({"n": []})) == []


def test_nothing_is_registered_without_a_topic(registry: Registry) -> None:
    assert make_encoder("avro", registry=registry).encode(pd.DataFrame({"id": [1]})) == [b'{"id":1}']


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "i": st.integers(-(2**63), 2**63 - 1),
                "n": st.none() | st.integers(-(2**63), 2**63 - 1),
                "d": st.none() | st.floats(allow_nan=False),
                "b": st.none() | st.booleans(),
                "s": st.none() | st.text(st.characters(codec="utf-8")),
                "at": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
            }
        ),
        min_size=1,
        max_size=20,
    )
)
@pytest.mark.parametrize("name", ["avro", "protobuf", "jsonschema"])
def test_what_is_written_is_read_again(
    registry: Registry, records_of: MakeRecords, name: Any, rows: list[dict[str, Any]]
) -> None:
    types: Types = {
        "i": "int64",
        "n": "Int64",
        "d": "float64",
        "b": "boolean",
        "s": "str",
        "at": "datetime64[us, UTC]",
    }
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=types[name]) for name in types})
    if name == "jsonschema":
        frame["d"] = frame["d"].replace([float("inf"), float("-inf")], float("nan"))
    values = make_encoder(name, registry=registry, topic=f"round-{name}").encode(frame)
    decoded = make_decoder(name, types, registry=registry).decode(records_of(values))
    assert decoded.failures == []
    pd.testing.assert_frame_equal(decoded.frame, frame)


def test_decoding_is_quick(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    fields = [field(f"i{n}", "long") for n in range(3)] + [field(f"d{n}", ["null", "double"]) for n in range(3)]
    fields += [field(f"s{n}", ["null", "string"]) for n in range(3)] + [
        field("at", logical("long", "timestamp-micros"))
    ]
    frame = pd.DataFrame({item["name"]: [1, 2] for item in fields[:3]})
    for item in fields[3:6]:
        frame[item["name"]] = [0.5, None]
    for item in fields[6:9]:
        frame[item["name"]] = pd.Series(["abc", None], dtype="str")
    frame["at"] = pd.to_datetime([MOMENT, MOMENT])
    frame = pd.concat([frame] * 10_000, ignore_index=True)
    values = make_encoder("avro", registry=registry, topic=topic).encode(frame)
    types: Types = {name: str(dtype) for name, dtype in frame.dtypes.items()}  # type: ignore[misc]
    decoder = make_decoder("avro", types, registry=registry)
    records = records_of(values)
    decoder.decode(records.take([0]))
    begin = time.process_time()
    decoded = decoder.decode(records)
    seconds = time.process_time() - begin
    pd.testing.assert_frame_equal(decoded.frame, frame)
    assert seconds / len(frame) < 50e-6, f"{seconds / len(frame) * 1e6:.1f} µs a record"

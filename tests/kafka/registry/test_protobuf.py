"""Protobuf: written by Confluent's serializer and read by ours, and the other way round."""

from __future__ import annotations

import base64
import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor

import schema_registry
from headrace.errors import DecodeError, RefusedError
from headrace.kafka.codec import EncodeError, make_decoder, make_encoder
from headrace.kafka.codec.protobuf.compiling import file_of
from headrace.kafka.codec.protobuf.types import protobuf_columns
from headrace.kafka.records import Records
from headrace.kafka.registry import IncompatibleSchemaError, Registry, Schema
from headrace.spec import ColumnType

MakeRecords = Callable[[Sequence[bytes | None]], Records]
Types = dict[str, ColumnType]

ORDER = """
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message Order {
  int64 id = 1;
  optional int32 n = 2;
  double price = 3;
  optional double delay = 4;
  bool paid = 5;
  string city = 6;
  optional string note = 7;
  google.protobuf.Timestamp at = 8;
  google.protobuf.Int64Value wide = 9;
  Kind kind = 10;
  bytes raw = 11;
  repeated string tags = 12;
  map<string, int64> more = 13;
  Line line = 14;
  repeated Line lines = 15;
  oneof way { string road = 16; bool air = 17; }
  enum Kind { NEW = 0; OLD = 1; }
  message Line { string sku = 1; optional int32 count = 2; google.protobuf.Timestamp due = 3; }
}
message Note { int64 id = 1; string text = 2; }
"""
TYPES: Types = {
    "id": "int64", "n": "Int64", "price": "float64", "delay": "float64", "paid": "bool", "city": "str", "note": "str",
    "at": "datetime64[us, UTC]", "wide": "Int64", "kind": "str", "raw": "object", "tags": "object", "more": "object",
    "line": "object", "lines": "object", "road": "str", "air": "boolean",
}  # fmt: skip
MOMENT = dt.datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=dt.UTC)


def message_class(text: str, *path: str) -> Any:
    """Return the class of a message in a file."""
    found: Descriptor = file_of(Schema("PROTOBUF", text)).message_types_by_name[path[0]]
    for name in path[1:]:
        found = found.nested_types_by_name[name]
    return message_factory.GetMessageClass(found)


def write(client: SchemaRegistryClient, topic: str, messages: Sequence[Any]) -> list[bytes]:
    """Write messages as a producer with Confluent's serializer does."""
    serializer = ProtobufSerializer(type(messages[0]), client, {"use.deprecated.format": False})
    context = SerializationContext(topic, MessageField.VALUE)
    return [serializer(message, context) for message in messages]


def read_back(registry: Registry, topic: str, values: Sequence[bytes]) -> list[Any]:
    """Read values as a consumer with Confluent's deserializer and the newest schema does."""
    latest = registry.latest(f"{topic}-value")
    assert latest is not None
    [name] = file_of(latest.schema).message_types_by_name
    kind = message_factory.GetMessageClass(file_of(latest.schema).message_types_by_name[name])
    deserializer = ProtobufDeserializer(kind, {"use.deprecated.format": False})
    return [deserializer(value, SerializationContext(topic, MessageField.VALUE)) for value in values]


def framed(registry: Registry, topic: str, text: str, messages: Sequence[Any], indexes: bytes = b"\0") -> list[bytes]:
    """Write messages by a schema that is registered as text, as Java's serializer does."""
    number = registry.register(f"{topic}-value", Schema("PROTOBUF", text))
    return [b"\0" + number.to_bytes(4, "big") + indexes + message.SerializeToString() for message in messages]


def full(kind: Any) -> Any:
    message = kind(id=7, n=3, price=1.5, delay=2.5, paid=True, city="Ulm", note="x", kind=1, raw=b"\xff", air=False)
    message.at.FromDatetime(MOMENT)
    message.wide.value = 2**62
    message.tags.extend(["a", "b"])
    message.more["x"] = 1
    message.line.sku = "s1"
    message.lines.add(sku="s2", count=2).due.FromDatetime(MOMENT)
    return message


def test_the_schema_decides_the_types() -> None:
    columns = protobuf_columns(Schema("PROTOBUF", ORDER))
    assert {name: declared for name, (declared, _) in columns.items()} == TYPES
    nullable = [name for name, (_, nullable) in columns.items() if nullable]
    assert nullable == ["n", "delay", "note", "at", "wide", "line", "road", "air"]


@pytest.mark.parametrize("as_text", [False, True], ids=["base64", "text"])
def test_every_kind_is_read(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords, *, as_text: bool
) -> None:
    kind = message_class(ORDER, "Order")
    messages = [full(kind), kind()]
    values = framed(registry, topic, ORDER, messages) if as_text else write(client, topic, messages)
    decoded = make_decoder("protobuf", TYPES, registry=registry, topic=topic).decode(records_of(values))
    assert decoded.failures == []
    assert {name: str(dtype) for name, dtype in decoded.frame.dtypes.items()} == TYPES
    line = {"sku": "s1", "count": None, "due": None}
    lines = [{"sku": "s2", "count": 2, "due": MOMENT}]
    first = decoded.frame.iloc[0].to_dict()
    assert pd.isna(first.pop("road"))
    assert first == {
        "id": 7, "n": 3, "price": 1.5, "delay": 2.5, "paid": True, "city": "Ulm", "note": "x",
        "at": pd.Timestamp(MOMENT), "wide": 2**62, "kind": "OLD", "raw": b"\xff", "tags": ["a", "b"],
        "more": {"x": 1}, "line": line, "lines": lines, "air": False,
    }  # fmt: skip
    empty = decoded.frame.iloc[1]
    assert empty[["id", "price", "paid", "city", "kind", "raw", "tags", "more"]].tolist() == [
        0, 0.0, False, "", "NEW", b"", [], {},
    ]  # fmt: skip
    assert empty[["n", "delay", "note", "at", "wide", "line", "road", "air"]].isna().all()


def test_the_schema_changes_in_mid_stream(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    old = 'syntax = "proto3"; message Order { int64 id = 1; string city = 2; }'
    new = 'syntax = "proto3"; message Order { int64 id = 1; optional string city = 2; double delay = 3; }'
    first = write(client, topic, [message_class(old, "Order")(id=1, city="Ulm")] * 2)
    second = write(client, topic, [message_class(new, "Order")(id=2, delay=0.5)] * 2)
    decoder = make_decoder("protobuf", {"id": "int64", "city": "str"}, registry=registry, topic=topic)
    decoded = decoder.decode(records_of([first[0], second[0], first[1], second[1]]))
    assert decoded.frame["id"].tolist() == [1, 2, 1, 2]
    assert decoded.frame["city"].isna().tolist() == [False, True, False, True]
    assert decoded.dropped == Counter({"delay": 2})
    wider = make_decoder("protobuf", {"id": "int64", "delay": "float64"}, registry=registry, topic=topic)
    assert wider.decode(records_of([first[0], second[0]])).frame["delay"].isna().tolist() == [True, False]


def test_messages_that_are_not_the_first(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    values = write(client, topic, [message_class(ORDER, "Note")(id=1, text="x")])
    values += write(client, f"{topic}-lines", [message_class(ORDER, "Order", "Line")(sku="s1")])
    decoder = make_decoder("protobuf", {"text": "str", "sku": "str"}, registry=registry)
    decoded = decoder.decode(records_of(values))
    assert decoded.failures == []
    assert decoded.frame["text"].tolist()[0] == "x"
    assert decoded.frame["sku"].tolist()[1] == "s1"
    assert decoded.dropped == Counter({"id": 1, "count": 1, "due": 1})


def test_broken_records_are_told(
    client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords
) -> None:
    [good] = write(client, topic, [message_class(ORDER, "Note")(id=1, text="x")])
    begin = good[:5]
    values = [good, begin, begin + b"\x02\x20", begin + b"\0\xff", begin + b"\xc8\x01", good]
    decoded = make_decoder("protobuf", {"id": "int64"}, registry=registry).decode(records_of(values))
    assert decoded.positions.tolist() == [0, 5]
    assert [failure.position for failure in decoded.failures] == [1, 2, 3, 4]
    texts = [str(failure.error) for failure in decoded.failures]
    assert "ends before it names its message" in texts[0]
    assert "no such message" in texts[1]
    assert "Not Protobuf of its schema" in texts[2]
    assert "names a message 100 deep" in texts[3]


def test_a_schema_with_references(registry: Registry, topic: str, records_of: MakeRecords) -> None:
    line = 'syntax = "proto3"; package shop; message Line { string sku = 1; }'
    order = 'syntax = "proto3"; package shop; import "shop/line.proto"; message Order { Line line = 1; }'
    schema = Schema("PROTOBUF", order, (("shop/line.proto", Schema("PROTOBUF", line)),))
    in_base64 = base64.b64encode(file_of(Schema("PROTOBUF", line)).serialized_pb).decode()
    for known in (schema, Schema("PROTOBUF", order, (("shop/line.proto", Schema("PROTOBUF", in_base64)),))):
        registry._known[99_001] = known
        message = message_factory.GetMessageClass(file_of(schema).message_types_by_name["Order"])(line={"sku": "s1"})
        value = b"\0" + (99_001).to_bytes(4, "big") + b"\0" + message.SerializeToString()
        decoded = make_decoder("protobuf", {"line": "object"}, registry=registry).decode(records_of([value]))
        assert decoded.frame["line"].tolist() == [{"sku": "s1"}]


@pytest.mark.parametrize("name", ["../up.proto", "/a.proto", "a/../../b.proto", "headrace_schema.proto", "x"])
def test_a_reference_stays_in_its_folder(name: str) -> None:
    schema = Schema("PROTOBUF", f'import "{name}";', ((name, Schema("PROTOBUF", 'syntax = "proto3";')),))
    with pytest.raises(DecodeError, match="not the name of one beside it"):
        file_of(schema)


def test_a_broken_schema_is_told() -> None:
    with pytest.raises(DecodeError, match=r"not one of Protobuf that can be read.*Expected"):
        file_of(Schema("PROTOBUF", 'syntax = "proto3"; messag'))
    with pytest.raises(DecodeError, match=r"not one of Protobuf|which the registry does not name"):
        file_of(Schema("PROTOBUF", 'syntax = "proto3"; import "other.proto"; message A { int64 id = 1; }'))


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


def test_rows_are_written(registry: Registry, topic: str) -> None:
    values = make_encoder("protobuf", registry=registry, topic=topic).encode(FRAME)
    first, second = read_back(registry, topic, values)
    assert (first.id, first.delay, first.late, first.city, first.count, first.tags) == (1, 1.5, True, "Ulm", 1, '["a"]')
    assert first.at.ToDatetime(dt.UTC) == MOMENT
    assert (second.id, second.late) == (2, False)
    assert not any(second.HasField(name) for name in ("delay", "city", "at", "count", "tags"))


def test_the_written_schema_follows_dtypes_and_is_never_narrowed(
    registry: Registry, registry_url: str, topic: str, records_of: MakeRecords
) -> None:
    encoder = make_encoder("protobuf", registry=registry, topic=topic)
    narrow, wide = pd.DataFrame({"id": [1], "n": [1]}), pd.DataFrame({"id": [2], "n": [0.5], "more": ["x"]})
    values = [*encoder.encode(narrow), *encoder.encode(wide)]
    restarted = make_encoder("protobuf", registry=Registry(registry_url), topic=topic)
    values += [*restarted.encode(narrow), *restarted.encode(pd.DataFrame({"n": [0.5]}))]
    types: Types = {"id": "Int64", "n": "float64", "more": "str"}
    frame = make_decoder("protobuf", types, registry=registry).decode(records_of(values)).frame
    assert frame["n"].tolist() == [1.0, 0.5, 1.0, 0.5]
    assert frame["id"].isna().tolist() == [False, False, False, True]
    latest = registry.latest(f"{topic}-value")
    assert latest is not None
    assert len(registry.versions(f"{topic}-value")) == 3
    [message] = file_of(latest.schema).message_types_by_name.values()
    assert {field.name: field.number for field in message.fields} == {"id": 1, "n": 3, "more": 4}
    with pytest.raises(RefusedError, match="the column `n` is text, the schema has double"):
        restarted.encode(pd.DataFrame({"id": [1], "n": ["x"]}))


def test_a_version_that_the_rule_forbids_is_a_clear_refusal(registry: Registry, registry_url: str, topic: str) -> None:
    encoder = make_encoder("protobuf", registry=registry, topic=topic)
    encoder.encode(pd.DataFrame({"id": [1]}))
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "FULL")
    with pytest.raises(IncompatibleSchemaError, match=r"refuses a new version"):
        encoder.encode(pd.DataFrame({"id": [0.5]}))


def test_a_schema_that_somebody_registered_is_written_by(registry: Registry, topic: str) -> None:
    text = ORDER.split("message Note", maxsplit=1)[0]
    registry.register(f"{topic}-value", Schema("PROTOBUF", text))
    frame = pd.DataFrame(
        {
            "id": [1], "n": pd.array([2], dtype="Int64"), "price": [0.5], "delay": [0.5], "paid": [True],
            "city": ["Ulm"], "note": ["x"], "at": [pd.Timestamp(MOMENT)], "kind": ["OLD"], "raw": [b"\xff"],
            "tags": [["a"]], "more": [{"x": 1}], "line": [{"sku": "s1"}], "lines": [[{"sku": "s2"}]],
            "wide": [{"value": 5}], "road": ["A8"], "air": pd.array([None], dtype="boolean"),
        }
    )  # fmt: skip
    encoder = make_encoder("protobuf", registry=registry, topic=topic)
    [message] = read_back(registry, topic, encoder.encode(frame))
    assert (message.id, message.n, message.kind, message.raw, message.line.sku) == (1, 2, 1, b"\xff", "s1")
    assert (list(message.tags), dict(message.more), message.wide.value) == (["a"], {"x": 1}, 5)
    assert len(registry.versions(f"{topic}-value")) == 1
    with pytest.raises(EncodeError) as caught:
        encoder.encode(pd.concat([frame, frame.assign(kind="no such"), frame], ignore_index=True))
    assert caught.value.rows == (1,)
    with pytest.raises(EncodeError, match="`delay in min` is none in Protobuf"):
        encoder.encode(pd.DataFrame({"delay in min": [1]}))

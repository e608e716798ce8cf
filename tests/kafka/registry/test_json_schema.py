"""JSON Schema: written by Confluent's serializer and read by ours, and the other way round."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

import schema_registry
from headrace.errors import DecodeError, RefusedError
from headrace.kafka.codec import EncodeError, make_decoder, make_encoder
from headrace.kafka.codec.jsonschema.types import json_schema_columns
from headrace.kafka.records import Records
from headrace.kafka.registry import IncompatibleSchemaError, Registry, Schema

MakeRecords = Callable[[Sequence[bytes | None]], Records]

ORDER: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Order",
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "n": {"type": "integer"},
        "price": {"type": "number"},
        "paid": {"oneOf": [{"type": "null"}, {"type": "boolean"}]},
        "city": {"$ref": "#/definitions/city"},
        "at": {"type": "string", "format": "date-time"},
        "line": {"type": "object"},
        "either": {"type": ["string", "integer"]},
        "whatever": {},
    },
    "required": ["id", "city", "price", "paid"],
    "definitions": {"city": {"type": "string"}},
}


def test_the_schema_decides_the_types() -> None:
    assert json_schema_columns(Schema("JSON", json.dumps(ORDER))) == {
        "id": ("int64", False),
        "n": ("Int64", True),
        "price": ("float64", False),
        "paid": ("boolean", True),
        "city": ("str", False),
        "at": ("datetime64[us, UTC]", True),
        "line": ("object", True),
        "either": ("object", True),
        "whatever": ("object", True),
    }
    with pytest.raises(DecodeError, match="not one of objects"):
        json_schema_columns(Schema("JSON", "true"))


def test_rows_are_read(client: SchemaRegistryClient, registry: Registry, topic: str, records_of: MakeRecords) -> None:
    serializer = JSONSerializer(json.dumps(ORDER), client)
    row = {"id": 1, "city": "Ulm", "price": 2, "paid": None, "at": "2026-11-22T10:00:00Z", "line": {"sku": "s1"}}
    value = serializer(row, SerializationContext(topic, MessageField.VALUE))
    types = {name: declared for name, (declared, _) in json_schema_columns(Schema("JSON", json.dumps(ORDER))).items()}
    decoder = make_decoder("jsonschema", types, registry=registry, topic=topic)
    decoded = decoder.decode(records_of([value, value[:5] + b"{", *[value] * 500, value[1:]]))
    assert [failure.position for failure in decoded.failures] == [1, 502]
    assert decoded.positions.tolist() == [0, *range(2, 502)]
    assert decoded.frame["at"].tolist()[-1] == pd.Timestamp("2026-11-22T10:00:00Z")
    assert decoded.frame["line"].tolist()[-1] == {"sku": "s1"}
    assert decoded.frame["n"].isna().all()


def test_rows_are_written_and_the_schema_grows(
    client: SchemaRegistryClient, registry: Registry, registry_url: str, topic: str
) -> None:
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "BACKWARD")
    encoder = make_encoder("jsonschema", registry=registry, topic=topic)
    frame = pd.DataFrame({"id": [1, 2], "s": pd.Series(["x", None], dtype="str"), "tags": [["a"], None]})
    values = [*encoder.encode(frame), *encoder.encode(frame.assign(new=[True, False]))]
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "NONE")  # Apicurio forbids more than Confluent
    values += encoder.encode(frame.assign(id=[0.5, float("nan")], new=[True, False]))
    values += encoder.encode(pd.DataFrame({"s": ["y"]}))
    latest = registry.latest(f"{topic}-value")
    assert latest is not None
    assert latest.version == 4
    deserializer = JSONDeserializer(latest.schema.text, schema_registry_client=client)
    rows = [deserializer(value, SerializationContext(topic, MessageField.VALUE)) for value in values]
    assert rows == [
        {"id": 1, "s": "x", "tags": ["a"]},
        {"id": 2, "s": None, "tags": None},
        {"id": 1, "s": "x", "tags": ["a"], "new": True},
        {"id": 2, "s": None, "tags": None, "new": False},
        {"id": 0.5, "s": "x", "tags": ["a"], "new": True},
        {"id": None, "s": None, "tags": None, "new": False},
        {"s": "y"},
    ]
    with pytest.raises(RefusedError, match="the column `s` is number, the schema has null or string"):
        encoder.encode(pd.DataFrame({"s": [0.5]}))


def test_a_version_that_the_rule_forbids_is_a_clear_refusal(registry: Registry, registry_url: str, topic: str) -> None:
    schema_registry.set_compatibility(registry_url, f"{topic}-value", "FULL")
    encoder = make_encoder("jsonschema", registry=registry, topic=topic)
    encoder.encode(pd.DataFrame({"id": [1]}))
    with pytest.raises(IncompatibleSchemaError, match="409"):
        encoder.encode(pd.DataFrame({"id": [0.5]}))


def test_a_null_that_the_schema_forbids_is_a_failed_row(registry: Registry, topic: str) -> None:
    registry.register(f"{topic}-value", Schema("JSON", json.dumps(ORDER)))
    encoder = make_encoder("jsonschema", registry=registry, topic=topic)
    cities = pd.Series(["Ulm", None], dtype="str")
    frame = pd.DataFrame({"id": [1, 2], "city": cities, "price": [1.0, 2.0], "paid": True})
    with pytest.raises(EncodeError, match="`city`: null in row 1") as caught:
        encoder.encode(frame)
    assert caught.value.rows == (1,)
    assert len(encoder.encode(frame[:1])) == 1
    assert len(registry.versions(f"{topic}-value")) == 1

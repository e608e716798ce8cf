"""Avro schemas: their JSON, parsed, and what the fields of a record are."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
import orjson

from headrace.errors import DecodeError
from headrace.kafka.registry import Schema

VALUE_COLUMN = "value"
"""The column of a schema that is not a record."""

TIME_FACTORS = {
    "timestamp-millis": (1000, 1),
    "timestamp-micros": (1, 1),
    "timestamp-nanos": (1, 1000),
    "local-timestamp-millis": (1000, 1),
    "local-timestamp-micros": (1, 1),
    "local-timestamp-nanos": (1, 1000),
}
"""How a time's number becomes microseconds: factor and divisor. A local time is taken for UTC."""

_READ_AS_PLAIN = {*TIME_FACTORS, "uuid"}

Json = Any


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record that a schema describes.

    Attributes:
        name: its name.
        type: the name of its primitive or complex type (``long``, ``record`` ...), ``union`` for a union of several.
        logical: its logical type, or an empty string.
        nullable: whether null is among its types.
    """

    name: str
    type: str
    logical: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """A schema that values can be read with.

    Attributes:
        fields: the record's fields; one named ``value`` where the schema is no record.
        is_record: whether it is one.
        plain: the schema's JSON, in which times and UUIDs of the record's own fields are plain longs and texts.
        named: what the schemas that it names are called and mean, as fastavro keeps it.
    """

    fields: tuple[Field, ...]
    is_record: bool
    plain: Json
    named: dict[str, Json]


def parse(schema: Schema) -> AvroSchema:
    """Return a schema that a registry keeps, parsed.

    Raises:
        DecodeError: it is not a valid Avro schema.
    """
    named: dict[str, Json] = {}
    try:
        for _, reference in schema.references:
            fastavro.parse_schema(orjson.loads(reference.text), named_schemas=named)
        document = orjson.loads(schema.text)
        fastavro.parse_schema(copy.deepcopy(document), named_schemas=(known := dict(named)))
    except Exception as error:
        message = f"The schema is not one of Avro that can be read: {type(error).__name__}: {error}."
        raise DecodeError(message, hint="Correct the schema in the registry.") from error
    is_record = isinstance(document, dict) and document.get("type") in {"record", "error"}
    if not is_record:
        return AvroSchema(
            (_field(VALUE_COLUMN, document, known),), is_record=False, plain=_plain(document), named=named
        )
    fields = tuple(_field(field["name"], field["type"], known) for field in document["fields"])
    plain = {**document, "fields": [{**field, "type": _plain(field["type"])} for field in document["fields"]]}
    return AvroSchema(fields, is_record=True, plain=plain, named=named)


def branches_of(declared: Json) -> list[Json]:
    """Return the types of a union, or the one type."""
    return declared if isinstance(declared, list) else [declared]


def type_name(declared: Json, named: Mapping[str, Json]) -> tuple[str, str]:
    """Return a type's name (that of a named type: ``record``, ``enum`` or ``fixed``) and logical type."""
    if isinstance(declared, str):
        found = named.get(declared) or next(
            (schema for name, schema in named.items() if name.rpartition(".")[2] == declared), None
        )
        return (str(found["type"]), str(found.get("logicalType", ""))) if isinstance(found, dict) else (declared, "")
    inner = declared.get("type")
    if isinstance(inner, dict | list):
        return type_name(inner, named) if isinstance(inner, dict) else ("union", "")
    return str(inner), str(declared.get("logicalType", ""))


def _field(name: str, declared: Json, named: Mapping[str, Json]) -> Field:
    branches = branches_of(declared)
    kinds = [branch for branch in branches if branch != "null"]
    nullable = len(kinds) < len(branches)
    if len(kinds) != 1:
        return Field(name, "null" if not kinds else "union", "", nullable)
    kind, logical = type_name(kinds[0], named)
    return Field(name, kind, logical, nullable)


def _plain(declared: Json) -> Json:
    """Take the logical types out that are quicker and safer read as the numbers or texts they rest on."""
    if isinstance(declared, list):
        return [_plain(branch) for branch in declared]
    if isinstance(declared, dict) and declared.get("logicalType") in _READ_AS_PLAIN and declared.get("type") != "fixed":
        return declared["type"]
    return declared

"""Avro schemas for output columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from headrace.kafka.codec.avro.schema import TIME_FACTORS, branches_of, parse, type_name
from headrace.kafka.codec.avro.writer import AvroWriter
from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.sink import Column, Kind, UnfitError
from headrace.kafka.registry import Schema, SchemaKind

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TYPES: dict[Kind, Any] = {
    "integer": "long",
    "number": "double",
    "boolean": "boolean",
    "text": "string",
    "time": {"type": "long", "logicalType": "timestamp-micros"},
    "any": "string",
}
_HOLD: dict[Kind, set[str]] = {
    "integer": {"long", "double"},
    "number": {"double"},
    "boolean": {"boolean"},
    "text": {"string", "enum"},
    "time": set(),
}
_WIDENED: dict[Kind, set[str]] = {"integer": {"int", "float"}, "number": {"int", "long", "float"}}
"""For each kind the types that are exchanged for its own: Avro's readers promote them."""

Json = Any


class AvroDialect:
    """Records of ``long``, ``double``, ``boolean``, ``string`` and ``timestamp-micros``."""

    kind: SchemaKind = "AVRO"
    header = b""

    def fitting(self, columns: Sequence[Column], known: Schema | None, topic: str) -> Schema:
        """Return the schema that holds the columns; see :class:`~headrace.kafka.codec.sink.Dialect`."""
        unnamed = [column.name for column in columns if not _NAME.fullmatch(column.name)]
        if unnamed:
            message = f"The column name `{unnamed[0]}` is none in Avro."
            raise EncodeError(message, rows=[0], hint="Rename it: letters, digits and `_`, no digit first.")
        if known is None:
            name = re.sub(r"[^A-Za-z0-9_]", "_", topic)
            fields = [_field(column, nullable=column.nullable) for column in columns]
            document = {"type": "record", "name": name if _NAME.fullmatch(name) else f"_{name}", "fields": fields}
            return Schema("AVRO", orjson.dumps(document).decode())
        named = parse(known).named
        document = orjson.loads(known.text)
        if not isinstance(document, dict) or document.get("type") != "record":
            raise UnfitError("it is not a record.", hint="Write to another topic.")
        given = {column.name: column for column in columns}
        fields = [_evolved(field, given.pop(field["name"], None), named) for field in document["fields"]]
        fields += [_field(column, nullable=True) for column in given.values()]
        if fields == document["fields"]:
            return known
        return Schema("AVRO", orjson.dumps({**document, "fields": fields}).decode(), known.references)

    def writer(self, schema: Schema) -> AvroWriter:
        """Return what writes rows by a schema."""
        return AvroWriter(parse(schema))


def _field(column: Column, *, nullable: bool) -> Json:
    declared = _TYPES[column.kind]
    if nullable:
        return {"name": column.name, "type": ["null", declared], "default": None}
    return {"name": column.name, "type": declared}


def _evolved(field: Json, column: Column | None, named: dict[str, Json]) -> Json:
    """Return a field that holds a column too: itself, where it does; ``None`` for a column that is not there."""
    if column is None:
        return field if "default" in field else _nullable(field)
    branches = branches_of(field["type"])
    kinds = [branch for branch in branches if branch != "null"]
    if column.kind != "any" and not any(_holds(branch, column.kind, named) for branch in kinds):
        names = {type_name(branch, named)[0] for branch in kinds}
        if len(kinds) != 1 or not names <= _WIDENED.get(column.kind, set()):
            has = " or ".join(sorted(names)) or "null alone"
            raise UnfitError(
                f"the column `{column.name}` is {column.kind} ({_TYPES[column.kind]!r}), the schema has {has}.",
                hint="Convert the column, or write to another topic.",
            )
        widened = [branch if branch == "null" else _TYPES[column.kind] for branch in branches]
        return _nullable({**field, "type": widened if isinstance(field["type"], list) else widened[0]})
    return _nullable(field) if column.declares_nulls else field


def _nullable(field: Json) -> Json:
    branches = branches_of(field["type"])
    if "null" in branches:
        return field
    if field.get("default") is not None:  # a default is of the first branch
        return {**field, "type": [*branches, "null"]}
    return {**field, "type": ["null", *branches], "default": None}


def _holds(declared: Json, kind: Kind, named: dict[str, Json]) -> bool:
    name, logical = type_name(declared, named)
    if kind == "time":
        return name == "long" and logical in TIME_FACTORS
    return name in _HOLD[kind] and not logical

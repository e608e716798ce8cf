"""JSON Schemas for output columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pandas as pd

from headrace.kafka.codec.json.encoder import JsonEncoder
from headrace.kafka.codec.jsonschema.types import types_of
from headrace.kafka.codec.sink import Column, Kind, UnfitError
from headrace.kafka.registry import Schema, SchemaKind

_TYPES: dict[Kind, str] = {
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "text": "string",
    "time": "string",
}
_HOLD: dict[Kind, set[str]] = {
    "integer": {"integer", "number"},
    "number": {"number"},
    "boolean": {"boolean"},
    "text": {"string"},
    "time": {"string"},
}

Json = Any


class JsonSchemaDialect:
    """Objects with closed sets of properties, as registries want them for schemas that grow."""

    kind: SchemaKind = "JSON"
    header = b""

    def fitting(self, columns: Sequence[Column], known: Schema | None, topic: str) -> Schema:
        """Return the schema that holds the columns; see :class:`~headrace.kafka.codec.sink.Dialect`."""
        if known is None:
            document: Json = {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "title": topic,
                "type": "object",
                "properties": {column.name: _property(column, nullable=column.nullable) for column in columns},
                "required": [column.name for column in columns if not column.nullable],
                "additionalProperties": False,
            }
            return Schema("JSON", orjson.dumps(document).decode())
        document = orjson.loads(known.text)
        if not isinstance(document, dict) or document.get("type", "object") != "object":
            raise UnfitError("it is not of objects.", hint="Write to another topic.")
        given = {column.name: column for column in columns}
        properties = dict(document.get("properties", {}))
        for name, declared in properties.items():
            if name in given:
                properties[name] = _evolved(declared, given[name], document)
        for name in given.keys() - properties.keys():
            properties[name] = _property(given[name], nullable=True)
        evolved = {**document, "properties": properties}
        if "required" in document:
            evolved["required"] = [name for name in document["required"] if name in given]
        return known if evolved == document else Schema("JSON", orjson.dumps(evolved).decode(), known.references)

    def writer(self, schema: Schema) -> JsonWriter:
        """Return what writes rows by a schema."""
        return JsonWriter(orjson.loads(schema.text))


class JsonWriter:
    """Writes rows as plain JSON does.

    Args:
        document: the schema's JSON.
    """

    def __init__(self, document: Json) -> None:
        self._encoder = JsonEncoder()
        types = {name: types_of(declared, document) for name, declared in document.get("properties", {}).items()}
        self.never_null = frozenset(name for name, found in types.items() if found is not None and "null" not in found)

    def write(self, frame: pd.DataFrame) -> Sequence[bytes]:
        """Return each of n rows, without the schema's id.

        Raises:
            EncodeError: rows that JSON cannot hold.
        """
        return self._encoder.encode(frame)


def _property(column: Column, *, nullable: bool) -> Json:
    if column.kind == "any":
        return {}
    name = _TYPES[column.kind]
    declared: Json = {"type": [name, "null"] if nullable else name}
    return {**declared, "format": "date-time"} if column.kind == "time" else declared


def _evolved(declared: Json, column: Column, document: Json) -> Json:
    """Return a property that holds a column too: itself, where it does."""
    found = types_of(declared, document)
    if found is None:
        return declared
    if column.kind == "any":
        return {}
    if not found & _HOLD[column.kind]:
        if column.kind != "number" or "integer" not in found:
            raise UnfitError(
                f"the column `{column.name}` is {column.kind}, the schema has {' or '.join(sorted(found))}.",
                hint="Convert the column, or write to another topic.",
            )
        return _property(column, nullable=True)
    if not column.declares_nulls or "null" in found:
        return declared
    if set(declared) <= {"type", "format", "title", "description"}:
        return {**declared, "type": [*sorted(found), "null"]}
    return {"oneOf": [{"type": "null"}, declared]}

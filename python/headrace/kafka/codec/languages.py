"""The schema languages of registries: which format reads which, and the code for it, loaded when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headrace.errors import ToolError
from headrace.spec import ColumnType, Format

if TYPE_CHECKING:
    from headrace.kafka.codec.registered import ReaderOf
    from headrace.kafka.codec.sink import Dialect
    from headrace.kafka.registry import Schema, SchemaKind

KINDS: Mapping[Format, SchemaKind] = {"avro": "AVRO", "protobuf": "PROTOBUF", "jsonschema": "JSON"}
"""The formats that need a registry, with the language of their schemas."""


def reader_of(kind: SchemaKind) -> ReaderOf:
    """Return what makes the readers of a language.

    Raises:
        ToolError: a package that it needs is not installed.
    """
    try:
        if kind == "AVRO":
            from headrace.kafka.codec.avro import avro_reader  # noqa: PLC0415  an optional extra

            return avro_reader
        if kind == "PROTOBUF":
            from headrace.kafka.codec.protobuf import protobuf_reader  # noqa: PLC0415  an optional extra

            return protobuf_reader
    except ImportError as error:
        raise _missing(kind, error) from error
    from headrace.kafka.codec.jsonschema import json_schema_reader  # noqa: PLC0415  loads much

    return json_schema_reader


def columns_of(schema: Schema) -> dict[str, tuple[ColumnType, bool]]:
    """Return the column type of each field of a schema, and whether it may be null.

    Raises:
        DecodeError: the schema cannot be read.
        ToolError: a package that it needs is not installed.
    """
    try:
        if schema.kind == "AVRO":
            from headrace.kafka.codec.avro import avro_columns  # noqa: PLC0415  an optional extra

            return avro_columns(schema)
        if schema.kind == "PROTOBUF":
            from headrace.kafka.codec.protobuf import protobuf_columns  # noqa: PLC0415  an optional extra

            return protobuf_columns(schema)
    except ImportError as error:
        raise _missing(schema.kind, error) from error
    from headrace.kafka.codec.jsonschema import json_schema_columns  # noqa: PLC0415  loads much

    return json_schema_columns(schema)


def dialect_of(kind: SchemaKind) -> Dialect:
    """Return how schemas of a language are made and written by.

    Raises:
        ToolError: a package that it needs is not installed.
    """
    try:
        if kind == "AVRO":
            from headrace.kafka.codec.avro import AvroDialect  # noqa: PLC0415  an optional extra

            return AvroDialect()
        if kind == "PROTOBUF":
            from headrace.kafka.codec.protobuf import ProtobufDialect  # noqa: PLC0415  an optional extra

            return ProtobufDialect()
    except ImportError as error:
        raise _missing(kind, error) from error
    from headrace.kafka.codec.jsonschema import JsonSchemaDialect  # noqa: PLC0415  loads much

    return JsonSchemaDialect()


def _missing(kind: SchemaKind, error: ImportError) -> ToolError:
    message = f"The format of {kind} schemas needs the package {error.name}, which is not installed."
    return ToolError(message, hint='Run: pip install "headrace[registry]".')

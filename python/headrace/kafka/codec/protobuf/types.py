"""The column types that a Protobuf schema gives."""

from __future__ import annotations

from headrace.errors import DecodeError
from headrace.kafka.codec.protobuf.compiling import file_of
from headrace.kafka.codec.protobuf.fields import column_type, is_nullable
from headrace.kafka.registry import Schema
from headrace.spec import ColumnType


def protobuf_columns(schema: Schema) -> dict[str, tuple[ColumnType, bool]]:
    """Return, for the fields of a file's first message, their column types and whether they may be null.

    Raises:
        DecodeError: it is not a Protobuf schema, or has no message.
        ToolError: the compiler is not installed.
    """
    messages = list(file_of(schema).message_types_by_name.values())
    if not messages:
        raise DecodeError("The Protobuf schema has no message.", hint="Correct the schema in the registry.")
    return {field.name: (column_type(field), is_nullable(field)) for field in messages[0].fields}

"""The column types that an Avro schema gives."""

from __future__ import annotations

from headrace.kafka.codec.avro.schema import TIME_FACTORS, Field, parse
from headrace.kafka.registry import Schema
from headrace.spec import TIME_TYPE, ColumnType

_TYPES: dict[str, tuple[ColumnType, ColumnType]] = {
    "int": ("int64", "Int64"),
    "long": ("int64", "Int64"),
    "float": ("float64", "float64"),
    "double": ("float64", "float64"),
    "boolean": ("bool", "boolean"),
    "string": ("str", "str"),
    "enum": ("str", "str"),
}
"""Each type's column type, without nulls and with them."""

_TEXT_OF = {"uuid"}


def avro_columns(schema: Schema) -> dict[str, tuple[ColumnType, bool]]:
    """Return each field's column type, and whether it may be null.

    Raises:
        DecodeError: it is not a valid Avro schema.
    """
    return {field.name: (column_type(field), field.nullable) for field in parse(schema).fields}


def column_type(field: Field) -> ColumnType:
    """Return the type of a field's column; ``object`` for bytes, dates, decimals and all that has parts."""
    if field.logical in TIME_FACTORS and field.type == "long":
        return TIME_TYPE
    if field.logical and field.logical not in _TEXT_OF and field.type in {"int", "long", "bytes", "fixed"}:
        return "object"
    without, with_nulls = _TYPES.get(field.type, ("object", "object"))
    return with_nulls if field.nullable else without

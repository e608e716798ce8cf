"""Rows written by an Avro schema."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import fastavro
import pandas as pd

from headrace.kafka.codec.avro.schema import TIME_FACTORS, AvroSchema, Field
from headrace.kafka.codec.sink import Kind
from headrace.kafka.codec.sink_values import Wrong, refuse, values_as

_KINDS: dict[str, Kind] = {
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "boolean": "boolean",
    "string": "text",
    "enum": "text",
}


class AvroWriter:
    """Writes rows by one schema.

    Args:
        schema: the schema, parsed; a record.
    """

    def __init__(self, schema: AvroSchema) -> None:
        self._schema = schema
        self.never_null = frozenset(field.name for field in schema.fields if not field.nullable)
        self._parsed = fastavro.parse_schema(schema.plain, named_schemas=dict(schema.named))

    def write(self, frame: pd.DataFrame) -> list[bytes]:
        """Return each of n rows, without the schema's id; fields without a column are null, or their default.

        Raises:
            EncodeError: rows that the schema cannot hold.
        """
        names: list[str] = []
        columns: list[list[object]] = []
        wrong: Wrong = {}
        for field in self._schema.fields:
            if field.name in frame.columns:
                values, unfit = _values(frame[field.name], field)
                names.append(field.name)
                columns.append(values)
                wrong = {**unfit, **wrong}
        output = io.BytesIO()
        ends: list[int] = [0]
        for row, values_of_row in enumerate(zip(*columns, strict=True)):
            document: Any = dict(zip(names, values_of_row, strict=True))
            try:
                fastavro.schemaless_writer(output, self._parsed, document)
            except Exception as error:  # noqa: BLE001  fastavro raises whatever a value leads to
                wrong.setdefault(row, f"Row {row} does not fit the schema ({type(error).__name__}: {error})")
            ends.append(output.tell())
        refuse(wrong)
        written = output.getbuffer()
        return [bytes(written[start:end]) for start, end in pairwise(ends)]


def _values(column: pd.Series, field: Field) -> tuple[list[object], Wrong]:
    if field.type == "long" and field.logical in TIME_FACTORS:
        microseconds, wrong = values_as(column, "time")
        factor, divisor = TIME_FACTORS[field.logical]
        times = [time * divisor // factor if isinstance(time, int) else None for time in microseconds]
        return list(times), wrong
    plain_text = field.logical == "uuid" and field.type == "string"
    wanted: Kind = "any" if field.logical and not plain_text else _KINDS.get(field.type, "any")
    return values_as(column, wanted)

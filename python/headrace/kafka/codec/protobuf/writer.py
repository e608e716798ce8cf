"""Rows written by a Protobuf schema."""

from __future__ import annotations

import pandas as pd
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, FileDescriptor

from headrace.kafka.codec.protobuf.fields import FLOATS, INTEGERS, is_nullable, is_time
from headrace.kafka.codec.sink import Kind
from headrace.kafka.codec.sink_values import Wrong, refuse, values_as

_SECOND = 1_000_000


class ProtobufWriter:
    """Writes rows as a file's first message.

    Args:
        file: the schema.
    """

    def __init__(self, file: FileDescriptor) -> None:
        descriptor = next(iter(file.message_types_by_name.values()))
        self._fields = list(descriptor.fields)
        self.never_null = frozenset(
            field.name for field in self._fields if not is_nullable(field) and not field.is_repeated
        )
        self._class = message_factory.GetMessageClass(descriptor)

    def write(self, frame: pd.DataFrame) -> list[bytes]:
        """Return each of n rows, without the schema's id; fields without a column are missing.

        Raises:
            EncodeError: rows that the schema cannot hold.
        """
        names: list[str] = []
        columns: list[list[object]] = []
        wrong: Wrong = {}
        for field in self._fields:
            if field.name in frame.columns:
                values, unfit = _values(frame[field.name], field)
                names.append(field.name)
                columns.append(values)
                wrong = {**unfit, **wrong}
        written: list[bytes] = []
        for row, values_of_row in enumerate(zip(*columns, strict=True)):
            given = {name: value for name, value in zip(names, values_of_row, strict=True) if value is not None}
            try:
                written.append(self._class(**given).SerializeToString())
            except (TypeError, ValueError, AttributeError, OverflowError) as error:
                wrong.setdefault(row, f"Row {row} does not fit the schema ({error})")
        refuse(wrong)
        return written


def _values(column: pd.Series, field: FieldDescriptor) -> tuple[list[object], Wrong]:
    if is_time(field):
        microseconds, wrong = values_as(column, "time")
        return [_timestamp(time) for time in microseconds], wrong
    return values_as(column, _kind(field))


def _timestamp(microseconds: object) -> dict[str, int] | None:
    if not isinstance(microseconds, int):
        return None
    seconds, rest = divmod(microseconds, _SECOND)
    return {"seconds": seconds, "nanos": rest * 1000}


def _kind(field: FieldDescriptor) -> Kind:
    if field.is_repeated or field.message_type is not None:
        return "any"
    if field.cpp_type in INTEGERS:
        return "integer"
    if field.cpp_type in FLOATS:
        return "number"
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "boolean"
    return "any" if field.type == FieldDescriptor.TYPE_BYTES else "text"

"""What the fields of a Protobuf message are, and how their values are taken out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from headrace.spec import TIME_TYPE, ColumnType

Message = Any

INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
FLOATS = {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}
_TIMESTAMP, _DURATION = "google.protobuf.Timestamp", "google.protobuf.Duration"
_WRAPPERS = {
    f"google.protobuf.{name}Value"
    for name in ("Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64")
}


def is_time(field: FieldDescriptor) -> bool:
    """Return whether a field is one ``google.protobuf.Timestamp``."""
    return not field.is_repeated and _message_name(field) == _TIMESTAMP


def is_nullable(field: FieldDescriptor) -> bool:
    """Return whether a field can be missing: ``optional``, in a ``oneof``, or a message."""
    return bool(field.has_presence) and not field.is_repeated and not bool(field.is_required)


def column_type(field: FieldDescriptor) -> ColumnType:
    """Return the type of a field's column; ``object`` for bytes, lists, maps and messages."""
    if field.is_repeated:
        return "object"
    if is_time(field):
        return TIME_TYPE
    if _message_name(field) in _WRAPPERS:
        return column_type_of(_within(field, "value"), nullable=True)
    return column_type_of(field, nullable=is_nullable(field))


def column_type_of(field: FieldDescriptor, *, nullable: bool) -> ColumnType:
    """Return the column type of a field's scalar type."""
    if field.cpp_type in INTEGERS:
        return "Int64" if nullable else "int64"
    if field.cpp_type in FLOATS:
        return "float64"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "boolean" if nullable else "bool"
    is_text = field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_ENUM}
    return "str" if is_text else "object"


def values_of(field: FieldDescriptor, messages: Sequence[Message]) -> list[object]:
    """Return a field's value in n messages; times as microseconds since the epoch."""
    take = attrgetter(field.name)
    if field.is_repeated:
        return [_plain_field(field, take(message)) for message in messages]
    plain = _converter(field, times=False)
    if not is_nullable(field):
        return list(map(take, messages)) if plain is None else [plain(take(message)) for message in messages]
    name = field.name
    if plain is None:
        return [take(message) if message.HasField(name) else None for message in messages]
    return [plain(take(message)) if message.HasField(name) else None for message in messages]


def plain_message(message: Message) -> dict[str, object]:
    """Return a message as a dict: all its fields, those that can be missing and are as ``None``."""
    found: dict[str, object] = {}
    for field in message.DESCRIPTOR.fields:
        missing = is_nullable(field) and not message.HasField(field.name)
        found[field.name] = None if missing else _plain_field(field, getattr(message, field.name))
    return found


def _plain_field(field: FieldDescriptor, value: Any) -> object:  # noqa: ANN401  whatever the field holds
    if not field.is_repeated:
        plain = _converter(field, times=True)
        return value if plain is None else plain(value)
    if is_map(field):
        of_value = _within(field, "value")
        return {key: _plain_field(of_value, value[key]) for key in value}
    plain = _converter(field, times=True)
    return list(value) if plain is None else [plain(item) for item in value]


def is_map(field: FieldDescriptor) -> bool:
    """Return whether a field is a map."""
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _converter(field: FieldDescriptor, *, times: bool) -> Callable[[Any], object] | None:
    """Return what makes a plain object of one value, ``None`` where it is one.

    Args:
        field: the value's field.
        times: whether a time becomes a ``datetime`` rather than microseconds.
    """
    if field.enum_type is not None:
        names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
        return lambda number: names.get(number) or str(number)
    name = _message_name(field)
    if name is None:
        return None
    if name == _TIMESTAMP:
        return _datetime if times else _microseconds
    if name == _DURATION:
        return lambda value: dt.timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)
    return attrgetter("value") if name in _WRAPPERS else plain_message


def _microseconds(value: Message) -> int:
    return int(value.seconds) * 1_000_000 + int(value.nanos) // 1000


def _datetime(value: Message) -> dt.datetime | None:
    try:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=_microseconds(value))
    except OverflowError:
        return None


def _within(field: FieldDescriptor, name: str) -> FieldDescriptor:
    declared: Descriptor = field.message_type  # type: ignore[assignment]  # asked for messages alone
    return declared.fields_by_name[name]


def _message_name(field: FieldDescriptor) -> str | None:
    declared: Descriptor | None = field.message_type
    return None if declared is None else str(declared.full_name)

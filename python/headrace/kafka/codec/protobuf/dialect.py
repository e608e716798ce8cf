"""Protobuf schemas for output columns."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor

from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.protobuf.compiling import file_of
from headrace.kafka.codec.protobuf.fields import FLOATS, INTEGERS, is_nullable, is_time
from headrace.kafka.codec.protobuf.message_index import FIRST_BYTES
from headrace.kafka.codec.protobuf.writer import ProtobufWriter
from headrace.kafka.codec.sink import Column, Kind, UnfitError
from headrace.kafka.registry import Schema, SchemaKind

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TIMESTAMP_FILE = "google/protobuf/timestamp.proto"
_TYPES: dict[Kind, int] = {
    "integer": FieldDescriptor.TYPE_INT64,
    "number": FieldDescriptor.TYPE_DOUBLE,
    "boolean": FieldDescriptor.TYPE_BOOL,
    "text": FieldDescriptor.TYPE_STRING,
    "time": FieldDescriptor.TYPE_MESSAGE,
    "any": FieldDescriptor.TYPE_STRING,
}
_TYPE_NAMES = {int(number): name for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()}
_RESERVED = range(19_000, 20_000)
"""Field numbers that Protobuf keeps for itself."""

File = descriptor_pb2.FileDescriptorProto
MessageProto = descriptor_pb2.DescriptorProto
Field = descriptor_pb2.FieldDescriptorProto


class ProtobufDialect:
    """Messages of ``int64``, ``double``, ``bool``, ``string`` and ``Timestamp``, whose field numbers stay."""

    kind: SchemaKind = "PROTOBUF"
    header = FIRST_BYTES

    def fitting(self, columns: Sequence[Column], known: Schema | None, topic: str) -> Schema:
        """Return the schema that holds the columns; see :class:`~headrace.kafka.codec.sink.Dialect`."""
        unnamed = [column.name for column in columns if not _NAME.fullmatch(column.name)]
        if unnamed:
            message = f"The column name `{unnamed[0]}` is none in Protobuf."
            raise EncodeError(message, rows=[0], hint="Rename it: letters, digits and `_`, no digit first.")
        if known is None:
            name = re.sub(r"[^A-Za-z0-9_]", "_", topic)
            file = File(name=f"{name}.proto", syntax="proto3")
            message_proto = file.message_type.add(name=name if _NAME.fullmatch(name) else f"_{name}")
            for column in columns:
                _add(file, message_proto, column, nullable=column.nullable)
            return _schema(file)
        descriptor = file_of(known)
        file = File()
        descriptor.CopyToProto(file)
        if not file.message_type:
            raise UnfitError("it has no message.", hint="Write to another topic.")
        before = file.SerializeToString(deterministic=True)
        message_proto = file.message_type[0]
        fields = next(iter(descriptor.message_types_by_name.values())).fields_by_name
        given = {column.name: column for column in columns}
        for name in [field.name for field in message_proto.field]:
            _evolve(file, message_proto, fields[name], given.pop(name, None))
        for column in given.values():
            _add(file, message_proto, column, nullable=True)
        if file.SerializeToString(deterministic=True) == before:
            return known
        return _schema(file, known)

    def writer(self, schema: Schema) -> ProtobufWriter:
        """Return what writes rows by a schema's first message."""
        return ProtobufWriter(file_of(schema))


def _schema(file: File, known: Schema | None = None) -> Schema:
    text = base64.b64encode(file.SerializeToString(deterministic=True)).decode()
    return Schema("PROTOBUF", text, known.references if known else ())


def _add(file: File, message: MessageProto, column: Column, *, nullable: bool) -> None:
    field = message.field.add(name=column.name, number=_next_number(message), label=Field.LABEL_OPTIONAL)
    field.type = _TYPES[column.kind]  # type: ignore[assignment]  # the descriptor's numbers are the file's
    if column.kind == "time":
        field.type_name = ".google.protobuf.Timestamp"
        if _TIMESTAMP_FILE not in file.dependency:
            file.dependency.append(_TIMESTAMP_FILE)
    elif nullable:
        _make_optional(file, message, field)


def _evolve(file: File, message: MessageProto, known: FieldDescriptor, column: Column | None) -> None:
    field = next(field for field in message.field if field.name == known.name)
    if column is not None and not _holds(known, column.kind):
        if column.kind == "number" and known.cpp_type in INTEGERS and not known.is_repeated:
            message.reserved_range.add(start=field.number, end=field.number + 1)
            message.field.remove(field)
            _add(file, message, column, nullable=True)
            return
        raise UnfitError(
            f"the column `{column.name}` is {column.kind}, the schema has {_shown(known)}.",
            hint="Convert the column, or write to another topic.",
        )
    if (column is None or column.declares_nulls) and not is_nullable(known) and not known.is_repeated:
        _make_optional(file, message, field)


def _make_optional(file: File, message: MessageProto, field: Field) -> None:
    """Let a scalar field be missing, as ``optional`` does: in proto3 it is in a group of its own."""
    field.label = Field.LABEL_OPTIONAL
    if file.syntax == "proto3" and not field.proto3_optional:
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{field.name}")


def _holds(field: FieldDescriptor, kind: Kind) -> bool:
    if kind == "any" or field.is_repeated:
        return kind == "any"
    holds: dict[Kind, bool] = {
        "time": is_time(field),
        "integer": field.cpp_type in INTEGERS or field.type == FieldDescriptor.TYPE_DOUBLE,
        "number": field.cpp_type in FLOATS,
        "boolean": field.type == FieldDescriptor.TYPE_BOOL,
        "text": field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_ENUM},
    }
    return holds[kind]


def _next_number(message: MessageProto) -> int:
    used = [field.number for field in message.field] + [taken.end - 1 for taken in message.reserved_range]
    number = max(used, default=0) + 1
    return _RESERVED.stop if number in _RESERVED else number


def _shown(field: FieldDescriptor) -> str:
    name = field.message_type.full_name if field.message_type is not None else None
    shown = name or _TYPE_NAMES[field.type].removeprefix("TYPE_").lower()
    return f"repeated {shown}" if field.is_repeated else str(shown)

"""Protobuf with a schema registry's id, and the message's place in its file, before it."""

from headrace.kafka.codec.protobuf.dialect import ProtobufDialect
from headrace.kafka.codec.protobuf.reader import protobuf_reader
from headrace.kafka.codec.protobuf.types import protobuf_columns

__all__ = ["ProtobufDialect", "protobuf_columns", "protobuf_reader"]

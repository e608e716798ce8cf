"""Avro with a schema registry's id before it."""

from headrace.kafka.codec.avro.dialect import AvroDialect
from headrace.kafka.codec.avro.reader import avro_reader
from headrace.kafka.codec.avro.types import avro_columns

__all__ = ["AvroDialect", "avro_columns", "avro_reader"]

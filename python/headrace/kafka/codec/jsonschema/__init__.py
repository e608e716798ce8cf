"""JSON with a schema registry's id before it."""

from headrace.kafka.codec.jsonschema.decoder import json_schema_reader
from headrace.kafka.codec.jsonschema.dialect import JsonSchemaDialect
from headrace.kafka.codec.jsonschema.types import json_schema_columns

__all__ = ["JsonSchemaDialect", "json_schema_columns", "json_schema_reader"]

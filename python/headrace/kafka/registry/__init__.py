"""Schema registries that speak Confluent's protocol: schemas by their ids, and new versions of a topic's schema."""

from headrace.kafka.registry.client import IncompatibleSchemaError, Registry, UnknownSchemaError
from headrace.kafka.registry.configuration import REGISTRY_VARIABLE, registry_of
from headrace.kafka.registry.schema import Registered, Schema, SchemaKind

__all__ = [
    "REGISTRY_VARIABLE",
    "IncompatibleSchemaError",
    "Registered",
    "Registry",
    "Schema",
    "SchemaKind",
    "UnknownSchemaError",
    "registry_of",
]

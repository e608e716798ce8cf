"""Column types from the schemas that a registry has for a topic's values.

The newest version of the subject ``TOPIC-value`` decides which columns there are. A column may be null where the newest
version or one of the twenty before it allows it or lacks the field: records of these may still be in the topic. Where
the subject does not exist (producers may name theirs otherwise), the schemas that the topic's records name decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from headrace.errors import DecodeError, RefusedError
from headrace.kafka.codec.framing import is_framed, schema_id
from headrace.kafka.codec.languages import KINDS, columns_of

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry, Schema
    from headrace.spec import ColumnType, Format

_MOST_VERSIONS = 21
_BARE: dict[ColumnType, ColumnType] = {"Int64": "int64", "boolean": "bool"}
_NULLABLE: dict[ColumnType, ColumnType] = {"int64": "Int64", "bool": "boolean"}
_NUMBERS = {"int64", "float64"}

Columns = dict[str, tuple["ColumnType", bool]]


def registered_types(
    registry: Registry,
    topic: str,
    format: Format,  # noqa: A002  the option's name
    read_values: Callable[[], Sequence[bytes | None]],
) -> tuple[dict[str, ColumnType], tuple[str, ...]]:
    """Return the columns' types, and which of them are never null.

    Args:
        registry: where the schemas are.
        topic: the topic; its subject is ``TOPIC-value``.
        format: ``avro``, ``protobuf`` or ``jsonschema``.
        read_values: gives values of the topic, asked when there is no such subject.

    Raises:
        ClusterError: the registry, or the cluster, does not answer.
        RefusedError: the schemas are of another language.
        DecodeError: a schema cannot be read.
    """
    versions = registry.versions(f"{topic}-value", most=_MOST_VERSIONS)
    schemas = [version.schema for version in versions] or _named_by(read_values(), registry)
    if not schemas:
        return {}, ()
    kind = KINDS[format]
    if schemas[-1].kind != kind:
        message = f"The schema of `{topic}-value` is of the kind {schemas[-1].kind}, the stream reads {kind}."
        fitting = next((name for name, known in KINDS.items() if known == schemas[-1].kind), "json")
        raise RefusedError(message, hint=f"Write --format {fitting}.")
    *older, newest = (columns_of(schema) for schema in schemas if schema.kind == kind)
    joined = {name: _joined(name, newest[name], older) for name in newest}
    columns = {name: _NULLABLE.get(bare, bare) if nullable else bare for name, (bare, nullable) in joined.items()}
    return columns, tuple(name for name, (_, nullable) in joined.items() if not nullable)


def _joined(name: str, column: tuple[ColumnType, bool], older: Sequence[Columns]) -> tuple[ColumnType, bool]:
    declared, nullable = _BARE.get(column[0], column[0]), column[1]
    for columns in older:
        other, may_be_null = columns.get(name, (declared, True))
        nullable = nullable or may_be_null
        if {declared, _BARE.get(other, other)} == _NUMBERS:
            declared = "float64"
    return declared, nullable


def _named_by(values: Sequence[bytes | None], registry: Registry) -> list[Schema]:
    """Return the schemas that values name, those with the lowest ids, which are older, first."""
    numbers = sorted({schema_id(value) for value in values if value is not None and is_framed(value)})
    schemas: list[Schema] = []
    for number in numbers[-_MOST_VERSIONS:]:
        try:
            schemas.append(registry.schema(number))
        except DecodeError:  # an id that nobody has: its records are dead letters, its types nobody's
            continue
    return schemas

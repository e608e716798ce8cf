"""Decoding by the schema that each record names, whichever version of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import together
from headrace.kafka.codec.framing import PREFIX, schema_id
from headrace.kafka.codec.tombstone import TombstoneError
from headrace.kafka.records import Records
from headrace.kafka.registry import Registry, Schema, SchemaKind
from headrace.spec import ColumnType


class WriterReader(Protocol):
    """Reads values that were written with one schema."""

    def read(self, payloads: Sequence[bytes]) -> Decoded:
        """Return n values as rows of the pinned types; positions count within the n."""


ReaderOf = Callable[[Schema, Mapping[str, ColumnType]], WriterReader]
"""Makes the reader of a writer's schema; raises `DecodeError` for a schema that cannot be used."""


class RegisteredDecoder:
    """Decodes records that name the schema they were written with.

    A schema that was not met before is fetched once and kept; a service goes on when producers change theirs. Fields
    that the pinned types do not know are dropped and counted, fields that a record's schema lacks are null.

    Args:
        types: the pinned type of each column, in the order of the frame's columns.
        registry: where the schemas are.
        kind: the schemas' language.
        reader_of: makes the reader of one schema.
    """

    def __init__(
        self, types: Mapping[str, ColumnType], *, registry: Registry, kind: SchemaKind, reader_of: ReaderOf
    ) -> None:
        self._types = dict(types)
        self._registry = registry
        self._kind = kind
        self._reader_of = reader_of
        self._readers: dict[int, WriterReader | DecodeError] = {}

    def decode(self, records: Records) -> Decoded:
        """Decode n records.

        Raises:
            ClusterError: a schema is needed and the registry does not answer; no record is at fault.
        """
        values = list(records.values)
        groups, errors = _by_schema(values)
        parts: list[tuple[list[int], Decoded]] = []
        for number, rows in groups.items():
            try:
                reader = self._reader(number)
            except DecodeError as error:
                errors |= dict.fromkeys(rows, error)
                continue
            parts.append((rows, reader.read([values[row][PREFIX:] for row in rows])))  # type: ignore[index]  # no None
        return together(parts, errors, self._types)

    def _reader(self, number: int) -> WriterReader:
        found = self._readers.get(number)
        if found is None:
            schema = self._registry.schema(number)
            try:
                found = self._new_reader(number, schema)
            except DecodeError as error:
                found = error
            self._readers[number] = found
        if isinstance(found, DecodeError):
            raise found
        return found

    def _new_reader(self, number: int, schema: Schema) -> WriterReader:
        if schema.kind != self._kind:
            message = f"Schema {number} is of the kind {schema.kind}, the stream reads {self._kind}."
            raise DecodeError(message, hint="Correct the producer, or the stream's --format.")
        return self._reader_of(schema, self._types)


def _by_schema(values: Sequence[bytes | None]) -> tuple[dict[int, list[int]], dict[int, RecordError]]:
    groups: dict[bytes, list[int]] = {}
    errors: dict[int, RecordError] = {}
    for row, value in enumerate(values):
        if value is None:
            errors[row] = TombstoneError()
        else:
            groups.setdefault(value[:PREFIX], []).append(row)
    numbered: dict[int, list[int]] = {}
    for begin, rows in groups.items():
        try:
            numbered[schema_id(begin)] = rows
        except DecodeError as error:
            errors |= dict.fromkeys(rows, error)
    return numbered, errors

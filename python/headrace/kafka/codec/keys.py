"""Record keys as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from headrace.errors import DecodeError
from headrace.kafka.codec.framing import PREFIX, is_framed, schema_id
from headrace.kafka.codec.json.by_row import encode_rows, objects_of
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.languages import KINDS, columns_of, reader_of
from headrace.spec import Format

if TYPE_CHECKING:
    from headrace.kafka.codec.registered import WriterReader
    from headrace.kafka.registry import Registry, Schema

_VALUE = "value"


class KeyDecoder:
    """Decodes record keys to text.

    Keys are text in UTF-8 (other bytes are replaced). With a format of a schema registry, a key that begins with a zero
    byte and a schema's id is read by that schema, whatever its language: text stays itself, another plain value is
    written as JSON writes it, a record becomes a JSON object. A key that cannot be read so is text like the others.

    Args:
        format: the stream's format.
        registry: where the schemas are; used with the formats of a registry alone.
    """

    def __init__(self, format: Format, *, registry: Registry | None = None) -> None:  # noqa: A002  the option's name
        self._registry = registry if format in KINDS else None
        self._readers: dict[int, tuple[Schema, WriterReader]] = {}

    def decode(self, keys: Sequence[bytes | None]) -> list[str | None]:
        """Return n keys as text, ``None`` for records without one.

        Raises:
            ClusterError: a schema is needed and the registry does not answer.
        """
        registry = self._registry
        if registry is None:
            return [None if key is None else key.decode("utf-8", "replace") for key in keys]
        known = {key: self._text(key, registry) for key in set(keys) if key is not None}
        return [None if key is None else known[key] for key in keys]

    def _text(self, key: bytes, registry: Registry) -> str:
        if is_framed(key):
            try:
                schema, reader = self._reader(schema_id(key), registry)
                return _text_of(schema, reader, key[PREFIX:])
            except (DecodeError, ValueError):
                pass
        return key.decode("utf-8", "replace")

    def _reader(self, number: int, registry: Registry) -> tuple[Schema, WriterReader]:
        if number not in self._readers:
            schema = registry.schema(number)
            types = {name: declared for name, (declared, _) in columns_of(schema).items()}
            self._readers[number] = schema, reader_of(schema.kind)(schema, types)
        return self._readers[number]


def decode_keys(
    format: Format,  # noqa: A002  the option's name
    keys: Sequence[bytes | None],
    *,
    registry: Registry | None = None,
) -> list[str | None]:
    """Return n keys as text; see :class:`KeyDecoder`, which keeps the schemas between calls."""
    return KeyDecoder(format, registry=registry).decode(keys)


def _text_of(schema: Schema, reader: WriterReader, payload: bytes) -> str:
    if schema.kind == "JSON":
        value = orjson.loads(payload)
        return value if isinstance(value, str) else payload.decode("utf-8", "replace")
    decoded = reader.read([payload])
    if decoded.failures:
        raise DecodeError(str(decoded.failures[0].error))
    if schema.kind == "AVRO" and list(decoded.frame.columns) == [_VALUE] and not _is_record(schema):
        [value] = objects_of(decoded.frame[_VALUE])
        return value if isinstance(value, str) else dump(value).decode()
    return encode_rows(decoded.frame)[0].decode()


def _is_record(schema: Schema) -> bool:
    document = orjson.loads(schema.text)
    return isinstance(document, dict) and document.get("type") in {"record", "error"}

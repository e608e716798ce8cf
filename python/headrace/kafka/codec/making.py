"""From a format's name to its decoder and encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from headrace.errors import UsageError
from headrace.kafka.codec.json.decoder import JsonDecoder
from headrace.kafka.codec.json.encoder import JsonEncoder
from headrace.kafka.codec.languages import KINDS, dialect_of, reader_of
from headrace.kafka.codec.registered import RegisteredDecoder
from headrace.kafka.codec.sink import RegisteredEncoder
from headrace.kafka.codec.text import BytesDecoder, CsvDecoder, StringDecoder

if TYPE_CHECKING:
    from headrace.kafka.codec.protocols import Decoder, Encoder
    from headrace.kafka.registry import Registry
    from headrace.spec import ColumnType, Format


def make_decoder(
    format: Format,  # noqa: A002  the option's name
    types: Mapping[str, ColumnType],
    *,
    registry: Registry | None = None,
    topic: str = "",
) -> Decoder:
    """Return the decoder of a format.

    Args:
        format: the format's name.
        types: the pinned type of each column, in the order of the frame's columns; for ``csv`` that of the fields.
        registry: where the schemas are; needed by ``avro``, ``protobuf`` and ``jsonschema``.
        topic: the records' topic, for messages.

    Raises:
        UsageError: the format needs a registry, or types that are not given.
        ToolError: a package that the format needs is not installed.
    """
    if format == "json":
        return JsonDecoder(types)
    if format == "csv":
        if not types:
            message = f"The records of `{topic}` are CSV without a header, and no column is named."
            raise UsageError(message, hint="Name the columns in their order: --type a=int64 --type b=str ...")
        return CsvDecoder(types)
    if format == "string":
        return StringDecoder(types)
    if format == "bytes":
        return BytesDecoder(types)
    kind = KINDS[format]
    return RegisteredDecoder(types, registry=_needed(format, registry), kind=kind, reader_of=reader_of(kind))


def make_encoder(
    format: Format,  # noqa: A002  the option's name
    *,
    registry: Registry | None = None,
    topic: str | None = None,
) -> Encoder:
    """Return the encoder of a format: a registry's formats write their own, all others JSON.

    Args:
        format: the stream's format.
        registry: where the schemas are; needed by ``avro``, ``protobuf`` and ``jsonschema`` with a topic.
        topic: where the values go, whose schema is that of the subject ``TOPIC-value``. Without one nothing is to be
            produced (a preview, a check), so nothing is registered, and the values are JSON.

    Raises:
        UsageError: the format needs a registry.
        ToolError: a package that the format needs is not installed.
    """
    if format not in KINDS or topic is None:
        return JsonEncoder()
    return RegisteredEncoder(dialect_of(KINDS[format]), registry=_needed(format, registry), topic=topic)


def _needed(name: str, registry: Registry | None) -> Registry:
    if registry is None:
        message = f"The format {name} needs a schema registry, and the cluster names none."
        raise UsageError(message, hint="Write `schema.registry.url` into its settings, or set HEADRACE_REGISTRY.")
    return registry

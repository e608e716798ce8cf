"""The reference reader of Avro: fastavro reads the values, then the columns are fitted.

Many values are read by one call, as one array: between two of them stands a mark that no producer can know, so that a
value which ends too early or too late is noticed. Then each value is read on its own, and those at fault are told.
"""

from __future__ import annotations

import io
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import fastavro

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.avro.by_block import FEWEST, BlockReader
from headrace.kafka.codec.avro.schema import TIME_FACTORS, AvroSchema, parse
from headrace.kafka.codec.avro.zigzag import MARK_BYTES, zigzag
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import ColumnFitter, decoded_of, fit_columns, fit_microseconds
from headrace.kafka.registry import Schema
from headrace.spec import TIME_TYPE, ColumnType


class AvroReader:
    """Reads values that were written with one schema.

    Args:
        schema: the schema, parsed.
        types: the pinned types.
    """

    def __init__(self, schema: AvroSchema, types: Mapping[str, ColumnType]) -> None:
        self._schema = schema
        self._types = dict(types)
        self._one = fastavro.parse_schema(schema.plain, named_schemas=dict(schema.named))
        mark = {"type": "fixed", "name": "HeadraceMark", "size": MARK_BYTES}
        fields = [{"name": "value", "type": schema.plain}, {"name": "mark", "type": mark}]
        marked = {"type": "record", "name": "HeadraceMarked", "fields": fields}
        self._many = fastavro.parse_schema({"type": "array", "items": marked}, named_schemas=dict(schema.named))
        self._unknown = [field.name for field in schema.fields if field.name not in self._types]
        self._fitters = _fitters(schema, self._types)
        self._by_block = BlockReader(schema, self._types) if BlockReader.can_read(schema, self._types) else None

    def read(self, payloads: Sequence[bytes]) -> Decoded:
        """Return the rows of n values."""
        quickly = self._by_block.read(payloads) if self._by_block and len(payloads) >= FEWEST else None
        return self.read_closely(payloads) if quickly is None else quickly

    def read_closely(self, payloads: Sequence[bytes]) -> Decoded:
        """Return the rows of n values by fastavro alone."""
        errors: dict[int, RecordError] = {}
        documents = self._read_together(payloads)
        rows = list(range(len(payloads)))
        if documents is None:
            documents, rows, errors = self._read_each(payloads)
        given: dict[str, list[object]] = {}
        for field in self._schema.fields:
            if field.name in self._types:
                given[field.name] = (
                    [document[field.name] for document in documents] if self._schema.is_record else documents
                )
        fitted = fit_columns(given, rows, self._types, errors=errors, fitters=self._fitters)
        if fitted.rows:
            fitted.dropped = Counter(dict.fromkeys(self._unknown, len(fitted.rows)))
        return decoded_of(fitted, self._types)

    def _read_together(self, payloads: Sequence[bytes]) -> list[Any] | None:
        mark = secrets.token_bytes(MARK_BYTES)
        stream = io.BytesIO(b"".join((zigzag(len(payloads)), mark.join([*payloads, b""]), b"\0")))
        try:
            found: Any = fastavro.schemaless_reader(stream, self._many, None)
        except Exception:  # noqa: BLE001  what is wrong, and where, comes out value by value
            return None
        if len(found) != len(payloads) or any(item["mark"] != mark for item in found):
            return None
        return [item["value"] for item in found]

    def _read_each(self, payloads: Sequence[bytes]) -> tuple[list[Any], list[int], dict[int, RecordError]]:
        documents: list[Any] = []
        rows: list[int] = []
        errors: dict[int, RecordError] = {}
        for row, payload in enumerate(payloads):
            try:
                documents.append(self._read_one(payload))
            except DecodeError as error:
                errors[row] = error
            else:
                rows.append(row)
        return documents, rows, errors

    def _read_one(self, payload: bytes) -> object:
        stream = io.BytesIO(payload)
        try:
            document = fastavro.schemaless_reader(stream, self._one, None)
        except Exception as error:  # noqa: BLE001  fastavro raises whatever the bytes lead to
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise DecodeError(f"Not Avro of its schema ({what}).", hint="Correct the producer.") from None
        left = len(payload) - stream.tell()
        if left:
            message = f"Not Avro of its schema ({left} bytes are left over)."
            raise DecodeError(message, hint="Correct the producer.")
        return document


def avro_reader(schema: Schema, types: Mapping[str, ColumnType]) -> AvroReader:
    """Return the reader of values written with a schema.

    Raises:
        DecodeError: it is not a valid Avro schema.
    """
    return AvroReader(parse(schema), types)


def _fitters(schema: AvroSchema, types: Mapping[str, ColumnType]) -> dict[str, ColumnFitter]:
    fitters: dict[str, ColumnFitter] = {}
    for field in schema.fields:
        if field.type == "long" and field.logical in TIME_FACTORS and types.get(field.name) == TIME_TYPE:
            factor, divisor = TIME_FACTORS[field.logical]
            fitters[field.name] = partial(fit_microseconds, factor=factor, divisor=divisor)
    return fitters

"""The quick reader of Avro: flat records go to polars as the block of an Avro file, and come back as columns.

Why this is safe: polars looks less closely than the reference, so what it read is proved. Between two records stands a
mark that no producer can know, and all marks must come back. From the values the place of every field follows (no
value can be written shorter than in its shortest form), and these places must add up to each record's length, with the
right index of the union before each value that may be null. Records that are right by that count are what the reference
reads, value for value; where there is any doubt the run is left to :mod:`headrace.kafka.codec.avro.reader`.
"""

from __future__ import annotations

import io
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa

from headrace.kafka.codec.avro.schema import TIME_FACTORS, AvroSchema, Field
from headrace.kafka.codec.avro.zigzag import MARK_BYTES, varint_lengths, zigzag
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import frame_of
from headrace.kafka.codec.json.columns import ColumnArray, plain_array, text_array
from headrace.kafka.codec.json.times import all_in_range
from headrace.spec import NEVER_NULL_TYPES, TIME_TYPE, ColumnType

FEWEST = 100
"""Records below which the reference is as quick, measured."""

_AS_READ = {
    "int": "long",
    "long": "long",
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "string": "string",
}
_FIXED_SIZES = {"float": 4, "double": 8, "boolean": 1}
_FITS: dict[str, frozenset[ColumnType]] = {
    "long": frozenset({"int64", "Int64", "float64"}),
    "float": frozenset({"float64"}),
    "double": frozenset({"float64"}),
    "boolean": frozenset({"bool", "boolean"}),
    "string": frozenset({"str"}),
}
_EMPTY: dict[ColumnType, Any] = {"float64": np.nan, TIME_TYPE: np.iinfo(np.int64).min}

Booleans = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


class BlockReader:
    """Reads runs of records that were written with one schema; see :meth:`can_read`.

    Args:
        schema: the schema, parsed.
        types: the pinned types.
    """

    def __init__(self, schema: AvroSchema, types: Mapping[str, ColumnType]) -> None:
        self._fields = schema.fields
        self._types = dict(types)
        self._names = [f"f{place}" for place in range(len(schema.fields))]
        self._null_first = [_null_first(declared["type"]) for declared in schema.plain["fields"]]
        fields: list[dict[str, Any]] = []
        for name, field, first in zip(self._names, schema.fields, self._null_first, strict=True):
            plain = _AS_READ[field.type]
            union = ["null", plain] if first else [plain, "null"]
            fields.append({"name": name, "type": union if field.nullable else plain})
        fields.append({"name": "mark", "type": {"type": "fixed", "name": "Mark", "size": MARK_BYTES}})
        self._schema = orjson.dumps({"type": "record", "name": "Marked", "fields": fields})
        self._unknown = [field.name for field in schema.fields if field.name not in types]

    @staticmethod
    def can_read(schema: AvroSchema, types: Mapping[str, ColumnType]) -> bool:
        """Return whether all fields are plain, and their columns of types that take all their values."""
        known = {field.name: field for field in schema.fields}
        if not schema.is_record or not schema.fields or len(known) < len(schema.fields):
            return False
        if any(field.type not in _AS_READ or _is_other(field) for field in schema.fields):
            return False
        return all(_fits(known.get(name), declared) for name, declared in types.items())

    def read(self, payloads: Sequence[bytes]) -> Decoded | None:
        """Return the rows of n values, ``None`` when the reference is to read them."""
        mark = secrets.token_bytes(MARK_BYTES)
        body = mark.join([*payloads, b""])
        try:
            table = pl.read_avro(io.BytesIO(self._file(len(payloads), body, mark)))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError):
            return None
        if table.height != len(payloads) or not _has_marks(table, mark):
            return None
        if not self._is_proved(table, payloads, np.frombuffer(body, np.uint8)):
            return None
        arrays: dict[str, ColumnArray] = {}
        read = {field.name: (field, table[name]) for name, field in zip(self._names, self._fields, strict=True)}
        for name, declared in self._types.items():
            array = _array(*read[name], declared) if name in read else _nulls(table.height, declared)
            if array is None:
                return None
            arrays[name] = array
        frame = frame_of(arrays, self._types, table.height)
        dropped = Counter(dict.fromkeys(self._unknown, table.height))
        return Decoded(frame, np.arange(table.height, dtype=np.int64), [], dropped)

    def _file(self, count: int, body: bytes, mark: bytes) -> bytes:
        """Return an Avro file of one block (Avro 1.12, Object Container Files)."""
        metadata = zigzag(2)
        for name, value in ((b"avro.schema", self._schema), (b"avro.codec", b"null")):
            metadata += zigzag(len(name)) + name + zigzag(len(value)) + value
        return b"".join((b"Obj\x01", metadata, b"\0", mark, zigzag(count), zigzag(len(body)), body, mark))

    def _is_proved(self, table: pl.DataFrame, payloads: Sequence[bytes], body: npt.NDArray[np.uint8]) -> bool:
        lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
        ends = np.cumsum(lengths + MARK_BYTES) - MARK_BYTES
        places = ends - lengths
        right = True
        for name, field, null_first in zip(self._names, self._fields, self._null_first, strict=True):
            column = table[name]
            missing = column.is_null().to_numpy()
            if field.nullable:
                right = right and bool((_bytes_at(body, places) == np.where(missing == null_first, 0, 2)).all())
                places = places + 1
            if field.type == "boolean":
                read = column.fill_null(value=False).to_numpy()
                right = right and bool((missing | (_bytes_at(body, places) == read)).all())
            places = places + np.where(missing, 0, _sizes(column, field))
        return right and bool((places == ends).all())


def _has_marks(table: pl.DataFrame, mark: bytes) -> bool:
    return bool(table.select((pl.col("mark") == pl.lit(mark)).all()).item())


def _null_first(declared: object) -> bool:
    return isinstance(declared, list) and declared[0] == "null"


def _is_other(field: Field) -> bool:
    """Return whether a field's logical type makes other values of it than plain ones."""
    return bool(field.logical) and field.logical not in TIME_FACTORS and field.logical != "uuid"


def _fits(field: Field | None, declared: ColumnType) -> bool:
    if field is None:
        return declared not in NEVER_NULL_TYPES and declared != "object"
    if field.logical in TIME_FACTORS and declared == TIME_TYPE:
        return field.type == "long"
    return declared in _FITS[_AS_READ[field.type]]


def _bytes_at(body: npt.NDArray[np.uint8], places: Places) -> npt.NDArray[np.uint8]:
    return body[np.minimum(places, len(body) - 1)]


def _sizes(column: pl.Series, field: Field) -> Places | int:
    """Return how many bytes each value takes, in its shortest form."""
    if field.type in _FIXED_SIZES:
        return _FIXED_SIZES[field.type]
    if field.type == "string":
        sizes = column.str.len_bytes().fill_null(0).cast(pl.Int64).to_numpy()
        return sizes + varint_lengths(sizes)
    return varint_lengths(column.fill_null(0).to_numpy())


def _array(field: Field, column: pl.Series, declared: ColumnType) -> ColumnArray | None:
    """Return a column as an array of its dtype, ``None`` when a value does not fit."""
    if declared == "str":
        return text_array(column.to_arrow().cast(pa.large_string()))
    missing = column.is_null().to_numpy()
    if declared in NEVER_NULL_TYPES and missing.any():
        return None
    if declared == "float64":
        return plain_array(column.cast(pl.Float64).fill_null(np.nan).to_numpy(), missing, declared)
    values = column.fill_null(value=False if field.type == "boolean" else 0).to_numpy()
    if declared == TIME_TYPE:
        factor, divisor = TIME_FACTORS[field.logical]
        if np.abs(values // divisor).max(initial=0) > np.iinfo(np.int64).max // factor - 1:
            return None
        values = values * factor // divisor
        if not all_in_range(values):
            return None
        values = np.where(missing, _EMPTY[TIME_TYPE], values)
    return plain_array(values, missing, declared)


def _nulls(count: int, declared: ColumnType) -> ColumnArray:
    if declared == "str":
        return text_array(pa.nulls(count, pa.large_string()))
    empty = _EMPTY.get(declared, False if declared == "boolean" else 0)
    return plain_array(np.full(count, empty), np.ones(count, np.bool_), declared)

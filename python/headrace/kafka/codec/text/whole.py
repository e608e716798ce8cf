"""Records whose whole value is one text, or bytes that nobody looks into: one column, `value`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from headrace.errors import DecodeError, RecordError, UsageError
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import ColumnFitter, decoded_of, fit_columns
from headrace.kafka.codec.text.values import null_is_none, text_fitter
from headrace.kafka.codec.tombstone import TombstoneError
from headrace.kafka.records import Records
from headrace.spec import ColumnType

VALUE_COLUMN = "value"


class StringDecoder:
    """Decodes records whose values are text in UTF-8.

    Args:
        types: the pinned types; ``value`` is ``str``, or another type that the texts are read as.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        declared = self._types.get(VALUE_COLUMN, "str")
        self._is_text = declared in {"str", "object"}
        self._fitters = {} if self._is_text else {VALUE_COLUMN: text_fitter(declared)}

    def decode(self, records: Records) -> Decoded:
        """Decode n records."""
        rows, values, errors = _whole(records, _text)
        given = {VALUE_COLUMN: values if self._is_text else null_is_none(values)}
        return _decoded(given, rows, self._types, errors, self._fitters)


class BytesDecoder:
    """Decodes records whose values stay the bytes that they are.

    Args:
        types: the pinned types; ``value`` is ``object``.

    Raises:
        UsageError: ``value`` has another type.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        declared = self._types.get(VALUE_COLUMN, "object")
        if declared != "object":
            message = f"The column `{VALUE_COLUMN}` of the format bytes is declared {declared}."
            raise UsageError(message, hint="Bytes are of the type object; --format string reads them as text.")

    def decode(self, records: Records) -> Decoded:
        """Decode n records."""
        rows, values, errors = _whole(records, bytes)
        return _decoded({VALUE_COLUMN: values}, rows, self._types, errors, {})


def _whole(records: Records, read: Callable[[bytes], object]) -> tuple[list[int], list[object], dict[int, RecordError]]:
    rows: list[int] = []
    values: list[object] = []
    errors: dict[int, RecordError] = {}
    for row, value in enumerate(records.values):
        try:
            if value is None:
                raise TombstoneError
            values.append(read(value))
        except RecordError as error:
            errors[row] = error
        else:
            rows.append(row)
    return rows, values, errors


def _decoded(
    given: Mapping[str, list[object]],
    rows: list[int],
    types: Mapping[str, ColumnType],
    errors: Mapping[int, RecordError],
    fitters: Mapping[str, ColumnFitter],
) -> Decoded:
    fitted = fit_columns(given, rows, types, errors=errors, fitters=fitters)
    if VALUE_COLUMN not in types and fitted.rows:
        fitted.dropped = Counter({VALUE_COLUMN: len(fitted.rows)})
    return decoded_of(fitted, types)


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"Not text in UTF-8 ({error}).", hint="Use --format bytes, or correct the producer."
        ) from None

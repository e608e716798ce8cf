"""CSV: one line a record, no header; the pinned types name the columns, in their order."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import decoded_of, fit_columns
from headrace.kafka.codec.text.values import null_is_none, text_fitter
from headrace.kafka.codec.tombstone import TombstoneError
from headrace.kafka.records import Records
from headrace.spec import ColumnType

_SHOWN_CHARACTERS = 40


class CsvDecoder:
    """Decodes records whose values are one line of CSV: commas between, quotes around what needs them (RFC 4180).

    Args:
        types: the pinned type of each column, in the order of the fields.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        self._fitters = {name: text_fitter(declared) for name, declared in self._types.items()}

    def decode(self, records: Records) -> Decoded:
        """Decode n records; fields beyond the last column are dropped, missing ones null."""
        rows: list[int] = []
        lines: list[list[str]] = []
        errors: dict[int, RecordError] = {}
        dropped: Counter[str] = Counter()
        for row, value in enumerate(records.values):
            try:
                lines.append(_fields(value))
            except RecordError as error:
                errors[row] = error
            else:
                rows.append(row)
        given: dict[str, list[object]] = {}
        for place, name in enumerate(self._types):
            given[name] = null_is_none([line[place] if place < len(line) else None for line in lines])
        fitted = fit_columns(given, rows, self._types, errors=errors, fitters=self._fitters)
        kept = set(fitted.rows)
        for row, line in zip(rows, lines, strict=True):
            if len(line) > len(self._types) and row in kept:
                dropped.update(f"field {place + 1}" for place in range(len(self._types), len(line)))
        fitted.dropped = dropped
        return decoded_of(fitted, self._types)


def _fields(value: bytes | None) -> list[str]:
    if value is None:
        raise TombstoneError
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(f"Not text in UTF-8 ({error}).", hint="Correct the producer.") from None
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise DecodeError(f"Not CSV ({error}): {text[:_SHOWN_CHARACTERS]!r}.", hint="Correct the producer.") from None
    if len(lines) > 1:
        raise DecodeError(f"{len(lines)} lines of CSV in one record.", hint="Write one line a record, without header.")
    return lines[0] if lines else []

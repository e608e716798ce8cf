"""The reference decoder: every record parsed on its own, then the columns checked and built.

What this module makes of a record is what the record means. The quicker paths give the same or leave it to this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.json.columns import ColumnArray, fit_column, to_array
from headrace.kafka.codec.json.values import mismatch
from headrace.spec import ColumnType

_SHOWN_BYTES = 40


@dataclass(frozen=True, slots=True)
class Fitted:
    """Columns of the records that fit; all of one length m.

    Attributes:
        columns: for each pinned column m fitted values, ``None`` where null.
        rows: the place of each of the m records in the run, ascending.
        errors: the records that do not fit, by their place.
        dropped: unknown fields, with how many of the fitting records had them.
    """

    columns: dict[str, list[object]]
    rows: list[int]
    errors: dict[int, RecordError]
    dropped: Counter[str]

    def arrays(self, types: Mapping[str, ColumnType]) -> dict[str, ColumnArray]:
        """Return the columns as arrays of their dtypes."""
        return {name: to_array(self.columns[name], declared) for name, declared in types.items()}


def fit_records(values: Sequence[bytes | None], types: Mapping[str, ColumnType]) -> Fitted:
    """Parse n records and fit them to the pinned types."""
    documents: list[dict[str, object]] = []
    rows: list[int] = []
    errors: dict[int, RecordError] = {}
    for row, value in enumerate(values):
        try:
            documents.append(parse_object(value))
            rows.append(row)
        except DecodeError as error:
            errors[row] = error
    columns: dict[str, list[object]] = {}
    wrong: dict[int, RecordError] = {}
    for name, declared in types.items():
        given = [document.get(name) for document in documents]
        columns[name], unfit = fit_column(given, declared)
        for place in unfit:
            wrong.setdefault(place, mismatch(name, given[place], declared))
    if wrong:
        kept = [place for place in range(len(rows)) if place not in wrong]
        errors |= {rows[place]: error for place, error in wrong.items()}
        columns = {name: [column[place] for place in kept] for name, column in columns.items()}
        documents = [documents[place] for place in kept]
        rows = [rows[place] for place in kept]
    return Fitted(columns, rows, errors, _unknown_fields(documents, types))


def parse_object(value: bytes | None) -> dict[str, object]:
    """Return the JSON object that a record's value is.

    Raises:
        DecodeError: there is no value, it is not JSON, or it is JSON of another kind.
    """
    if value is None:
        raise DecodeError("The record has no value (a tombstone).", hint="This format takes JSON objects only.")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        shown = value[:_SHOWN_BYTES].decode("utf-8", "replace") + ("…" if len(value) > _SHOWN_BYTES else "")
        hint = "NaN and Infinity are not JSON: write null." if b"NaN" in value or b"Infinity" in value else ""
        raise DecodeError(f"Not JSON ({error}): {shown!r}.", hint=hint or "Correct the producer.") from None
    if not isinstance(document, dict):
        kind = "null" if document is None else f"a JSON {type(document).__name__}"
        raise DecodeError(f"The value is {kind}, not a JSON object.", hint="Write one object a record.")
    return document


def _unknown_fields(documents: Sequence[Mapping[str, object]], types: Mapping[str, ColumnType]) -> Counter[str]:
    dropped: Counter[str] = Counter()
    known = types.keys()
    for document in documents:
        if not document.keys() <= known:
            dropped.update(document.keys() - known)
    return dropped

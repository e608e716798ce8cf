"""The reference decoder: every record parsed on its own, then the columns checked and built.

What this module makes of a record is what the record means. The quicker paths give the same or leave it to this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson

from headrace.errors import DecodeError, RecordError
from headrace.kafka.codec.fitted import Fitted, fit_columns
from headrace.kafka.codec.tombstone import TombstoneError
from headrace.spec import ColumnType

_SHOWN_BYTES = 40


def fit_records(values: Sequence[bytes | None], types: Mapping[str, ColumnType]) -> Fitted:
    """Parse n records and fit them to the pinned types; an array of objects gives a row for each."""
    documents: list[dict[str, object]] = []
    rows: list[int] = []
    errors: dict[int, RecordError] = {}
    for row, value in enumerate(values):
        try:
            found = parse_objects(value)
        except DecodeError as error:
            errors[row] = error
            continue
        documents += found
        rows += [row] * len(found)
    given = {name: [document.get(name) for document in documents] for name in types}
    fitted = fit_columns(given, rows, types, errors=errors)
    if len(fitted.rows) < len(rows):
        kept = set(fitted.rows)
        documents = [document for row, document in zip(rows, documents, strict=True) if row in kept]
    fitted.dropped = _unknown_fields(documents, types)
    return fitted


def parse_objects(value: bytes | None) -> list[dict[str, object]]:
    """Return the JSON object that a record's value is, or the objects of the array that it is, in their order.

    Raises:
        DecodeError: there is no value, it is not JSON, or it is JSON of another kind.
    """
    if value is None:
        raise TombstoneError
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        shown = value[:_SHOWN_BYTES].decode("utf-8", "replace") + ("…" if len(value) > _SHOWN_BYTES else "")
        hint = "NaN and Infinity are not JSON: write null." if b"NaN" in value or b"Infinity" in value else ""
        raise DecodeError(f"Not JSON ({error}): {shown!r}.", hint=hint or "Correct the producer.") from None
    if isinstance(document, dict):
        return [document]
    if isinstance(document, list):
        for place, item in enumerate(document):
            if not isinstance(item, dict):
                message = f"Item {place} of the array is {_kind(item)}, not a JSON object."
                raise DecodeError(message, hint="Write one object a record, or an array of objects.")
        return document
    message = f"The value is {_kind(document)}, not a JSON object."
    raise DecodeError(message, hint="Write one object a record, or an array of objects.")


def _kind(value: object) -> str:
    return "null" if value is None else f"a JSON {type(value).__name__}"


def _unknown_fields(documents: Sequence[Mapping[str, object]], types: Mapping[str, ColumnType]) -> Counter[str]:
    dropped: Counter[str] = Counter()
    known = types.keys()
    for document in documents:
        if not document.keys() <= known:
            dropped.update(document.keys() - known)
    return dropped

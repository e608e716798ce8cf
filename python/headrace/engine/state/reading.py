"""What is kept of a state, held against the columns that the stream pins for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson
import pandas as pd

from headrace.engine.state.rows import decode_rows, knows_null
from headrace.errors import RefusedError

_HINT = "Deploy the commit that wrote these rows, or rename the state: it then begins empty."
_KINDS: tuple[tuple[str, frozenset[type]], ...] = (
    (r"u?int\d", frozenset({int})),
    (r"float\d", frozenset({int, float})),
    (r"bool", frozenset({bool})),
    (r"str", frozenset({str})),
    (r"datetime64", frozenset({str})),
    (r"timedelta64", frozenset({int})),
)
"""What JSON has for a value of a dtype; any for those that are not named."""
_WORDS: dict[type, str] = {
    int: "a whole number",
    float: "a number with a fraction",
    bool: "true or false",
    str: "text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def pinned_rows(rows: Sequence[bytes], index: pd.Index, pinned: Mapping[str, str], name: str) -> pd.DataFrame:
    """Return kept rows of a state as a frame with the pinned columns.

    A row of before a column was added has null there.

    Args:
        rows: n JSON objects.
        index: of n keys.
        pinned: dtype of each column.
        name: the state's.

    Raises:
        RefusedError: a row has other columns, or values of another type: they are of another commit.
    """
    found = [orjson.loads(row) for row in rows]
    for place, row in enumerate(found):
        if not row.keys() <= pinned.keys():
            column = next(column for column in row if column not in pinned)
            raise _other(name, index[place], f"{_words(row[column])} in a column `{column}`", _listed(pinned))
    for column, dtype in pinned.items():
        allowed = _allowed(dtype)
        if allowed is None:
            continue
        for place, row in enumerate(found):
            value = row.get(column)
            if type(value) not in allowed:
                what = _words(value) if column in row else "nothing"
                raise _other(name, index[place], f"{what} in its column `{column}`", dtype)
    try:
        return decode_rows(rows, index, pinned)
    except (ValueError, TypeError, OverflowError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        message = f"The rows of the state `{name}` cannot be read with the pinned columns ({_listed(pinned)}): {why}."
        raise RefusedError(message, hint=_HINT) from error


def _allowed(dtype: str) -> frozenset[type] | None:
    for pattern, kinds in _KINDS:
        if re.match(pattern, dtype, re.IGNORECASE):
            return kinds | {type(None)} if knows_null(dtype) else kinds
    return None


def _other(name: str, key: object, found: str, pinned: str) -> RefusedError:
    message = f"The state `{name}` keeps {found} for the key `{key}`, and stream.yaml pins {pinned}."
    return RefusedError(message, hint=_HINT)


def _words(value: object) -> str:
    return _WORDS[type(value)]


def _listed(pinned: Mapping[str, str]) -> str:
    return ", ".join(f"{column}: {dtype}" for column, dtype in pinned.items()) or "no columns"

"""The types a column can have; pinned once, so that no batch changes them."""

from __future__ import annotations

from typing import Literal, get_args

from headrace.errors import UsageError

ColumnType = Literal["int64", "float64", "bool", "boolean", "Int64", "str", "object", "datetime64[us, UTC]"]
"""pandas dtype names. ``Int64`` and ``boolean`` hold nulls, ``int64`` and ``bool`` do not."""

META_COLUMNS = ("_key", "_partition", "_offset", "_timestamp", "_headers")
"""What ``--meta`` adds to the records' own columns."""

COLUMN_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)
NEVER_NULL_TYPES: frozenset[ColumnType] = frozenset({"int64", "bool"})
TIME_TYPE: ColumnType = "datetime64[us, UTC]"

_OTHER_SPELLINGS: dict[str, ColumnType] = {
    "int": "int64",
    "float": "float64",
    "string": "str",
    "datetime": TIME_TYPE,
    "datetime64[ns, UTC]": TIME_TYPE,
}


def parse_column_type(text: str) -> ColumnType:
    """Return the column type that ``text`` names.

    Raises:
        UsageError: the text names none of :data:`COLUMN_TYPES` nor another spelling of one.
    """
    for known in COLUMN_TYPES:
        if text == known:
            return known
    if text in _OTHER_SPELLINGS:
        return _OTHER_SPELLINGS[text]
    message = f"`{text}` is not a column type."
    raise UsageError(message, hint=f"Use one of {', '.join(COLUMN_TYPES)}.")

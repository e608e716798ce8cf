"""The rules by which one JSON value fits a column's pinned type; every other path must agree with these.

========================  =====================================================================================
type                      fits
========================  =====================================================================================
``int64``, ``Int64``      integers within 64 bits, and numbers without a fraction (``1.0``) within them
``float64``               numbers; an integer becomes the nearest float
``bool``, ``boolean``     ``true`` and ``false``
``str``                   text
``datetime64[us, UTC]``   ISO 8601 text and milliseconds since the epoch, see :mod:`headrace.kafka.codec.json.times`
``object``                anything, as the Python object that it is
========================  =====================================================================================

``null`` and a missing field are the same, and fit every type but ``int64`` and ``bool``.
"""

from __future__ import annotations

from collections.abc import Callable

from headrace.errors import TypeMismatchError
from headrace.kafka.codec.json.times import in_range, parse_text
from headrace.spec import ColumnType

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_SHOWN_CHARACTERS = 40
_KINDS = {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}


def fit_integer(value: object) -> int | None:
    """Return the integer that ``value`` is, ``None`` when it is none within 64 bits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _INT64_MIN <= value <= _INT64_MAX:
        return value
    return None


def fit_float(value: object) -> float | None:
    """Return the float that ``value`` is, ``None`` when it is not a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def fit_boolean(value: object) -> bool | None:
    """Return ``value`` when it is a boolean, else ``None``."""
    return value if isinstance(value, bool) else None


def fit_text(value: object) -> str | None:
    """Return ``value`` when it is text, else ``None``."""
    return value if isinstance(value, str) else None


def fit_time(value: object) -> int | None:
    """Return the microseconds since the epoch that ``value`` means, ``None`` when it is not a time."""
    if isinstance(value, str):
        return parse_text(value)
    milliseconds = fit_integer(value)
    if milliseconds is None or not in_range(milliseconds * 1000):
        return None
    return milliseconds * 1000


FITTERS: dict[ColumnType, Callable[[object], object]] = {
    "int64": fit_integer,
    "Int64": fit_integer,
    "float64": fit_float,
    "bool": fit_boolean,
    "boolean": fit_boolean,
    "str": fit_text,
    "datetime64[us, UTC]": fit_time,
}
"""For each type but ``object`` the function that gives the fitting value, or ``None`` where there is none."""


def mismatch(column: str, value: object, declared: ColumnType) -> TypeMismatchError:
    """Return the error that says that ``value`` does not fit its column."""
    if value is None:
        nullable = {"int64": "Int64 or float64", "bool": "boolean"}[declared]
        return TypeMismatchError(
            f"`{column}`: null, declared {declared}.", hint=f"Declare the column {nullable} to let nulls in."
        )
    shown = repr(value)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}…"
    return TypeMismatchError(
        f"`{column}`: {shown} ({_KINDS.get(type(value), type(value).__name__)}), declared {declared}.",
        hint=f"Correct the producer, or give another type: --type {column}=object takes any value.",
    )

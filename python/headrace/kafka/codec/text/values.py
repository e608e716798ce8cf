"""What a text means in a column of a pinned type.

========================  ==========================================================================
type                      text
========================  ==========================================================================
``int64``, ``Int64``      digits with a sign or without, within 64 bits
``float64``               a number as Python writes it, also ``nan`` (which is null) and ``inf``
``bool``, ``boolean``     ``true`` or ``false``, in small or capital letters
``str``, ``object``       any
``datetime64[us, UTC]``   ISO 8601, or digits: milliseconds since the epoch
========================  ==========================================================================

The empty text is null. Spaces around a number, a boolean or a time do not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from headrace.kafka.codec.fitted import ColumnFitter
from headrace.kafka.codec.json.values import fit_integer, fit_time
from headrace.spec import NEVER_NULL_TYPES, ColumnType

_DIGITS = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf|nan", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}


def _integer(text: str) -> int | None:
    return fit_integer(int(text)) if _DIGITS.fullmatch(text) else None


def _float(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _boolean(text: str) -> bool | None:
    return _BOOLEANS.get(text.lower())


def _time(text: str) -> int | None:
    return fit_time(int(text) if _DIGITS.fullmatch(text) else text)


_PARSERS: dict[ColumnType, Callable[[str], object]] = {
    "int64": _integer,
    "Int64": _integer,
    "float64": _float,
    "bool": _boolean,
    "boolean": _boolean,
    "datetime64[us, UTC]": _time,
}


def fit_texts(values: list[object], *, declared: ColumnType) -> tuple[list[object], list[int]]:
    """Fit n texts (``None`` or empty where null) to a type; see :data:`~headrace.kafka.codec.fitted.ColumnFitter`."""
    parser = _PARSERS.get(declared)
    if parser is None:
        return [value or None for value in values], []
    stripped = [str(value or "").strip() for value in values]
    fitted = [parser(text) if text else None for text in stripped]
    may_be_null = declared not in NEVER_NULL_TYPES
    unfit = [
        place for place, value in enumerate(fitted) if value is None and not (may_be_null and stripped[place] == "")
    ]
    return fitted, unfit


def text_fitter(declared: ColumnType) -> ColumnFitter:
    """Return :func:`fit_texts` for one type."""
    return partial(fit_texts, declared=declared)


def null_is_none(values: list[object]) -> list[object]:
    """Return n texts with the empty ones as ``None``, so that a message says null of them."""
    return [None if value is None or not str(value).strip() else value for value in values]

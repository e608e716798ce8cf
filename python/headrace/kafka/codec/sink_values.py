"""The values of an output column as a schema's field takes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import orjson
import pandas as pd

from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.json.values import fit_boolean, fit_float, fit_integer, fit_time
from headrace.kafka.codec.sink import Kind

Wrong = dict[int, str]
"""Rows whose value does not fit, with what is to be said of it."""

_SHOWN_CHARACTERS = 40


def values_as(column: pd.Series, wanted: Kind) -> tuple[list[object], Wrong]:
    """Return n values as a kind: integers, floats, booleans, texts, microseconds, or what they are; null is ``None``.

    In a field of text, text is itself and anything else what JSON makes of it.
    """
    values = plain_values(column)
    if wanted == "any" or _is_right(column.dtype, wanted):
        return values, {}
    convert = _CONVERTERS[wanted]
    found: list[object] = []
    wrong: Wrong = {}
    for row, value in enumerate(values):
        fitted = None if value is None else convert(value)
        if fitted is None and value is not None:
            shown = repr(value)
            shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
            wrong[row] = f"`{column.name}`: {shown} ({type(value).__name__}), the schema has {wanted}"
        found.append(fitted)
    return found, wrong


def plain_values(column: pd.Series) -> list[object]:
    """Return n values as Python's own, nulls as ``None``, times as microseconds since the epoch."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = [*plain_values(pd.Series(dtype.categories)), None]  # code -1, the nulls, is the last
        return [values[code] for code in column.cat.codes.tolist()]
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _microseconds(column)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        return column.to_numpy().tolist()
    if isinstance(dtype, np.dtype) and dtype.kind == "f":
        return [None if value != value else value for value in column.to_numpy().tolist()]  # noqa: PLR0124  NaN
    missing = column.isna().to_numpy()
    return [None if null else value for null, value in zip(missing, column.astype(object), strict=True)]


def refuse(wrong: Wrong) -> None:
    """Raise for rows that do not fit.

    Raises:
        EncodeError: there are some.
    """
    if wrong:
        rows = sorted(wrong)
        others = f" and {len(rows) - 1} more rows" if len(rows) > 1 else ""
        hint = "Convert the values, or give the column one type for all rows."
        raise EncodeError(f"{wrong[rows[0]]}{others}.", rows=rows, hint=hint)


def _is_right(dtype: object, wanted: Kind) -> bool:
    return (
        (wanted == "integer" and isinstance(dtype, np.dtype) and dtype.kind in "iu")
        or (wanted == "number" and isinstance(dtype, np.dtype) and dtype.kind == "f")
        or (wanted == "boolean" and isinstance(dtype, np.dtype) and dtype.kind == "b")
        or (wanted == "time" and pd.api.types.is_datetime64_any_dtype(dtype))  # type: ignore[arg-type]
        or (wanted == "text" and isinstance(dtype, pd.StringDtype))
    )


def _microseconds(column: pd.Series) -> list[object]:
    times = pd.DatetimeIndex(column)
    numbers = times.as_unit("us").asi8.tolist()
    return [None if null else number for null, number in zip(times.isna(), numbers, strict=True)]


def _integer(value: object) -> object:
    return fit_integer(value.item() if isinstance(value, np.generic) else value)


def _number(value: object) -> object:
    return fit_float(value.item() if isinstance(value, np.generic) else value)


def _boolean(value: object) -> object:
    return fit_boolean(value.item() if isinstance(value, np.generic) else value)


def _text(value: object) -> object:
    if isinstance(value, str):
        return value
    try:
        written = dump(value)
    except TypeError:
        return None
    return orjson.loads(written) if written[:1] == b'"' else written.decode()


def _time(value: object) -> object:
    if isinstance(value, dt.datetime):
        moment = pd.Timestamp(value)
        aware = moment.tz_localize("UTC") if moment.tzinfo is None else moment
        return int(aware.as_unit("us").asm8.astype(np.int64))
    return fit_time(value)


_CONVERTERS: dict[Kind, Callable[[object], object]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "time": _time,
}

"""Columns of pinned dtypes from parsed JSON values, checked a whole column at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from headrace.kafka.codec.json.times import parse_texts
from headrace.kafka.codec.json.values import FITTERS
from headrace.spec import NEVER_NULL_TYPES, ColumnType

ColumnArray = npt.NDArray[Any] | pd.api.extensions.ExtensionArray

_NAT = np.iinfo(np.int64).min
_NUMPY_TYPES: dict[ColumnType, type[np.generic]] = {
    "int64": np.int64,
    "Int64": np.int64,
    "float64": np.float64,
    "bool": np.bool_,
    "boolean": np.bool_,
    "datetime64[us, UTC]": np.int64,
}
_NOTHING = type(None)
_AS_THEY_ARE: dict[ColumnType, frozenset[type]] = {
    "int64": frozenset({int}),
    "Int64": frozenset({int, _NOTHING}),
    "float64": frozenset({float, int, _NOTHING}),
    "bool": frozenset({bool}),
    "boolean": frozenset({bool, _NOTHING}),
    "str": frozenset({str, _NOTHING}),
}
_TEXT = pd.StringDtype(na_value=np.nan)
_EMPTY: dict[ColumnType, object] = {"float64": np.nan, "datetime64[us, UTC]": _NAT}


def fit_column(values: list[object], declared: ColumnType) -> tuple[list[object], list[int]]:
    """Return n values made to fit a type (``None`` where null or unfit), and the rows that do not fit.

    A column whose values are all of a kind that the type's dtype takes is returned as it is.
    """
    if declared == "object":
        return values, []
    kinds = set(map(type, values))
    if declared == "datetime64[us, UTC]":
        times = _times_of_texts(values) if kinds == {str} else None
        if times is not None:
            return times, []
    elif kinds <= _AS_THEY_ARE[declared] and (int not in kinds or declared == "float64" or _within_64_bits(values)):
        return values, []
    fitter = FITTERS[declared]
    fitted = [None if value is None else fitter(value) for value in values]
    if declared in NEVER_NULL_TYPES:
        return fitted, [row for row, value in enumerate(fitted) if value is None]
    return fitted, [row for row, value in enumerate(fitted) if value is None and values[row] is not None]


def to_array(fitted: list[object], declared: ColumnType) -> ColumnArray:
    """Return n fitted values (``None`` for null) as an array of the type's dtype."""
    if declared == "object":
        return np.fromiter(fitted, object, len(fitted))
    if declared == "str":
        return text_array(pa.array(fitted, pa.large_string()))
    missing = np.zeros(len(fitted), np.bool_)
    if None in fitted:
        missing = np.fromiter((value is None for value in fitted), np.bool_, len(fitted))
        empty = _EMPTY.get(declared, 0)
        fitted = [empty if value is None else value for value in fitted]
    return plain_array(np.array(fitted, dtype=_NUMPY_TYPES[declared]), missing, declared)


def plain_array(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_], declared: ColumnType) -> ColumnArray:
    """Return n values as an array of a dtype that rests on one of numpy.

    Args:
        values: n values; times as int64 microseconds; where ``missing``, NaN for floats and NaT's number for times.
        missing: bool[n], used by the types ``Int64`` and ``boolean``.
        declared: any type but ``str`` and ``object``.
    """
    if declared == "Int64":
        return pd.arrays.IntegerArray(values, missing)
    if declared == "boolean":
        return pd.arrays.BooleanArray(values, missing)
    if declared == "datetime64[us, UTC]":
        return pd.DatetimeIndex(values.view("M8[us]"), tz="UTC").array
    return values


def text_array(texts: pa.Array) -> ColumnArray:
    """Return large_string[n] as an array of dtype ``str``, without a copy of the text."""
    array: ColumnArray = _TEXT.__from_arrow__(texts)  # type: ignore[attr-defined]  # the stubs leave it out
    return array


def _times_of_texts(texts: list[object]) -> list[object] | None:
    times = parse_texts(pa.array(texts, pa.large_string()))
    return None if times is None else times.tolist()


def _within_64_bits(values: list[object]) -> bool:
    try:
        np.array([value for value in values if value is not None], np.int64)
    except OverflowError:
        return False
    return True

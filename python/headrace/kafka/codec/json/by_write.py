"""The quick encoder, natively: the columns' memory goes to the compiled library, which writes the rows into one piece.

It gives what :mod:`headrace.kafka.codec.json.by_row` gives, value for value, or refuses.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import polars as pl
import pyarrow as pa

from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.codec.json.by_row import objects_of
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.json.times import time_texts
from headrace.kafka.native.growing import Growing
from headrace.kafka.native.library import Functions

_BOOLEANS = pa.array(["false", "true"], pa.large_string())
_LARGEST = np.iinfo(np.int64).max
_EXACT = 2.0**53


class _Column(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("missing", ctypes.c_void_p),
        ("kind", ctypes.c_int64),
    )


@dataclass(frozen=True, slots=True)
class _Values:
    """n values as the library takes them.

    Attributes:
        kind: (i)nteger, (w)hole number that is written with a decimal, (s) text, (r) JSON as it is.
        data: int64[n], or what texts are made of.
        offsets: int64[n + 1] for texts.
        missing: bool[n], where null is to be written.
    """

    kind: str
    data: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64] | None = None
    missing: npt.NDArray[np.bool_] | None = None

    @classmethod
    def texts(cls, kind: str, array: pa.Array) -> _Values:
        column = BytesColumn.from_arrow(array)
        return cls(kind, column.data, column.offsets, column.missing)


def write_columns(library: Functions, frame: pd.DataFrame) -> BytesColumn | None:
    """Return each of n rows as a JSON object, ``None`` when the other encoder is to do it.

    Args:
        library: the compiled library.
        frame: n rows, at least one column; its columns have distinct text names.
    """
    try:
        columns = [_values(column) for _, column in frame.items()]
    except (TypeError, ValueError, OverflowError, pa.ArrowException):
        return None
    literals = [(b"," if place else b"{") + orjson.dumps(str(name)) + b":" for place, name in enumerate(frame.columns)]
    bounds = np.cumsum([0, *map(len, literals)], dtype=np.int64)
    held = [
        [None if array is None else np.ascontiguousarray(array) for array in (own.data, own.offsets, own.missing)]
        for own in columns
    ]
    given = (_Column * len(columns))()
    for place, (own, arrays) in enumerate(zip(columns, held, strict=True)):
        places = [None if array is None else array.ctypes.data for array in arrays]
        given[place] = _Column(*places, ord(own.kind))
    offsets = np.zeros(len(frame) + 1, np.int64)
    written = Growing()
    sizes = len(frame), len(columns)
    to = offsets[1:].ctypes.data, ctypes.addressof(written)
    fine = library.headrace_write(*sizes, ctypes.addressof(given), b"".join(literals), bounds.ctypes.data, *to)
    data = written.own(library)
    if not fine:
        raise MemoryError("There is no memory for the encoded rows.")
    return BytesColumn(data, offsets)


def _values(column: pd.Series) -> _Values:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(column)
    if isinstance(dtype, pd.StringDtype):
        return _Values.texts("s", pa.array(column.array, pa.large_string()))
    if dtype.kind == "f":
        return _floats(column.to_numpy(np.float64, na_value=np.nan))
    if dtype.kind in "iub" and not isinstance(dtype, pd.ArrowDtype | pd.SparseDtype):
        return _whole_numbers(column)
    texts = time_texts(column)
    return _others(column) if texts is None else _Values.texts("s", texts)


def _whole_numbers(column: pd.Series) -> _Values:
    """Return integers and booleans."""
    missing = np.asarray(column.isna()) if pd.api.types.is_extension_array_dtype(column.dtype) else None
    if missing is not None and not missing.any():
        missing = None
    if column.dtype.kind == "b":
        truths = column.to_numpy(np.bool_, na_value=False) if missing is not None else column.to_numpy(np.bool_)
        return _Values.texts("r", _BOOLEANS.take(pa.array(truths.astype(np.int8), mask=missing)))
    if column.dtype.kind == "u" and column.max() > _LARGEST:
        return _others(column)
    if missing is not None:
        return _Values("i", column.to_numpy(np.int64, na_value=0), None, missing)
    return _Values("i", column.to_numpy(np.int64))


def _floats(values: npt.NDArray[np.float64]) -> _Values:
    """Return numbers, most quickly those that are whole; polars writes the others."""
    missing = None
    finite = np.isfinite(values)
    if not finite.all():
        missing = ~finite
        values = np.where(finite, values, 0.0)
    whole = values.astype(np.int64) if (np.abs(values) < _EXACT).all() else None
    if whole is not None and (whole == values).all() and not (np.signbit(values) & (whole == 0)).any():
        return _Values("w", whole, None, missing)
    written = BytesColumn.from_arrow(pl.Series(values).cast(pl.String).to_arrow().cast(pa.large_string()))
    return _Values("r", written.data, written.offsets, missing)


def _categories(column: pd.Series) -> _Values:
    """Write the few categories and take from them."""
    written = BytesColumn.of([dump(value) for value in objects_of(pd.Series(column.cat.categories))])
    taken = written.take(column.cat.codes.to_numpy())
    return _Values("r", taken.data, taken.offsets, taken.missing)


def _others(column: pd.Series) -> _Values:
    values = objects_of(column)
    if all(type(value) is str or value is None for value in values):
        return _Values.texts("s", pa.array(values, pa.large_string()))
    return _Values.texts("r", pa.array([dump(value) for value in values], pa.large_binary()))

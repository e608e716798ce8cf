"""The reference encoder: every row of the frame as a dict, written by orjson.

What this module makes of a row is what is right. The quicker path gives equal values or leaves it to this one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from headrace.kafka.codec.encode_error import EncodeError
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.json.times import time_texts

_MOST_NAMED = 3
_LONGEST = 8
"""Bytes of a number that is one of Python's own; a long double is not."""


def encode_rows(frame: pd.DataFrame) -> list[bytes]:
    """Return each of n rows as a JSON object, columns in their order.

    Args:
        frame: n rows; its columns have distinct text names (see :func:`check_columns`).

    Raises:
        EncodeError: rows hold something that JSON cannot, with their positions.
    """
    names = list(frame.columns)
    columns = columns_of(frame)
    encoded: list[bytes] = []
    unwritable: list[int] = []
    cause = ""
    rows = zip(*columns, strict=True) if columns else iter([()] * len(frame))
    for row, values in enumerate(rows):
        try:
            encoded.append(dump(dict(zip(names, values, strict=True))))
        except TypeError as error:
            cause = cause or _cause(row, names, values, error)
            unwritable.append(row)
    if unwritable:
        others = f" and {len(unwritable) - 1} more rows" if len(unwritable) > 1 else ""
        raise EncodeError(
            f"{cause}{others}.",
            rows=unwritable,
            hint="Turn the values into numbers, text, lists or dicts, or drop them.",
        )
    return encoded


def check_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names under which a frame's columns are written.

    Raises:
        EncodeError: for all rows: two columns have one name, or the names have levels.
    """
    if isinstance(frame.columns, pd.MultiIndex):
        raise EncodeError(
            "The output's column names have levels.",
            rows=range(len(frame)),
            hint="Give each column one name: df.columns = ['_'.join(name) for name in df.columns].",
        )
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})[:_MOST_NAMED]
        raise EncodeError(
            f"The output has several columns named {', '.join(f'`{name}`' for name in twice)}.",
            rows=range(len(frame)),
            hint="Rename or drop one of them.",
        )
    return names


def columns_of(frame: pd.DataFrame) -> list[list[object]]:
    """Return what stands for the n values of each column; :func:`objects_of` all of them, or what is written alike.

    Where all dtypes are plain ones pandas is asked once for all of them: with few rows that is the quicker by far.
    """
    if not len(frame) or not all(map(_is_plain, frame.dtypes.tolist())):
        return [objects_of(column) for _, column in frame.items()]
    return [list(column) for column in zip(*frame.to_numpy(object).tolist(), strict=True)]


def _is_plain(dtype: object) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "fiubOM" and dtype.itemsize <= _LONGEST
    return isinstance(dtype, pd.StringDtype | pd.DatetimeTZDtype)


def objects_of(column: pd.Series) -> list[object]:
    """Return what stands for a column's n values in a row: JSON's own kinds where the dtype has them."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiubO":
        return column.to_numpy().tolist()
    if isinstance(dtype, pd.CategoricalDtype):
        values = [*objects_of(pd.Series(dtype.categories)), None]  # code -1, the nulls, is the last
        return [values[code] for code in column.cat.codes.tolist()]
    if isinstance(dtype, pd.StringDtype):
        return [text if isinstance(text, str) else None for text in column.array]
    texts = time_texts(column)
    return column.astype(object).tolist() if texts is None else texts.to_pylist()


def _cause(row: int, names: list[str], values: tuple[object, ...], error: TypeError) -> str:
    for name, value in zip(names, values, strict=True):
        try:
            dump(value)
        except TypeError as its_error:
            return f"`{name}` in row {row}: {its_error.__cause__ or its_error}"
    return f"Row {row}: {error.__cause__ or error}"

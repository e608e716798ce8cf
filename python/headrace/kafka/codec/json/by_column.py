"""The quick encoder: columns go to polars, which writes the rows; values it cannot write are spliced in.

It gives what :mod:`headrace.kafka.codec.json.by_row` gives, value for value, or refuses.
"""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa

from headrace.kafka.codec.json.by_row import objects_of
from headrace.kafka.codec.json.encode_values import dump
from headrace.kafka.codec.json.times import time_texts

_REFUSALS = (TypeError, ValueError, OverflowError, pa.ArrowException)


@dataclass(slots=True)
class _Splices:
    """Columns of JSON texts, each with the text that stands for them until the rows are written."""

    texts: list[list[bytes]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def add(self, texts: list[bytes]) -> pa.Array:
        self.texts.append(texts)
        self.marks.append(f"~{secrets.token_hex(16)}~")
        return pa.array(np.full(len(texts), self.marks[-1]), pa.large_string())

    def into(self, lines: list[bytes]) -> list[bytes]:
        for texts, mark in zip(self.texts, self.marks, strict=True):
            quoted = f'"{mark}"'.encode()
            lines = [line.replace(quoted, text, 1) for line, text in zip(lines, texts, strict=True)]
        return lines


def encode_columns(frame: pd.DataFrame) -> list[bytes] | None:
    """Return each of n rows as a JSON object, ``None`` when the other encoder is to do it.

    Args:
        frame: n rows, at least one column; its columns have distinct text names.
    """
    splices = _Splices()
    try:
        arrays = [_array(column, splices) for _, column in frame.items()]
    except _REFUSALS:
        return None
    table = pl.DataFrame(pa.Table.from_arrays(arrays, names=list(map(str, range(len(arrays))))))
    table.columns = list(frame.columns)  # on the way from Arrow a name would end at its first NUL
    written = io.BytesIO()
    table.write_ndjson(written)
    lines = written.getvalue().split(b"\n")
    lines.pop()
    return splices.into(lines) if splices.marks else lines


def _array(column: pd.Series, splices: _Splices) -> pa.Array:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categories(column, splices)
    if isinstance(dtype, pd.StringDtype):
        return pa.array(column.array, pa.large_string())
    if dtype.kind == "f":
        return _floats(column.to_numpy(np.float64, na_value=np.nan))
    if dtype.kind in "iub" and not isinstance(dtype, pd.ArrowDtype | pd.SparseDtype):
        return pa.array(column.array)
    texts = time_texts(column)
    return _others(column, splices) if texts is None else texts


def _categories(column: pd.Series, splices: _Splices) -> pa.Array:
    """Write the few categories and take from them; those that would be spliced in go value by value."""
    written = _array(pd.Series(column.cat.categories), own := _Splices())
    if own.marks:
        return _others(column, splices)
    codes = column.cat.codes.to_numpy()
    return written.take(pa.array(codes, mask=codes < 0))


def _others(column: pd.Series, splices: _Splices) -> pa.Array:
    values = objects_of(column)
    if all(type(value) is str or value is None for value in values):
        return pa.array(values, pa.large_string())
    return splices.add([dump(value) for value in values])


def _floats(values: npt.NDArray[np.float64]) -> pa.Array:
    finite = np.isfinite(values)
    return pa.array(values) if finite.all() else pa.array(values, mask=~finite)

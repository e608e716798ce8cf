"""Rows of a state as text, and back as a frame."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pandas as pd

from headrace.errors import CellError


def dtypes_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtype of each column of a state, by name."""
    return {str(name): str(dtype) for name, dtype in zip(frame.columns, frame.dtypes, strict=True)}


def knows_null(dtype: str) -> bool:
    """Return whether a column of ``dtype`` can lack a value: all but NumPy's whole numbers and truth values."""
    return re.fullmatch(r"u?int\d+|bool", dtype) is None


def encode_rows(frame: pd.DataFrame, name: str) -> list[bytes]:
    """Return each row of a state's frame as a JSON object; times in ISO 8601, null for what is missing.

    Raises:
        CellError: a value is none that JSON can hold.
    """
    columns = [_plain(frame[column]) for column in frame.columns]
    names = [str(column) for column in frame.columns]
    try:
        return [
            orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_SERIALIZE_NUMPY)
            for row in (zip(*columns, strict=True) if columns else [() for _ in range(len(frame))])
        ]
    except TypeError as error:
        message = f"The state `{name}` holds what cannot be kept: {error}."
        raise CellError(message, hint="Keep numbers, text, times, and lists and dicts of them.") from None


def decode_rows(rows: Sequence[bytes], index: pd.Index, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a frame.

    Args:
        rows: n JSON objects.
        index: of n keys.
        dtypes: of the columns, as far as they are known; a column that is not in it is as pandas makes it.

    Returns:
        The frame; without rows it has no columns either.
    """
    if not rows:
        return pd.DataFrame(index=index[:0])
    found = [orjson.loads(row) for row in rows]
    names = list(dtypes) or list(dict.fromkeys(name for row in found for name in row))
    return pd.DataFrame(
        {name: _typed([row.get(name) for row in found], dtypes.get(name)) for name in names}, index=index
    )


def _plain(column: pd.Series) -> list[object]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _texts(column.dt.tz_convert("UTC"), "%Y-%m-%dT%H:%M:%S.%fZ")
    if np.issubdtype(column.dtype, np.datetime64) if isinstance(column.dtype, np.dtype) else False:
        return _texts(column, "%Y-%m-%dT%H:%M:%S.%f")
    if isinstance(column.dtype, np.dtype) and np.issubdtype(column.dtype, np.timedelta64):
        return [None if pd.isna(value) else int(value.value) for value in column]
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return list(column.tolist())
    return [None if value is pd.NA or value is None or value is pd.NaT else value for value in column.tolist()]


def _texts(column: pd.Series, form: str) -> list[object]:
    texts = column.dt.strftime(form).astype(object)
    return list(texts.where(column.notna(), None))


def _typed(values: list[Any], dtype: str | None) -> Any:  # noqa: ANN401  what a frame takes for a column
    if dtype is None:
        return pd.Series(values).infer_objects().to_numpy()
    if dtype.startswith("datetime64"):
        times = pd.to_datetime(pd.Series(values, dtype=object), utc=dtype.endswith(", UTC]"), format="ISO8601")
        return times.astype(pd.api.types.pandas_dtype(dtype)).array
    if dtype.startswith("timedelta64"):
        return np.array(["NaT" if value is None else value for value in values], "timedelta64[ns]").astype(dtype)
    if dtype.startswith("float"):
        return np.array([np.nan if value is None else value for value in values], dtype)
    return pd.Series(values, dtype=pd.api.types.pandas_dtype(dtype)).array

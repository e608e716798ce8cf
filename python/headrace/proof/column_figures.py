"""What is in a column, in a few numbers: nulls and a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS = 12
"""Bars of a histogram."""


def nulls(column: pd.Series[Any]) -> float:
    """Return the share of nulls, from 0 to 1; 0 without rows."""
    return float(column.isna().mean()) if len(column) else 0.0


def histograms(before: pd.Series[Any] | None, after: pd.Series[Any] | None) -> tuple[list[int], list[int]]:
    """Count the values of a column before and after the cell in the same bins, so that both can be compared.

    Args:
        before: the column that the cell sees, or ``None``.
        after: the one that it gives, or ``None``.

    Returns:
        Counts in :data:`BINS` bins of one width from the least value to the greatest (of both); empty lists for columns
        that are no numbers, truths or times, and where there is nothing to count.
    """
    one, other = _numbers(before), _numbers(after)
    if before is not None and after is not None and _is_time(before) is not _is_time(after):
        return histograms(before, None)[0], histograms(None, after)[1]
    both = np.concatenate([one, other])
    if not len(both):
        return [], []
    low, high = float(both.min()), float(both.max())
    if not np.isfinite(high - low):
        return [], []
    return _counts(one, low, high), _counts(other, low, high)


def _counts(values: npt.NDArray[np.float64], low: float, high: float) -> list[int]:
    if not len(values):
        return []
    width = (high - low) / BINS or 1.0  # of a constant, or of values next to each other
    bins = np.minimum((values - low) // width, BINS - 1).astype(np.int64)
    counts: list[int] = np.bincount(bins, minlength=BINS).tolist()
    return counts


def _is_time(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column.dtype)


def _numbers(column: pd.Series[Any] | None) -> npt.NDArray[np.float64]:
    nothing = np.empty(0, np.float64)
    if column is None:
        return nothing
    if _is_time(column):
        column = column.dropna().dt.as_unit("us").astype("int64")
    elif not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_complex_dtype(column.dtype):
        return nothing
    values = np.asarray(column.dropna(), np.float64)
    return values[np.isfinite(values)]

"""Any value of a frame as a bounded JSON value that a browser reads without loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

LONGEST_TEXT = 2_000
MOST_ITEMS = 200
DEEPEST = 6
LARGEST_EXACT = 2**53 - 1
"""JavaScript's largest exact integer; larger ones become text."""


def json_value(value: Any, *, depth: int = 0) -> Any:  # noqa: ANN401, PLR0911  any value; one return a kind
    """Return ``value`` as JSON knows it: null for NaN, NaT and infinities, times in ISO 8601, long texts cut.

    Args:
        value: what stands in a frame's cell or was read from JSON.
        depth: how deep in lists and objects it lies; below :data:`DEEPEST` only its text is kept.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        whole = int(value)
        return whole if abs(whole) <= LARGEST_EXACT else str(whole)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, pd.Timestamp):
        moment = value.tz_convert("UTC") if value.tzinfo else value
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    if isinstance(value, bytes):
        return cut(value[: LONGEST_TEXT * 4].decode("utf-8", "replace"))
    if isinstance(value, dict) and depth < DEEPEST:
        items = list(value.items())[:MOST_ITEMS]
        return {cut(str(key)): json_value(item, depth=depth + 1) for key, item in items}
    if isinstance(value, list | tuple | np.ndarray) and depth < DEEPEST:
        return [json_value(item, depth=depth + 1) for item in list(value)[:MOST_ITEMS]]
    return cut(str(value))


def cut(text: str) -> str:
    """Return ``text`` with what is beyond :data:`LONGEST_TEXT` characters replaced by an ellipsis."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"

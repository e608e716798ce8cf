"""A frame to one JSON object a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pandas as pd

from headrace.kafka.codec.json.by_column import encode_columns
from headrace.kafka.codec.json.by_row import check_columns, encode_rows
from headrace.kafka.codec.json.by_write import write_columns
from headrace.kafka.native.library import json as compiled_json

_FEWEST_FOR_COLUMNS = 300
_FEWEST_FOR_WRITING = 100
"""Rows from which on writing by column is quicker, measured; natively."""


class JsonEncoder:
    """Encodes output frames; keeps nothing between them."""

    def __init__(self) -> None:
        self._library = compiled_json()

    def encode(self, frame: pd.DataFrame) -> Sequence[bytes]:
        """Return each of n rows as a JSON object, columns in the frame's order; the index is not written.

        Many rows come in one :class:`~headrace.kafka.bytes_column.BytesColumn` where they are written natively.

        Times are text in UTC (``2026-11-22T10:00:00.000000Z``), NaN, NaT, NA, ``None`` and infinities null.

        Raises:
            EncodeError: rows that JSON cannot hold, or, for all rows, column names that are not distinct.
        """
        names = check_columns(frame)
        named = frame if names == list(frame.columns) else frame.set_axis(names, axis=1)
        encoded: Sequence[bytes] | None = None
        if names and self._library is not None and len(frame) >= _FEWEST_FOR_WRITING:
            encoded = cast("Sequence[bytes] | None", write_columns(self._library, named))  # there is no null among them
        elif names and len(frame) >= _FEWEST_FOR_COLUMNS:
            encoded = encode_columns(named)
        return encode_rows(named) if encoded is None else encoded

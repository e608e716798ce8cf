"""A frame to one JSON object a row."""

from __future__ import annotations

import pandas as pd

from headrace.kafka.codec.json.by_column import encode_columns
from headrace.kafka.codec.json.by_row import check_columns, encode_rows

_FEWEST_FOR_COLUMNS = 300
"""Rows from which on writing by column is quicker, measured."""


class JsonEncoder:
    """Encodes output frames; keeps nothing between them."""

    def encode(self, frame: pd.DataFrame) -> list[bytes]:
        """Return each of n rows as a JSON object, columns in the frame's order; the index is not written.

        Times are text in UTC (``2026-11-22T10:00:00.000000Z``), NaN, NaT, NA, ``None`` and infinities null.

        Raises:
            EncodeError: rows that JSON cannot hold, or, for all rows, column names that are not distinct.
        """
        names = check_columns(frame)
        named = frame.set_axis(names, axis=1)
        encoded = encode_columns(named) if names and len(frame) >= _FEWEST_FOR_COLUMNS else None
        return encode_rows(named) if encoded is None else encoded

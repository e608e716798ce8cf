"""A frame to one JSON object a row."""

from __future__ import annotations

import pandas as pd

from headrace.kafka.codec.json.by_row import check_columns, encode_rows


class JsonEncoder:
    """Encodes output frames; keeps nothing between them."""

    def encode(self, frame: pd.DataFrame) -> list[bytes]:
        """Return each of n rows as a JSON object, columns in the frame's order; the index is not written.

        Times are text in UTC (``2026-11-22T10:00:00.000000Z``), NaN, NaT, NA, ``None`` and infinities null.

        Raises:
            EncodeError: rows that JSON cannot hold, or, for all rows, column names that are not distinct.
        """
        names = check_columns(frame)
        return encode_rows(frame.set_axis(names, axis=1))

"""Records to a frame of the pinned types."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.codec.json.by_template import TemplateDecoder
from headrace.kafka.codec.json.columns import ColumnArray
from headrace.kafka.codec.json.decoded import Decoded, RecordFailure
from headrace.kafka.records import Records
from headrace.spec import ColumnType

_FEWEST_FOR_TEMPLATES = 400
"""Records from which on reading by templates is quicker, measured."""


class JsonDecoder:
    """Decodes records whose values are JSON objects.

    Between batches it keeps only how the records are written (see :mod:`headrace.kafka.codec.json.template`), which
    makes it quicker and changes no result.

    Args:
        types: the pinned type of each column, in the order of the frame's columns.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        self._by_template = TemplateDecoder(self._types)

    def decode(self, records: Records) -> Decoded:
        """Decode n records; never raises for what a record holds.

        Returns:
            The frame of the records that fit, their positions, and an error for each of the others.
        """
        values = records.values
        if len(values) < _FEWEST_FOR_TEMPLATES or not self._types:
            fitted = fit_records(values, self._types)
            frame = self._frame(fitted.arrays(self._types), len(fitted.rows))
            failures = [RecordFailure(row, error) for row, error in sorted(fitted.errors.items())]
            return Decoded(frame, np.array(fitted.rows, np.int64), failures, fitted.dropped)
        matched, others = self._by_template.decode(values)
        fitted = fit_records([values[row] for row in others.tolist()], self._types)
        rows = [*matched.rows, others[fitted.rows]]
        frames = [self._frame(matched.arrays(self._types), sum(map(len, matched.rows)))] if matched.rows else []
        if fitted.rows or not frames:
            frames.append(self._frame(fitted.arrays(self._types), len(fitted.rows)))
        frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        positions = np.concatenate(rows)
        if (positions[1:] < positions[:-1]).any():
            order = np.argsort(positions)
            positions = positions[order]
            frame = frame.take(order).reset_index(drop=True)
        failures = [RecordFailure(int(others[row]), error) for row, error in sorted(fitted.errors.items())]
        return Decoded(frame, positions, failures, matched.dropped + fitted.dropped)

    def _frame(self, arrays: Mapping[str, ColumnArray], count: int) -> pd.DataFrame:
        # pandas makes `str` of an object array that holds nothing but text, unless it comes as a Series.
        columns = {
            name: pd.Series(array, dtype=object) if self._types[name] == "object" else array
            for name, array in arrays.items()
        }
        return pd.DataFrame(columns, index=pd.RangeIndex(count))

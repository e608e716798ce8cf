"""Records to a frame of the pinned types."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.codec.json.decoded import Decoded, RecordFailure
from headrace.kafka.records import Records
from headrace.spec import ColumnType


class JsonDecoder:
    """Decodes records whose values are JSON objects.

    Args:
        types: the pinned type of each column, in the order of the frame's columns.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)

    def decode(self, records: Records) -> Decoded:
        """Decode n records; never raises for what a record holds.

        Returns:
            The frame of the records that fit, their positions, and an error for each of the others.
        """
        fitted = fit_records(records.values, self._types)
        frame = pd.DataFrame(fitted.arrays(self._types), index=pd.RangeIndex(len(fitted.rows)))
        failures = [RecordFailure(row, error) for row, error in sorted(fitted.errors.items())]
        return Decoded(frame, np.array(fitted.rows, np.int64), failures, fitted.dropped)

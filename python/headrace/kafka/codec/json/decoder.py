"""Records to a frame of the pinned types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headrace.kafka.codec.decoded import Decoded
from headrace.kafka.codec.fitted import decoded_of, failures_of, frame_of, in_order
from headrace.kafka.codec.json.by_record import fit_records
from headrace.kafka.codec.json.by_template import TemplateDecoder
from headrace.kafka.native.library import json as compiled_json
from headrace.kafka.records import Records
from headrace.spec import ColumnType

_FEWEST_FOR_TEMPLATES = 400
_FEWEST_FOR_SCAN = 128
"""Records from which on reading by templates is quicker, measured; natively."""


class JsonDecoder:
    """Decodes records whose values are JSON objects, or arrays of them.

    Between batches it keeps only how the records are written (see :mod:`headrace.kafka.codec.json.template`), which
    makes it quicker and changes no result.

    Args:
        types: the pinned type of each column, in the order of the frame's columns.
    """

    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self._types = dict(types)
        library = compiled_json()
        self._fewest = _FEWEST_FOR_TEMPLATES if library is None else _FEWEST_FOR_SCAN
        self._by_template = TemplateDecoder(self._types, library)

    def decode(self, records: Records) -> Decoded:
        """Decode n records; never raises for what a record holds.

        Returns:
            The frame of the records that fit, their positions, and an error for each of the others.
        """
        return self.decode_values(records.values)

    def decode_values(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode n values, as :meth:`decode` does a run's."""
        if len(values) < self._fewest or not self._types:
            return decoded_of(fit_records(values, self._types), self._types)
        matched, others = self._by_template.decode(values)
        fitted = fit_records([values[row] for row in others.tolist()], self._types)
        rows = [*matched.rows, others[fitted.rows]]
        frames = []
        if matched.rows:
            frames.append(frame_of(matched.arrays(self._types), self._types, sum(map(len, matched.rows))))
        if fitted.rows or not frames:
            frames.append(frame_of(fitted.arrays(self._types), self._types, len(fitted.rows)))
        frame, positions = in_order(frames, rows)
        failures = failures_of({int(others[row]): error for row, error in fitted.errors.items()})
        return Decoded(frame, positions, failures, matched.dropped + fitted.dropped)

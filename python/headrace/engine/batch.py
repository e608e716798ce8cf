"""One micro-batch: records in; outputs ready to be produced and failures out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure, Part, run_bisecting
from headrace.engine.frames import add_meta, key_texts
from headrace.engine.stream import Stream
from headrace.kafka.codec.json import EncodeError, JsonDecoder, JsonEncoder
from headrace.kafka.records import Headers, Records


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a run of records; the outputs' columns all have one length m.

    Attributes:
        parts: the output frames, one for each call of the step that went through.
        source: int64[m], for each output the position of its record; -1 where unknown.
        values: m encoded outputs.
        keys: m output keys.
        timestamps: int64[m], milliseconds since the epoch.
        headers: m header lists, or ``None`` when no output has any.
        failures: the records that failed, by position.
        dropped: fields that the pinned types do not know, with how often they were dropped.
        before: the frame the function saw, one row a decoded record.
        before_positions: int64[len(before)], the record of each of its rows.
    """

    parts: list[pd.DataFrame]
    source: npt.NDArray[np.int64]
    values: list[bytes]
    keys: list[bytes | None]
    timestamps: npt.NDArray[np.int64]
    headers: list[Headers | None] | None
    failures: list[Failure]
    dropped: Counter[str]
    before: pd.DataFrame
    before_positions: npt.NDArray[np.int64]

    @property
    def rows(self) -> pd.DataFrame:
        """All outputs as one frame of m rows with a 0-based index."""
        filled = [part for part in self.parts if len(part)] or self.parts[:1]
        if len(filled) == 1:
            return filled[0]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


class BatchProcessor:
    """Takes a stream's micro-batches through decoding, the step and encoding; keeps nothing between them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._decoder = JsonDecoder(stream.document.input)
        self._encoder = JsonEncoder()

    def process(self, records: Records) -> BatchResult:
        """Process ``records``: every one of them ends in outputs, filtered or among the failures."""
        decoded = self._decoder.decode(records)
        positions = decoded.positions
        frame = add_meta(decoded.frame, records, positions) if self._spec.meta else decoded.frame
        failures = [Failure(failure.position, failure.error, "decode") for failure in decoded.failures]
        parts, raised = run_bisecting(frame, self._stream.context())
        failures += [
            Failure(int(positions[failure.position]), failure.error, "cell", failure.traceback, failure.line)
            for failure in raised
        ]
        values: list[bytes] = []
        written: list[Part] = []
        for part in parts:
            good, encoded, unwritable = self._encode(part, len(frame))
            failures += [Failure(int(positions[row]), error, "encode") for row, error in unwritable]
            values += encoded
            written.append(good)
        rows_of = np.concatenate([part.source for part in written]) if written else np.empty(0, np.int64)
        known = rows_of >= 0
        source = np.where(known, positions[rows_of] if len(positions) else -1, -1)
        newest = int(records.timestamps.max()) if len(records) else 0
        return BatchResult(
            parts=[part.rows for part in written],
            source=source,
            values=values,
            keys=self._keys(written, frame, records, positions),
            timestamps=np.where(known, records.timestamps[source], newest) if len(source) else np.empty(0, np.int64),
            headers=_headers(records, source),
            failures=sorted(failures, key=lambda failure: failure.position),
            dropped=decoded.dropped,
            before=frame,
            before_positions=positions,
        )

    def _encode(self, part: Part, count: int) -> tuple[Part, list[bytes], list[tuple[int, EncodeError]]]:
        """Encode a part; rows that cannot be written take their record's other outputs out with them."""
        unwritable: dict[int, EncodeError] = {}
        while True:
            try:
                return part, self._encoder.encode(part.rows), list(unwritable.items())
            except EncodeError as error:
                bad = part.source[np.asarray(error.rows)]
                if (bad < 0).any():  # nobody knows whose output it is: no record may pass for done
                    return Part(part.rows[:0], part.source[:0]), [], [(row, error) for row in range(count)]
                unwritable |= dict.fromkeys(bad.tolist(), error)
                kept = ~np.isin(part.source, bad)
                part = Part(part.rows[kept].reset_index(drop=True), part.source[kept])

    def _keys(
        self, parts: list[Part], frame: pd.DataFrame, records: Records, positions: npt.NDArray[np.int64]
    ) -> list[bytes | None]:
        name = self._spec.key
        keys: list[bytes | None] = []
        for part in parts:
            if name is not None and name in part.rows.columns:
                keys += key_texts(part.rows[name])
                continue
            if name is not None and name in frame.columns:
                known = key_texts(frame[name])
            else:
                known = [records.keys[position] for position in positions.tolist()]
            keys += [known[row] if row >= 0 else None for row in part.source.tolist()]
        return keys


def process(stream: Stream, records: Records) -> BatchResult:
    """Process ``records`` as one micro-batch of ``stream``; see :class:`BatchProcessor`."""
    return BatchProcessor(stream).process(records)


def _headers(records: Records, source: npt.NDArray[np.int64]) -> list[Headers | None] | None:
    if not any(records.headers):
        return None
    return [records.headers[row] if row >= 0 else None for row in source.tolist()]

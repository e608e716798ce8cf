"""One micro-batch: records in; outputs ready to be produced and failures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure, run_bisecting
from headrace.engine.codecs import Codecs
from headrace.engine.context import Part
from headrace.engine.forgetful import Forgetful
from headrace.engine.frames import add_meta, key_column
from headrace.engine.memo import Memo
from headrace.engine.result import BatchResult, joined_bytes
from headrace.engine.stream import Stream
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.codec import EncodeError
from headrace.kafka.records import Headers, Records


class BatchProcessor(Forgetful):
    """Takes a stream's micro-batches through decoding, the step and encoding; keeps nothing between them."""

    def __init__(self, stream: Stream, codecs: Codecs) -> None:
        self._stream = stream
        self._spec = stream.document.spec
        self._codecs = codecs

    def process(self, records: Records) -> BatchResult:
        """Process ``records``: every one of them ends in outputs, filtered or among the failures."""
        decoded = self._codecs.decoder.decode(records)
        positions = decoded.positions
        frame = add_meta(decoded.frame, records, positions, self._codecs.keys) if self._spec.meta else decoded.frame
        failures = [Failure(failure.position, failure.error, "decode") for failure in decoded.failures]
        accept = self._refuse if self._codecs.refusals else None
        parts, raised = run_bisecting(frame, self._stream.context(), accept)
        failures += [replace(failure, position=int(positions[failure.position])) for failure in raised]
        values: list[Sequence[bytes]] = []
        written: list[Part] = []
        for part in parts:
            good, encoded, unwritable = self._encode(part, len(frame), records, positions)
            failures += [Failure(int(positions[row]), error, "encode") for row, error in unwritable]
            values.append(encoded)
            written.append(good)
        if failures and len(np.unique(positions)) < len(positions):  # several rows a record
            written, values = self._without_failed(written, values, positions, failures)
        rows_of = np.concatenate([part.source for part in written]) if written else np.empty(0, np.int64)
        known = rows_of >= 0
        source = np.where(known, positions[rows_of] if len(positions) else -1, -1)
        newest = int(records.timestamps.max()) if len(records) else 0
        counts = [len(part.source) for part in written]
        return BatchResult(
            parts=[part.rows for part in written],
            source=source,
            values=joined_bytes(values),
            keys=self._keys(written, frame, records, positions),
            timestamps=np.where(known, records.timestamps[source], newest) if len(source) else np.empty(0, np.int64),
            headers=_headers(records, source),
            failures=sorted(failures, key=lambda failure: failure.position),
            dropped=decoded.dropped,
            before=frame,
            before_positions=positions,
            partitions=np.where(known, records.partitions[source], -1) if len(source) else source,
            offsets=np.where(known, records.offsets[source], -1) if len(source) else source,
            sinks=np.repeat([part.sink for part in written], counts) if len(self._spec.sinks) > 1 else None,
        )

    @staticmethod
    def _without_failed(
        parts: list[Part],
        values: list[Sequence[bytes]],
        positions: npt.NDArray[np.int64],
        failures: list[Failure],
    ) -> tuple[list[Part], list[Sequence[bytes]]]:
        """Leave out all outputs of records of which one row failed."""
        failed = np.array([failure.position for failure in failures], np.int64)
        kept = [np.flatnonzero(~np.isin(positions[part.source], failed) | (part.source < 0)) for part in parts]
        return (
            [
                Part(part.rows.take(rows).reset_index(drop=True), part.source[rows], part.sink)
                for part, rows in zip(parts, kept, strict=True)
            ],
            [[own[row] for row in rows.tolist()] for own, rows in zip(values, kept, strict=True)],
        )

    def begin(self, partition: int, memo: Memo | None = None, *, start: int = 0) -> None:
        """Do nothing: nothing is remembered."""

    def drop(self, partition: int) -> None:
        """Do nothing."""

    def advance(self, now: int, quiet: list[int]) -> BatchResult | None:
        """Do nothing: time does not matter."""
        del now, quiet
        return None

    def finish(self) -> BatchResult:
        """Return the result of no records."""
        return self.process(Records.empty(self._spec.source))

    def touched(self) -> list[int]:
        """Return no partition."""
        return []

    def memo(self, partition: int, offset: int) -> Memo | None:
        """Return nothing to commit."""
        del partition, offset
        return None

    def commit(self) -> None:
        """Do nothing."""

    def rollback(self) -> None:
        """Do nothing."""

    def _refuse(self, part: Part) -> None:
        """Raise for outputs of unknown records that their topic did not accept: bisecting finds whose they are."""
        unknown = np.flatnonzero(part.source < 0)
        if len(unknown):
            nowhere = np.empty(0, np.int64)
            rows = part.rows.take(unknown).reset_index(drop=True)
            self._codecs.encode(Part(rows, part.source[unknown], part.sink), nowhere, nowhere)

    def _encode(
        self, part: Part, count: int, records: Records, positions: npt.NDArray[np.int64]
    ) -> tuple[Part, Sequence[bytes], list[tuple[int, EncodeError]]]:
        """Encode a part; rows that cannot be written take their record's other outputs out with them."""
        places = records.partitions[positions], records.offsets[positions]
        unwritable: dict[int, EncodeError] = {}
        while True:
            try:
                return part, self._codecs.encode(part, *places), list(unwritable.items())
            except EncodeError as error:
                bad = part.source[np.asarray(error.rows)]
                if (bad < 0).any():  # nobody knows whose output it is: no record may pass for done
                    return Part(part.rows[:0], part.source[:0], part.sink), [], [(row, error) for row in range(count)]
                unwritable |= {row: error.of(place) for row, place in zip(bad.tolist(), error.rows, strict=True)}
                kept = ~np.isin(part.source, bad)
                part = Part(part.rows[kept].reset_index(drop=True), part.source[kept], part.sink)

    def _keys(
        self, parts: list[Part], frame: pd.DataFrame, records: Records, positions: npt.NDArray[np.int64]
    ) -> Sequence[bytes | None]:
        name = self._spec.key
        inside = [name is not None and name in part.rows.columns for part in parts]
        if all(inside):
            return joined_bytes([key_column(part.rows[name]) for part in parts])
        given = key_column(frame[name]) if name is not None and name in frame.columns else None
        known = BytesColumn.of(records.keys).take(positions) if given is None else BytesColumn.of(given)
        return joined_bytes(
            [
                key_column(part.rows[name]) if own else known.take(part.source)
                for part, own in zip(parts, inside, strict=True)
            ]
        )


def _headers(records: Records, source: npt.NDArray[np.int64]) -> list[Headers | None] | None:
    if not any(records.headers):
        return None
    return [records.headers[row] if row >= 0 else None for row in source.tolist()]

"""What the generated tests of a stream folder call: run the folder's code on its recorded input; no broker needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process, process_batches
from headrace.kafka.records import Records
from headrace.repo.fixture import outcomes, read_lines, read_records
from headrace.repo.folder import EXPECTED_NAME, INPUT_NAME
from headrace.repo.side_fixture import recorded_sides
from headrace.spec import StreamDocument


@dataclass(frozen=True, slots=True)
class StreamCase:
    """A stream folder with its recorded input and expected output.

    Attributes:
        stream: the folder's stream, its code loaded afresh.
        records: the recorded input.
        expected: what became of each record when the stream was committed.
    """

    stream: Stream
    records: Records
    expected: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> StreamCase:
        """Return the case of a stream folder.

        Raises:
            MissingStreamError: the folder lacks ``stream.yaml`` or ``transform.py``.
            FileNotFoundError: the recorded input or the expected output is missing.
        """
        bare = Stream.from_folder(folder)
        tests = folder / "tests"
        stream = replace(bare, sides=recorded_sides(bare.document, tests)) if bare.document.spec.sides else bare
        records = read_records(tests / INPUT_NAME, stream.document.spec.source)
        return cls(stream, records, read_lines(tests / EXPECTED_NAME))

    @property
    def document(self) -> StreamDocument:
        """What ``stream.yaml`` holds."""
        return self.stream.document

    def outcomes(self, *, batch: int | None = None) -> list[dict[str, Any]]:
        """Return what becomes of each record: its outputs, or its kind of error.

        Args:
            batch: how many records the function sees at once; all of them when left out.
        """
        if self.document.spec.remembers:
            places = np.arange(len(self.records), dtype=np.int64)
            parts = [places[start : start + batch] for start in range(0, len(places), batch)] if batch else [places]
            found = joined(process_batches(self.stream, self.records, parts))
            return outcomes(self.records, found, self.document.spec.sinks)
        size = batch or max(len(self.records), 1)
        lines: list[dict[str, Any]] = []
        for start in range(0, len(self.records), size):
            part = self.records.take(np.arange(start, min(start + size, len(self.records))))
            lines += outcomes(part, process(self.stream, part), self.document.spec.sinks)
        return lines

    def dtypes(self) -> dict[str, str]:
        """Return the dtype of each output column."""
        rows = process(self.stream, self.records).rows
        return {str(name): str(dtype) for name, dtype in zip(rows.columns, rows.dtypes, strict=True)}

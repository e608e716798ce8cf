"""Before | after: what a cell makes of each record of its sample, in a bounded form that can be shown."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from headrace.proof.verdict import Verdict

ID_BYTES = 8
Status = Literal["kept", "filtered", "failed", "untraced"]
"""What became of a record; ``untraced`` where the cell's rows cannot be traced to records."""

Edge = Literal["start", "end"]
"""Which edge of the sample a record's outputs hang on: at the start the record has less history than in the service, at
the end a record that is not in the sample may still come before it."""

PREVIEW_MIME = "application/vnd.headrace.preview+json"


class PreviewColumn(BaseModel):
    """A column of the frame before or after.

    Attributes:
        name: its name.
        dtype: its pandas dtype.
        nulls: the share of nulls over the whole sample, from 0 to 1.
        histogram: how many values of the whole sample are in each of some bins of one width; those of a column before
            and after the cell are the same. Empty for columns that are no numbers, truths or times.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    dtype: str
    nulls: float = 0.0
    histogram: tuple[int, ...] = ()


class PreviewColumns(BaseModel):
    """The columns before and after the cell, and how they differ.

    Attributes:
        before: the first columns of the frame that the cell sees.
        after: the first columns of its output.
        added: names that only the output has.
        changed: names in both, with another dtype or other values in a shown row.
        removed: names that the output lacks.
        hidden: how many columns before and after were left out.
    """

    model_config = ConfigDict(frozen=True)

    before: tuple[PreviewColumn, ...]
    after: tuple[PreviewColumn, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    hidden: int = 0


class PreviewRow(BaseModel):
    """One record with what it became.

    Attributes:
        partition: where it lies.
        offset: where it lies.
        timestamp: milliseconds since the epoch, UTC.
        before: its values in the order of ``columns.before``; ``None`` when it could not be decoded.
        after: its outputs, each in the order of ``columns.after``; ``None`` unless it was kept.
        status: what became of it.
        error: ``ValueError: what was wrong``, when it failed.
        line: the line of the cell that raised, counted from the cell's first line.
        raw: the record's value as text, when it failed.
        edge: which edge of the sample its outputs hang on, where one does.
    """

    model_config = ConfigDict(frozen=True)

    partition: int
    offset: int
    timestamp: int
    before: tuple[Any, ...] | None
    after: tuple[tuple[Any, ...], ...] | None
    status: Status
    error: str | None = None
    line: int | None = None
    raw: str | None = None
    edge: Edge | None = None


class SampleFacts(BaseModel):
    """Which records a preview is of.

    Attributes:
        text: as ``--sample`` was written.
        ranges: partition, first offset, offset after the last.
        partitions: those that gave records.
        first: oldest timestamp, milliseconds since the epoch, or ``None`` without a record.
        last: newest timestamp.
        taken: when the sample was taken, milliseconds since the epoch; 0 where nobody noted it.
        ends: where each partition's log ended then.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    ranges: tuple[tuple[int, int, int], ...]
    partitions: tuple[int, ...]
    first: int | None
    last: int | None
    taken: int = 0
    ends: dict[int, int] = {}


class Preview(BaseModel):
    """What a cell makes of its sample, bounded; stored on disk and shown by the front end.

    Attributes:
        id: hexadecimal digits.
        stream: the stream's name.
        notebook: the notebook's absolute path, or ``None`` where it is not known.
        body_digest: of spec and cell, see :func:`headrace.proof.digest.body_digest`.
        output_digest: of the outputs, see :func:`headrace.proof.digest.output_digest`.
        source: the topic read.
        sink: the topic to be written, or ``None``.
        cluster: its name.
        sample: which records.
        rows_in: records of the sample.
        rows_out: rows that came out.
        filtered: records that neither failed nor gave a row; ``None`` where rows cannot be traced.
        failed: records that failed.
        incomplete: records that have less history than in the service.
        waiting: records before which one that is not in the sample may still come.
        open_windows: windows that are not shown, since the sample does not have all of them.
        verdict: what the check found.
        columns: before and after.
        rows: at most :data:`headrace.proof.preview.MOST_ROWS` records, failed ones never left out first.
        untraced: the first outputs, where they cannot be traced to records.
        hidden: records that are not among ``rows``.
        created: when, ISO 8601, UTC.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    stream: str
    notebook: str | None
    body_digest: str
    output_digest: str
    source: str
    sink: str | None
    cluster: str
    sample: SampleFacts
    rows_in: int
    rows_out: int
    filtered: int | None
    failed: int
    incomplete: int = 0
    waiting: int = 0
    open_windows: int = 0
    verdict: Verdict
    columns: PreviewColumns
    rows: tuple[PreviewRow, ...]
    untraced: tuple[tuple[Any, ...], ...] = ()
    hidden: int = 0
    created: str

    @property
    def counts_text(self) -> str:
        """``500 -> 463: 37 filtered, 0 failed``."""
        filtered = "" if self.filtered is None else f"{self.filtered:,} filtered, "
        return f"{self.rows_in:,} -> {self.rows_out:,}: {filtered}{self.failed:,} failed"

    def summary(self) -> dict[str, Any]:
        """Return what a saved output holds of it: id, counts, verdict and schema, no value of any record."""
        columns = self.columns
        return {
            "id": self.id,
            "stream": self.stream,
            "source": self.source,
            "sink": self.sink,
            "cluster": self.cluster,
            "notebook": self.notebook,
            "counts": {
                "rows_in": self.rows_in,
                "rows_out": self.rows_out,
                "filtered": self.filtered,
                "failed": self.failed,
            },
            "edges": {
                "incomplete": self.incomplete,
                "waiting": self.waiting,
                "open_windows": self.open_windows,
            },
            "verdict": {
                "equal": self.verdict.equal,
                "reason": self.verdict.reason,
                "suggestion": self.verdict.suggestion,
                "splits": self.verdict.splits,
                "seconds": self.verdict.seconds,
            },
            "columns": {
                "before": [[column.name, column.dtype] for column in columns.before],
                "after": [[column.name, column.dtype] for column in columns.after],
                "added": list(columns.added),
                "changed": list(columns.changed),
                "removed": list(columns.removed),
            },
            "sample": self.sample.model_dump(mode="json"),
            "created": self.created,
        }


def new_id() -> str:
    """Return a preview id that nobody has yet: hexadecimal digits."""
    return secrets.token_hex(ID_BYTES)


def now_text() -> str:
    """Return the time now as a preview's ``created`` has it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def notebook_key(notebook: str | Path | None) -> str | None:
    """Return a notebook's path as previews name it: absolute, links followed."""
    return None if notebook is None else str(Path(notebook).resolve())

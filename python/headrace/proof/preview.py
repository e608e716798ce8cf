"""Make a preview of an examination: join before and after by provenance, and bound it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from headrace.engine.result import BatchResult
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample
from headrace.proof.body import body_digest
from headrace.proof.column_figures import histograms, nulls
from headrace.proof.examine import Examination
from headrace.proof.json_values import LONGEST_TEXT, cut, json_value
from headrace.proof.preview_model import (
    Edge,
    Preview,
    PreviewColumn,
    PreviewColumns,
    PreviewRow,
    SampleFacts,
    Status,
    new_id,
    notebook_key,
    now_text,
)

MOST_ROWS = 500
MOST_COLUMNS = 200
MOST_OUTPUTS = 50
"""Outputs shown of one record."""
MOST_CHARACTERS = 8_000_000
"""Of all values of a preview together; wide frames get shorter texts."""
SHORTEST_TEXT = 40


def preview(examination: Examination, sample: Sample, *, notebook: str | Path | None = None, body: str = "") -> Preview:
    """Return the preview of an examined stream.

    Args:
        examination: what :func:`headrace.proof.examine.examine` found on ``sample.records``.
        sample: the pinned sample.
        notebook: the notebook's path, where it is known.
        body: the cell's lines after the magic line.
    """
    spec, whole, records = examination.stream.document.spec, examination.whole, sample.records
    verdict = examination.verdict
    shown = _shown(whole, len(records))
    frame = whole.before
    before = [str(name) for name in frame.columns[:MOST_COLUMNS]]
    outputs = whole.rows
    after = [str(name) for name in outputs.columns[:MOST_COLUMNS]]
    longest = _longest(len(shown), len(before) + len(after))
    edges = _edges(examination, records)
    rows = _rows(whole, records, shown, after, longest, edges)
    traced = bool((whole.source >= 0).all())
    return Preview(
        id=new_id(),
        stream=spec.name,
        notebook=notebook_key(notebook),
        body_digest=body_digest(spec, body),
        output_digest=examination.output_digest,
        source=spec.source,
        sink=spec.sink,
        cluster=sample.pin.cluster,
        sample=_facts(sample),
        rows_in=verdict.rows_in,
        rows_out=verdict.rows_out,
        filtered=verdict.filtered,
        failed=verdict.failed,
        incomplete=len(examination.past.incomplete),
        waiting=len(whole.waiting),
        open_windows=whole.open_windows,
        verdict=verdict,
        columns=_columns(frame, outputs, rows),
        rows=tuple(rows),
        untraced=() if traced else tuple(_output(value, after, longest) for value in whole.values[:MOST_ROWS]),
        hidden=len(records) - len(rows),
        created=now_text(),
    )


def _shown(whole: BatchResult, count: int) -> list[int]:
    """Choose the records to show, in their order: all, or the failed ones (to a half) and the first others."""
    if count <= MOST_ROWS:
        return list(range(count))
    failed = [failure.position for failure in whole.failures][: MOST_ROWS // 2]
    others = np.setdiff1d(np.arange(count), failed)[: MOST_ROWS - len(failed)]
    return sorted([*failed, *others.tolist()])


def _longest(rows: int, columns: int) -> int:
    return max(SHORTEST_TEXT, min(LONGEST_TEXT, MOST_CHARACTERS // max(rows * columns, 1)))


def _edges(examination: Examination, records: Records) -> dict[int, Edge]:
    """Return by position which records hang on an edge of the sample."""
    waiting = examination.whole.waiting
    places = set(zip(waiting.partitions.tolist(), waiting.offsets.tolist(), strict=True))
    own = zip(records.partitions.tolist(), records.offsets.tolist(), strict=True)
    ends: dict[int, Edge] = {position: "end" for position, place in enumerate(own) if place in places}
    starts: dict[int, Edge] = dict.fromkeys(examination.past.incomplete.tolist(), "start")
    return ends | starts


def _rows(
    whole: BatchResult,
    records: Records,
    shown: list[int],
    after: list[str],
    longest: int,
    edges: dict[int, Edge],
) -> list[PreviewRow]:
    failures = {failure.position: failure for failure in whole.failures}
    outputs: dict[int, list[bytes]] = defaultdict(list)
    for position, value in zip(whole.source.tolist(), whole.values, strict=True):
        outputs[position].append(value)
    traced = -1 not in outputs
    place = {position: row for row, position in enumerate(whole.before_positions.tolist())}
    columns = [whole.before[name].tolist() for name in whole.before.columns[:MOST_COLUMNS]]
    rows: list[PreviewRow] = []
    for position in shown:
        failure = failures.get(position)
        mine = outputs.get(position)
        status: Status = "failed" if failure else "kept" if mine else "filtered" if traced else "untraced"
        row = place.get(position)
        raw = records.values[position]
        rows.append(
            PreviewRow(
                partition=int(records.partitions[position]),
                offset=int(records.offsets[position]),
                timestamp=int(records.timestamps[position]),
                before=None if row is None else tuple(_value(column[row], longest) for column in columns),
                after=tuple(_output(value, after, longest) for value in mine[:MOST_OUTPUTS])
                if mine and not failure
                else None,
                status=status,
                error=cut(failure.summary) if failure else None,
                line=failure.line if failure else None,
                raw=json_value(raw) if failure else None,
                edge=edges.get(position),
            )
        )
    return rows


def _output(value: bytes, columns: list[str], longest: int) -> tuple[Any, ...]:
    fields = orjson.loads(value)
    return tuple(_value(fields.get(column), longest) for column in columns)


def _value(value: Any, longest: int) -> Any:  # noqa: ANN401  any value of a frame
    shown = json_value(value)
    if isinstance(shown, dict | list):
        text = orjson.dumps(shown)
        return shown if len(text) <= longest else f"{text[: longest - 1].decode('utf-8', 'ignore')}…"
    if isinstance(shown, str) and len(shown) > longest:
        return f"{shown[: longest - 1]}…"
    return shown


def _columns(before: pd.DataFrame, after: pd.DataFrame, rows: list[PreviewRow]) -> PreviewColumns:
    had = {str(name): str(dtype) for name, dtype in zip(before.columns, before.dtypes, strict=True)}
    has = {str(name): str(dtype) for name, dtype in zip(after.columns, after.dtypes, strict=True)}
    order = list(had)[:MOST_COLUMNS], list(has)[:MOST_COLUMNS]
    other = {
        name
        for name in set(order[0]) & set(order[1])
        for row in rows
        if row.before is not None
        and row.after
        and row.before[order[0].index(name)] != row.after[0][order[1].index(name)]
    }
    figures = _figures(before, after)
    return PreviewColumns(
        before=tuple(PreviewColumn(name=cut(name), dtype=had[name], **figures["before", name]) for name in order[0]),
        after=tuple(PreviewColumn(name=cut(name), dtype=has[name], **figures["after", name]) for name in order[1]),
        added=tuple(cut(name) for name in order[1] if name not in had),
        changed=tuple(cut(name) for name in order[1] if name in other or had.get(name, has[name]) != has[name]),
        removed=tuple(cut(name) for name in order[0] if name not in has),
        hidden=len(had) - len(order[0]) + len(has) - len(order[1]),
    )


def _figures(before: pd.DataFrame, after: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the figures of the shown columns, by side and name."""
    one = {str(name): column for name, column in before.iloc[:, :MOST_COLUMNS].items()}
    other = {str(name): column for name, column in after.iloc[:, :MOST_COLUMNS].items()}
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for name in dict.fromkeys([*one, *other]):
        bins = histograms(one.get(name), other.get(name))
        for side, columns, counts in zip(("before", "after"), (one, other), bins, strict=True):
            if name in columns:
                figures[side, name] = {"nulls": nulls(columns[name]), "histogram": tuple(counts)}
    return figures


def _facts(sample: Sample) -> SampleFacts:
    records = sample.records
    return SampleFacts(
        text=sample.pin.text,
        ranges=tuple((int(partition), int(start), int(end)) for partition, start, end in sample.pin.ranges),
        partitions=tuple(int(partition) for partition in np.unique(records.partitions)),
        first=int(records.timestamps.min()) if len(records) else None,
        last=int(records.timestamps.max()) if len(records) else None,
        taken=sample.pin.taken,
        ends=sample.pin.ends,
    )

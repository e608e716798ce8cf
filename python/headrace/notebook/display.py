"""What a preview looks like: a MIME bundle for the front end, text for everybody else, a table on request."""

from __future__ import annotations

import html
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from headrace.proof.preview_model import PREVIEW_MIME, Preview, PreviewColumn, PreviewRow

_SIGNS = {True: "=", False: "x", None: "?"}
_WORDS = {True: "batch equals stream", False: "batch differs from stream", None: "not proved"}
_TEXT_COLUMNS = 8
_HTML_COLUMNS = 30
_FAILURES_SHOWN = 3


def bundle(preview: Preview, *, show: int | None = None) -> dict[str, Any]:
    """Return the cell's output by MIME type.

    Without ``show`` it holds an id, counts and schema and no value of any record, except in the difference that the
    text names and the errors of failed records.

    Args:
        preview: what to show.
        show: how many rows to put into the output as tables.
    """
    text = describe(preview)
    data: dict[str, Any] = {PREVIEW_MIME: preview.summary(), "text/plain": text}
    if show:
        rows = preview.rows[:show]
        tables = _tables(preview, rows)
        data["text/plain"] = "\n\n".join([text, *(f"{title}\n{_text(frame)}" for title, frame in tables)])
        data["text/html"] = "\n".join(
            [
                f"<pre>{html.escape(text)}</pre>",
                *(
                    f"<p>{html.escape(title)}</p>\n{frame.to_html(max_cols=_HTML_COLUMNS, escape=True, na_rep='')}"
                    for title, frame in tables
                ),
            ]
        )
    return data


def describe(preview: Preview) -> str:
    """Return topics, sample, counts, verdict and failures as some lines of text."""
    verdict = preview.verdict
    sink = preview.sink or "(preview only: no --to)"
    columns = [f"+{name}" for name in preview.columns.added] + [f"-{name}" for name in preview.columns.removed]
    lines = [
        f"{preview.stream}   {preview.source} -> {sink}   {_sample(preview)}, read-only, no group",
        f"{_SIGNS[verdict.equal]} {_WORDS[verdict.equal]} ({verdict.splits} splits, {verdict.seconds:.1f} s)   "
        f"{preview.counts_text}   {' '.join(columns)}".rstrip(),
    ]
    if verdict.equal is not True:
        lines.append(f"  {verdict.reason}")
    if verdict.difference is not None:
        lines.append(f"  first {verdict.difference}")
    if verdict.rewrite is not None:
        lines += ["  the cell rewritten:", *(f"      {line}" for line in verdict.rewrite.splitlines())]
    lines += [f"  {message}" for message in verdict.messages]
    return "\n".join(lines + _failures(preview))


def _sample(preview: Preview) -> str:
    facts = preview.sample
    partitions = ", ".join(str(partition) for partition in facts.partitions)
    text = f"{preview.rows_in:,} records"
    if facts.first is None or facts.last is None:
        return text
    moments = [datetime.fromtimestamp(moment / 1000, UTC) for moment in (facts.first, facts.last)]
    return f"{text}, partitions {partitions}, {moments[0]:%Y-%m-%d %H:%M:%S} to {moments[1]:%Y-%m-%d %H:%M:%S} UTC"


def _failures(preview: Preview) -> list[str]:
    """Say each error once, with where it came first and how often."""
    failed = [row for row in preview.rows if row.status == "failed"]
    if not failed:
        return []
    counts = Counter((row.error, row.line) for row in failed)
    first = {(row.error, row.line): row for row in reversed(failed)}
    lines = []
    for (error, line), count in counts.most_common(_FAILURES_SHOWN):
        row = first[error, line]
        where = f"line {line}, " if line else ""
        if count == preview.rows_in:
            lines.append(f"  every record failed: {error} ({where}first at {row.partition}:{row.offset})")
        else:
            lines.append(f"  {count:,} failed: {error} ({where}first at {row.partition}:{row.offset})")
    rest = len(counts) - _FAILURES_SHOWN
    return [*lines, f"  and {rest:,} other errors"] if rest > 0 else lines


def _tables(preview: Preview, rows: tuple[PreviewRow, ...]) -> list[tuple[str, pd.DataFrame]]:
    columns = preview.columns
    before = _frame(columns.before, [(row, row.before) for row in rows])
    outputs: list[tuple[PreviewRow, tuple[Any, ...] | None]] = []
    for row in rows:
        outputs += [(row, values) for values in row.after] if row.after else [(row, None)]
    after = _frame(columns.after, outputs)
    after.insert(0, "", [_state(row) for row, _ in outputs])
    if preview.untraced:
        return [("before", before), ("after", _frame(columns.after, [(None, row) for row in preview.untraced]))]
    return [("before", before), ("after", after)]


def _frame(
    columns: tuple[PreviewColumn, ...],
    rows: list[tuple[PreviewRow, tuple[Any, ...] | None]] | list[tuple[None, tuple[Any, ...]]],
) -> pd.DataFrame:
    names = [column.name for column in columns]
    empty = (None,) * len(names)
    labels = ["" if row is None else f"{row.partition}:{row.offset}" for row, _ in rows]
    return pd.DataFrame([values or empty for _, values in rows], index=labels, columns=names, dtype=object)


def _state(row: PreviewRow) -> str:
    if row.status != "failed":
        words = "" if row.status == "kept" else row.status
        edge = {None: "", "start": "less history", "end": "within the grace"}[row.edge]
        return ", ".join(filter(None, (words, edge)))
    return f"failed: {row.error}" + (f", line {row.line}" if row.line else "")


def _text(frame: pd.DataFrame) -> str:
    return frame.to_string(max_cols=_TEXT_COLUMNS, max_colwidth=32, na_rep="")

"""Run a stream's cell on one record of its sample, as it stands: exceptions and breakpoints are the cell's own."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from headrace.engine.context import ROW_ID
from headrace.engine.edges import Edges
from headrace.engine.trial import process
from headrace.errors import DecodeError, MissingError, UsageError
from headrace.kafka.records import Records
from headrace.notebook.session import KernelStream, streams
from headrace.proof.quiet import quiet

_PLACE = re.compile(r"(\d+):(\d+)", re.ASCII)


def run_on(name: str, place: str) -> object:
    """Call a stream's function on one record of its last preview, with what the service would hand it beside that.

    A cell with a lookback gets its key's rows before the record as far as the sample and what was read before it have
    them, one with side inputs those that are pinned; states are empty.

    Args:
        name: the stream.
        place: the record, ``PARTITION:OFFSET``.

    Returns:
        What the cell gives; for a frame, the rows of the record and of its history, as the cell returned them.

    Raises:
        UsageError: ``place`` is no place, or the cell sees whole windows.
        MissingError: no cell with that stream was run, or its sample lacks the record.
        DecodeError: the record cannot be read as rows.
        Exception: whatever the cell raises, from its own lines.
    """
    __tracebackhide__ = True  # IPython then shows the cell's own frames
    known = streams[name]
    frame, arguments = _call(known, place)
    returned = known.stream.function(frame, **arguments)
    return returned.drop(columns=ROW_ID, errors="ignore") if isinstance(returned, pd.DataFrame) else returned


def _call(known: KernelStream, place: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return with what the engine calls the function for the record alone."""
    records, spec = known.records, known.stream.document.spec
    match = _PLACE.fullmatch(place.strip())
    if match is None:
        message = f"`{place}` is not the place of a record."
        raise UsageError(message, hint="Write PARTITION:OFFSET, 2:7741, as the preview shows it.")
    if spec.window:
        message = f"The cell of `{spec.name}` sees whole windows, not one record."
        raise UsageError(message, hint="Take a sample of the window's records, P:START-END, and run the cell on it.")
    found = np.flatnonzero((records.partitions == int(match[1])) & (records.offsets == int(match[2])))
    if not len(found):
        message = f"The sample of `{spec.name}` has no record {place}."
        raise MissingError(message, hint=f"Run the cell with --sample {match[1]}:{match[2]}-{int(match[2]) + 1}.")
    calls: list[tuple[pd.DataFrame, dict[str, Any]]] = []

    @functools.wraps(known.stream.function)
    def noting(frame: pd.DataFrame, **arguments: Any) -> object:  # noqa: ANN401  whatever the spec declares
        calls.append((frame.copy(deep=True), dict(arguments)))
        return known.stream.function(frame, **arguments)

    position = int(found[0])
    failed = {failure.position for failure in known.whole.failures}
    edges = _edges(known.stream.edges, records, position, failed) if spec.lookback else None
    with quiet():
        result = process(replace(known.stream, function=noting, edges=edges), records.take(found[:1]))
    if not calls:
        why = result.failures[0].summary if result.failures else "it has no row"
        message = f"The record {place} does not come to the cell: {why}"
        raise DecodeError(message, hint="Look at its raw value; --type and --format say how records are read.")
    return calls[0]


def _edges(edges: Edges | None, records: Records, position: int, failed: set[int]) -> Edges:
    """Return the log around one record of a sample: what came before it and did not fail is its past."""
    kept = [place for place in range(position) if place not in failed]
    parts = [records.take(np.array(kept, np.int64))]
    past = Records.concat(records.topic, parts if edges is None else [edges.past, *parts])
    starts = {} if edges is None else dict(edges.starts)
    for number in np.unique(records.partitions).tolist():
        own = records.offsets[:position][records.partitions[:position] == number]
        starts[number] = int(own[-1]) + 1 if len(own) else int(records.offsets[records.partitions == number][0])
    return Edges(past=past, starts=starts)

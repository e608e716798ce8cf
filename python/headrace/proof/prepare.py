"""From a spec, a function and a sample to a stream whose types and row matching are pinned."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from headrace.engine.arrivals import Arrivals
from headrace.engine.bisect import CELL_FAILURES
from headrace.engine.codecs import make_codecs, registry_for
from headrace.engine.context import Function
from headrace.engine.edges import Edges
from headrace.engine.matching import find_matching
from headrace.engine.result import BatchResult
from headrace.engine.rows import Rows
from headrace.engine.sides import PinnedSides
from headrace.engine.state.rows import dtypes_of
from headrace.engine.stream import Stream
from headrace.errors import RefusedError
from headrace.kafka.inference import InferredTypes, column_types
from headrace.kafka.records import Records
from headrace.proof.copartitioning import shared_out
from headrace.proof.keying import stands_by_key
from headrace.proof.quiet import quiet
from headrace.proof.side_samples import SideSamples
from headrace.proof.windows_at_once import same_at_once
from headrace.spec import Matching, StreamDocument, StreamSpec

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry

MOST_ATTEMPTS = 200


def prepare(
    spec: StreamSpec,
    function: Function,
    inferred: InferredTypes,
    records: Records,
    sides: SideSamples | None = None,
    edges: Edges | None = None,
) -> Stream:
    """Return the stream with pinned input types and with how its rows are matched, found out on ``records``.

    :func:`headrace.proof.examine.examine` calls it and then runs and checks the stream; call it alone where only
    the stream is wanted.

    Args:
        spec: the cell's declaration.
        function: the cell's body as a function, from :func:`headrace.engine.function.compile_body`.
        inferred: the source topic's column types, from :func:`headrace.kafka.inference.infer_types`.
        records: the pinned sample.
        sides: what is pinned of the side inputs with it.
        edges: of the sample, where the stream takes records in event time and the sample is a part of the log.

    Raises:
        UsageError: ``--time``, ``--key`` or ``--type`` name a column that is not there.
        RefusedError: the stream looks back, and its outputs cannot be matched to rows.
    """
    types = column_types(inferred, spec)
    samples = sides or SideSamples()
    typed = StreamDocument(spec=spec, input=types, sides=dict(samples.types))
    bare = Stream(typed, function, sides=PinnedSides(typed, samples.records, _registry(spec)))
    arrived = Arrivals(spec, make_codecs(bare)).rows(records)
    frame = arrived.rows.ordered().frame if spec.in_event_time or spec.joins_in_time else arrived.rows.frame
    matching: Matching = "none" if spec.window else _matching(spec, function, frame, _arguments(bare, arrived.rows))
    if spec.lookback and matching == "none" and len(frame):
        message = "The cell's output cannot be matched to its rows, so nobody can say which of them are new."
        raise RefusedError(message, hint="Keep the rows' index, or all columns through a merge.")
    document = StreamDocument(
        spec=spec,
        input=types,
        never_null=tuple(column for column in inferred.never_null if column in types),
        matching=matching,
        sides=typed.sides,
        repartition=bool(spec.remembers and spec.key and not stands_by_key(arrived.rows.frame[spec.key], arrived)),
    )
    stream = replace(bare, document=document)
    if spec.window and same_at_once(stream, records):
        stream = replace(stream, document=document.model_copy(update={"windows_at_once": True}))
    divided = shared_out(stream, records, arrived, samples.divided, _registry(spec))
    if divided:
        stream = replace(stream, document=stream.document.model_copy(update={"copartitioned": divided}))
    return replace(stream, edges=edges)


def with_output(stream: Stream, whole: BatchResult) -> Stream:
    """Return the stream with the dtypes of output and states as ``whole`` has them."""
    rows = whole.rows
    output = {str(name): str(dtype) for name, dtype in zip(rows.columns, rows.dtypes, strict=True)}
    states = {name: dtypes_of(frame) for name, frame in whole.states.items() if len(frame)}
    return replace(stream, document=stream.document.model_copy(update={"output": output, "states": states}))


def _registry(spec: StreamSpec) -> Registry | None:
    return registry_for(spec, None) if spec.sides else None


def _arguments(stream: Stream, rows: Rows) -> dict[str, object]:
    """Return what the function gets beside all rows of the sample."""
    sides = stream.sides.frames(int(rows.times.min()), int(rows.times.max())) if stream.sides and len(rows) else {}
    spec = stream.document.spec
    states = {state.name: pd.DataFrame(index=pd.Index([], name=spec.key)) for state in spec.declared_states}
    return {**spec.params, **sides, **states}


def _matching(spec: StreamSpec, function: Function, frame: pd.DataFrame, arguments: Mapping[str, object]) -> Matching:
    """Find the matching on all rows, or on the largest piece of them that the function takes without raising."""
    pieces = deque([frame] if len(frame) else [])
    for _ in range(MOST_ATTEMPTS):
        if not pieces:
            break
        piece = pieces.popleft()
        try:
            with quiet():
                states = tuple(state.name for state in spec.declared_states)
                return find_matching(function, piece, arguments, sinks=spec.sinks, states=states)
        except CELL_FAILURES:
            if len(piece) > 1:
                middle = len(piece) // 2
                pieces += [part.reset_index(drop=True) for part in (piece.iloc[:middle], piece.iloc[middle:])]
    return "label"

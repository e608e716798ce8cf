"""Run a stream over a sample, without a service: what preview, check, test and clean room do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from headrace.engine.bisect import Failure
from headrace.engine.edges import Edges, open_windows, waiting_rows
from headrace.engine.processor import Processor, make_processor
from headrace.engine.result import BatchResult, Places, joined_bytes
from headrace.engine.stream import Stream
from headrace.kafka.records import Records

Positions = npt.NDArray[np.int64]


def process(stream: Stream, records: Records) -> BatchResult:
    """Process ``records`` as one run of ``stream`` that begins with the first and ends with the last of them.

    A stream that remembers gives all it would give were there nothing before and nothing after: at the end every
    window closes. Where the stream knows the edges of its sample, it gives what the service does that has read what
    comes before: windows that the sample does not have in full are counted, not given.
    """
    spec = stream.document.spec
    if not (spec.remembers or spec.sides):
        return make_processor(stream).process(records)
    everything = np.arange(len(records), dtype=np.int64)
    return joined(process_batches(stream, records, [everything]))


def process_batches(
    stream: Stream,
    records: Records,
    batches: Iterable[Positions],
    *,
    one_lane: bool | None = None,
    memory: int | None = None,
) -> list[BatchResult]:
    """Process a sample batch by batch, as a service would that meets it in this order.

    Args:
        stream: what to run.
        records: the sample.
        batches: positions into the sample; in offset order within a partition.
        one_lane: treat all partitions as one lane; by default where the stream has no key, or needs a repartition.
        memory: bytes for what is remembered; see :func:`~headrace.engine.processor.make_processor`.

    Returns:
        A result for each batch, and one for what is given at the end; ``source`` and the positions of failures are
        positions into ``records``.
    """
    alone = stream.document.repartition if one_lane is None else one_lane
    processor = make_processor(stream, one_lane=alone, memory=memory)
    try:
        if stream.edges is not None:
            return _between_edges(stream, stream.edges, processor, records, batches)
        for number in np.unique(records.partitions).tolist():
            processor.begin(number)
        results = [_processed(processor, records, batch) for batch in batches]
        last = _located(processor.finish(), records)
        processor.commit()
        return [*results, replace(last, states=processor.states())]
    finally:
        processor.close()


def _between_edges(
    stream: Stream, edges: Edges, processor: Processor, records: Records, batches: Iterable[Positions]
) -> list[BatchResult]:
    """Process a part of the log: with its past before it, and with what its end leaves open."""
    from headrace.engine.laned import LanedProcessor  # noqa: PLC0415  most streams remember nothing

    assert isinstance(processor, LanedProcessor)  # noqa: S101  only streams in event time have edges
    spec = stream.document.spec
    edges.begin(processor, spec)
    results = [_processed(processor, records, batch) for batch in batches]
    passed = edges.end(processor)
    if passed is not None:
        results.append(_located(passed, records))
    processor.commit()
    if spec.window:
        return [*results[:-1], replace(results[-1], open_windows=open_windows(processor))]
    waiting = waiting_rows(processor)
    last = _located(processor.finish(), records)
    processor.commit()
    return [*results, replace(last, waiting=waiting)]


def joined(results: Sequence[BatchResult]) -> BatchResult:
    """Return the results of a sample's batches as one; ``before`` is in the order of the records."""
    before_positions = np.concatenate([result.before_positions for result in results])
    frames = [result.before for result in results if len(result.before)] or [results[0].before]
    before = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    order = np.argsort(before_positions, kind="stable")
    if (np.diff(order) < 0).any():
        before, before_positions = before.take(order).reset_index(drop=True), before_positions[order]
    filled = [result for result in results if len(result.values)]
    headers = [header for result in filled for header in (result.headers or [None] * len(result.values))]
    dropped: Counter[str] = Counter()
    for result in results:
        dropped += result.dropped
    starts = [result.starts for result in filled]
    sinks = [result.sinks for result in filled]
    return BatchResult(
        parts=[part for result in results for part in result.parts],
        source=_join([result.source for result in filled]),
        values=joined_bytes([result.values for result in filled]),
        keys=[key for result in filled for key in result.keys],
        timestamps=_join([result.timestamps for result in filled]),
        headers=headers if any(result.headers is not None for result in filled) else None,
        failures=sorted((f for result in results for f in result.failures), key=lambda failure: failure.position),
        dropped=dropped,
        before=before,
        before_positions=before_positions,
        partitions=_join([result.partitions for result in filled]),
        offsets=_join([result.offsets for result in filled]),
        sinks=_join([s for s in sinks if s is not None]) if filled and all(s is not None for s in sinks) else None,
        late=Places(
            _join([result.late.partitions for result in results]), _join([result.late.offsets for result in results])
        ),
        starts=_join([s for s in starts if s is not None]) if filled and all(s is not None for s in starts) else None,
        states=results[-1].states,
        waiting=results[-1].waiting,
        open_windows=results[-1].open_windows,
    )


def _processed(processor: Processor, records: Records, batch: Positions) -> BatchResult:
    whole = len(batch) == len(records) and bool((np.diff(batch) == 1).all())
    result = processor.process(records if whole else records.take(batch))
    processor.commit()
    located = _located(result, records)
    return replace(located, before_positions=batch[result.before_positions])


def _located(result: BatchResult, records: Records) -> BatchResult:
    """Return the result with positions into ``records`` in place of those into the batch, by partition and offset."""
    order = np.lexsort((records.offsets, records.partitions))
    index = {
        (partition, offset): position
        for partition, offset, position in zip(
            records.partitions[order].tolist(), records.offsets[order].tolist(), order.tolist(), strict=True
        )
    }
    places = zip(result.partitions.tolist(), result.offsets.tolist(), strict=True)
    source = np.fromiter((index.get(place, -1) for place in places), np.int64, len(result.values))
    known = [failure for failure in result.failures if (failure.partition, failure.offset) in index]
    failures = [_placed(failure, index) for failure in known]  # a window's records of before the sample fail with it
    return replace(result, source=source, failures=sorted(failures, key=lambda failure: failure.position))


def _placed(failure: Failure, index: dict[tuple[int, int], int]) -> Failure:
    return replace(failure, position=index[failure.partition, failure.offset])


def _join(columns: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(columns) if columns else np.empty(0, np.int64)

"""The rows of side inputs that belong to a sample, pinned with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from headrace.engine.arrivals import Arrivals, Arrived
from headrace.engine.codecs import make_codecs, registry_for
from headrace.engine.event_time import microseconds
from headrace.engine.frames import key_texts
from headrace.engine.rows import Rows
from headrace.engine.sides import SideReader
from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import InferredTypes, column_types, infer_types
from headrace.kafka.pins import kept_sample
from headrace.kafka.records import Records
from headrace.kafka.sample_request import format_ranges
from headrace.kafka.sampling import Sample, SamplePin, take_sample
from headrace.kafka.topics import offsets_at, require_topic
from headrace.proof.copartitioning import divided_alike, places_of, same_counts
from headrace.proof.keying import stands_by_key
from headrace.proof.past_sample import PastSample
from headrace.spec import ColumnType, SideInput, StreamDocument, StreamSpec

MOST_RECORDS = 100_000
"""Records read of a side topic for a sample; the newest."""
_FIRST_ROWS = 20
"""So many rows at the beginning of what was read say how far a partition was there."""


@dataclass(frozen=True, slots=True)
class SideSamples:
    """The side inputs' part of a sample.

    Attributes:
        records: by topic; of a table all, else those that the sample's time needs.
        types: pandas dtype of each column, by topic.
        notes: what is worth knowing of them, a sentence each.
        divided: topics that are divided as the stream is, with how many partitions they and the source have.
    """

    records: Mapping[str, Records] = field(default_factory=dict)
    types: Mapping[str, dict[str, ColumnType]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    divided: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Span:
    """Which event times a sample's rows have, in microseconds, and how much later side rows may come."""

    first: int
    last: int
    grace: timedelta


def pinned_sides(
    cluster: Cluster,
    spec: StreamSpec,
    inferred: InferredTypes,
    sample: Sample,
    past: PastSample | None = None,
    *,
    renew: bool = False,
) -> SideSamples:
    """Return the rows of a stream's side inputs for a sample: those of before where they were pinned with it.

    Args:
        cluster: where.
        spec: the stream's declaration.
        inferred: the source topic's column types.
        sample: the pinned records of the source.
        past: what is pinned of the log around it: history is joined too.
        renew: read them anew in any case.

    Raises:
        MissingTopicError: a side topic does not exist.
        UsageError: a column that is declared as its time is not there.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    if not spec.sides:
        return SideSamples()
    registry = registry_for(spec, cluster)
    arrivals = _arrivals(spec, inferred)
    span = _span(spec, arrivals, sample.records, past or PastSample())
    records: dict[str, Records] = {}
    types: dict[str, dict[str, ColumnType]] = {}
    notes: list[str] = []
    counts = {spec.source: require_topic(cluster, spec.source).partitions}
    for side, declared in zip(spec.side_inputs, spec.sides, strict=True):
        counts[side.topic] = require_topic(cluster, side.topic).partitions
        found = infer_types(cluster, side.topic, renew=renew, format=spec.format, registry=registry)
        own = spec.model_copy(update={"source": side.topic, "time": side.time, "types": {}, "key": None})
        types[side.topic] = column_types(found, own)
        words = f"{declared} beside {spec.source} {sample.pin.offsets} by {spec.time} {span}"

        def take(side: SideInput = side) -> Sample:
            return _take(cluster, side, span)

        taken = kept_sample(cluster, side.topic, words, take, renew=renew)
        reader = SideReader(side, types[side.topic], format=spec.format, registry=registry)
        rows = reader.add(taken.records)
        records[side.topic] = _needed(reader, taken.records, rows, span)
        if not taken.pin.complete:
            notes += _cut_off(reader, rows, span)
        if reader.skipped:
            notes.append(f"{reader.skipped:,} records of `{side.topic}` are no rows of it and are passed over.")
    divided = _divided(spec, arrivals.rows(sample.records), records, counts)
    return SideSamples(records, types, tuple(notes), divided)


def _divided(
    spec: StreamSpec, arrived: Arrived, records: Mapping[str, Records], counts: Mapping[str, int]
) -> dict[str, int]:
    """Return the side topics that are divided as the stream is, with how many partitions they have."""
    candidates = same_counts(counts, spec.source)
    if spec.key not in arrived.rows.frame.columns or not candidates:  # none, or one that the cell makes
        return {}
    count = counts[spec.source]
    column = arrived.rows.frame[spec.key]
    repartition = spec.remembers and not stands_by_key(column, arrived)
    texts = key_texts(column)
    places = places_of(texts, arrived.rows.partitions, count if repartition else None)
    return {topic: count for topic in candidates if divided_alike(texts, places, records[topic], count)}


def _arrivals(spec: StreamSpec, inferred: InferredTypes) -> Arrivals:
    bare = Stream(StreamDocument(spec=spec, input=column_types(inferred, spec)), _nothing)
    return Arrivals(spec, make_codecs(bare))


def _span(spec: StreamSpec, arrivals: Arrivals, records: Records, past: PastSample) -> _Span | None:
    """Return the event times of rows that are joined, or ``None`` without one; a window's reach to its ends."""
    times = arrivals.rows(records).rows.times
    if not len(times):
        return None
    first, last = int(times.min()), int(times.max())
    lookback = spec.looks_back
    if past.edges is not None and len(past.edges.past):
        earliest = int(arrivals.rows(past.edges.past).rows.times.min(initial=first))
        span = microseconds(lookback.span) if lookback is not None and lookback.span is not None else None
        first = min(first, earliest) if span is None else min(first, max(earliest, first - span))
    around = microseconds(spec.windows.size) if spec.windows is not None else 0
    return _Span(first - around, last + around, spec.grace_time)


def _nothing(df: object) -> object:
    return df


def _take(cluster: Cluster, side: SideInput, span: _Span | None) -> Sample:
    if span is None or side.time is not None or side.lookback is None:
        sample = take_sample(cluster, side.topic, f"latest:{MOST_RECORDS}")
        return sample if len(sample.records) < MOST_RECORDS else _cut(sample)
    begin = offsets_at(cluster, side.topic, (span.first - microseconds(side.lookback)) // 1000)
    end = offsets_at(cluster, side.topic, (span.last + microseconds(span.grace)) // 1000 + 1)
    ranges = tuple((number, begin[number], end[number]) for number in sorted(begin) if begin[number] < end[number])
    if not ranges:
        pin = SamplePin(cluster=cluster.name, topic=side.topic, text="", ranges=())
        return Sample(pin, Records.empty(side.topic))
    return take_sample(cluster, side.topic, format_ranges(ranges))


def _cut(sample: Sample) -> Sample:
    return Sample(sample.pin.model_copy(update={"complete": False}), sample.records)


def _cut_off(reader: SideReader, rows: Rows, span: _Span | None) -> Iterator[str]:
    """Say from when on the rows of a side topic are there of which only the newest records are read."""
    side = reader.side
    more = f"`{side.topic}` holds more than is read for a sample: its newest records are pinned"
    if side.is_table or side.time is None or span is None or not len(rows):
        yield f"{more}."
        return
    firsts = [int(rows.times[rows.partitions == number][:_FIRST_ROWS].max()) for number in np.unique(rows.partitions)]
    known = max(firsts) + microseconds(span.grace)
    if side.lookback is None or reader.needed_from(span.first) < known:
        whole = known + (0 if side.lookback is None else microseconds(side.lookback))
        since, moment = (pd.Timestamp(time, unit="us", tz="UTC") for time in (known, whole))
        yield (
            f"{more}, from {since:%Y-%m-%d %H:%M:%S} UTC on; rows before {moment:%Y-%m-%d %H:%M:%S} UTC are joined to "
            "less than in the service."
        )


def _needed(reader: SideReader, records: Records, rows: Rows, span: _Span | None) -> Records:
    """Return the records that are needed: of a table all, else the rows of the sample's time."""
    if reader.side.is_table or span is None:
        return records
    wanted = (rows.times >= reader.needed_from(span.first)) & (rows.times <= span.last)
    places = set(zip(rows.partitions[wanted].tolist(), rows.offsets[wanted].tolist(), strict=True))
    own = zip(records.partitions.tolist(), records.offsets.tolist(), strict=True)
    return records.take(np.array([number for number, place in enumerate(own) if place in places], np.int64))

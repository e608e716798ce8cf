"""The rows of side inputs that belong to a sample, pinned with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from headrace.engine.arrivals import Arrivals
from headrace.engine.codecs import make_codecs, registry_for
from headrace.engine.event_time import microseconds
from headrace.engine.sides import SideReader
from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import InferredTypes, column_types, infer_types
from headrace.kafka.pins import kept_sample
from headrace.kafka.records import Records
from headrace.kafka.sample_request import format_ranges
from headrace.kafka.sampling import Sample, SamplePin, take_sample
from headrace.kafka.topics import offsets_at, require_topic
from headrace.spec import ColumnType, SideInput, StreamDocument, StreamSpec

MOST_RECORDS = 100_000
"""Records read of a side topic for a sample; the newest."""


@dataclass(frozen=True, slots=True)
class SideSamples:
    """The side inputs' part of a sample.

    Attributes:
        records: by topic; of a table all, else those that the sample's time needs.
        types: pandas dtype of each column, by topic.
        notes: what is worth knowing of them, a sentence each.
    """

    records: Mapping[str, Records] = field(default_factory=dict)
    types: Mapping[str, dict[str, ColumnType]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    """Which event times a sample's rows have, in microseconds, and how much later side rows may come."""

    first: int
    last: int
    grace: timedelta


def pinned_sides(
    cluster: Cluster, spec: StreamSpec, inferred: InferredTypes, sample: Sample, *, renew: bool = False
) -> SideSamples:
    """Return the rows of a stream's side inputs for a sample: those of before where they were pinned with it.

    Args:
        cluster: where.
        spec: the stream's declaration.
        inferred: the source topic's column types.
        sample: the pinned records of the source.
        renew: read them anew in any case.

    Raises:
        MissingTopicError: a side topic does not exist.
        UsageError: a column that is declared as its time is not there.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    if not spec.sides:
        return SideSamples()
    registry = registry_for(spec, cluster)
    span = _span(spec, inferred, sample.records)
    records: dict[str, Records] = {}
    types: dict[str, dict[str, ColumnType]] = {}
    notes = []
    for side, declared in zip(spec.side_inputs, spec.sides, strict=True):
        require_topic(cluster, side.topic)
        found = infer_types(cluster, side.topic, renew=renew, format=spec.format, registry=registry)
        own = spec.model_copy(update={"source": side.topic, "time": side.time, "types": {}})
        types[side.topic] = column_types(found, own)
        words = f"{declared} beside {spec.source} {sample.pin.offsets} by {spec.time}, {spec.window}, {spec.grace}"

        def take(side: SideInput = side) -> Sample:
            return _take(cluster, side, span)

        taken = kept_sample(cluster, side.topic, words, take, renew=renew)
        reader = SideReader(side, types[side.topic], format=spec.format, registry=registry)
        records[side.topic] = _needed(reader, taken.records, span)
        if not taken.pin.complete:
            notes.append(f"`{side.topic}` holds more than is read for a sample: its newest records are pinned.")
        if reader.skipped:
            notes.append(f"{reader.skipped:,} records of `{side.topic}` are no rows of it and are passed over.")
    return SideSamples(records, types, tuple(notes))


def _span(spec: StreamSpec, inferred: InferredTypes, records: Records) -> _Span | None:
    """Return the event times of a sample's rows, or ``None`` without one; a window's reach to its ends."""
    bare = Stream(StreamDocument(spec=spec, input=column_types(inferred, spec)), _nothing)
    times = Arrivals(spec, make_codecs(bare)).rows(records).rows.times
    if not len(times):
        return None
    around = microseconds(spec.windows.size) if spec.windows is not None else 0
    return _Span(int(times.min()) - around, int(times.max()) + around, spec.grace_time)


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


def _needed(reader: SideReader, records: Records, span: _Span | None) -> Records:
    """Return the records that are needed: of a table all, else the rows of the sample's time."""
    rows = reader.add(records)
    if reader.side.is_table or span is None:
        return records
    wanted = (rows.times >= reader.needed_from(span.first)) & (rows.times <= span.last)
    places = set(zip(rows.partitions[wanted].tolist(), rows.offsets[wanted].tolist(), strict=True))
    own = zip(records.partitions.tolist(), records.offsets.tolist(), strict=True)
    return records.take(np.array([number for number, place in enumerate(own) if place in places], np.int64))

"""From where a bounded run reads the past of its range."""

from __future__ import annotations

import time

from headrace.engine.bounded.ranges import Offsets
from headrace.kafka.clusters import Cluster
from headrace.kafka.reading import SampleLimits, read_ranges
from headrace.kafka.topics import offsets_at
from headrace.spec import StreamDocument

_LOOKED_AT = 64
"""Offsets right before a range among which a record is looked for."""


def first_offsets(document: StreamDocument, cluster: Cluster, offsets: Offsets, lows: dict[int, int]) -> dict[int, int]:
    """Return for each partition the first offset that a run over ``offsets`` has to read.

    A lookback of a length of time by the records' own timestamps needs what is at most the grace and the lookback
    older than the newest record before the range: rows of the range that are in time are no earlier than that newest
    time minus the grace. The newest time is at least that of any record before the range, and Kafka knows the first
    offset with a timestamp from a given one on, so that all records before it are older. It knows nothing of a
    ``--time`` column, whose order may be another, nor how far back so many rows of a key are: these need the whole log.

    Args:
        document: the stream's.
        cluster: where.
        offsets: the range of each partition.
        lows: where the log of each begins.

    Raises:
        ClusterError: the cluster cannot be reached, or refuses.
    """
    spec = document.spec
    if not spec.lookback:
        return {number: first for number, (first, _) in offsets.items()}
    lookback = spec.looks_back
    if lookback is None or lookback.span is None or spec.time is not None:
        return {number: lows[number] for number in offsets}
    newest = _known_times(cluster, spec.source, offsets, lows)
    back = int((lookback.span + spec.grace_time).total_seconds() * 1000) + 1
    if spec.key is None or document.repartition:  # rows of one partition are the past of another's
        if any(first < last and number not in newest for number, (first, last) in offsets.items()):
            return {number: lows[number] for number in offsets}
        newest = dict.fromkeys(offsets, min(newest.values(), default=0))
    found = {when: offsets_at(cluster, spec.source, when) for when in {stamp - back for stamp in newest.values()}}
    firsts = {}
    for number, (first, _) in offsets.items():
        since = found[newest[number] - back][number] if number in newest else lows[number]
        firsts[number] = min(max(since, lows[number]), first)
    return firsts


def _known_times(cluster: Cluster, topic: str, offsets: Offsets, lows: dict[int, int]) -> dict[int, int]:
    """Return for each partition the latest timestamp of records right before its range, where there are some.

    Milliseconds since the epoch; not after the clock, since a record far ahead of it does not count as newest.
    """
    ranges = [
        (number, max(lows[number], first - _LOOKED_AT), first)
        for number, (first, _) in sorted(offsets.items())
        if first > lows[number]
    ]
    now = int(time.time() * 1000)
    found: dict[int, int] = {}
    for messages in read_ranges(cluster, topic, ranges, SampleLimits()).messages:
        for message in messages:
            number, stamp = int(message.partition() or 0), min(int(message.timestamp()[1]), now)
            found[number] = max(found.get(number, stamp), stamp)
    return found

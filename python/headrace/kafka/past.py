"""Read what comes before a sample, backwards from its first offsets until enough is there; without a trace, too."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from headrace.kafka.reading import SampleLimits, in_arrival_order, read_ranges
from headrace.kafka.records import Records
from headrace.kafka.sampling import Sample, SamplePin, only_whole
from headrace.kafka.topics import watermarks

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster
    from headrace.kafka.sample_request import Range

PAST_LIMITS = SampleLimits(records=100_000, bytes=50_000_000, seconds=20.0)
"""How much of the past is read for a sample at most."""

_FIRST_CHUNK = 1_000

Enough = Callable[[int, Records], bool]
"""Is given a partition and the records right before those it was given last; says whether none before are needed."""


def read_back(
    cluster: Cluster,
    topic: str,
    starts: Mapping[int, int],
    enough: Enough,
    *,
    limits: SampleLimits = PAST_LIMITS,
    progress: Callable[[int], None] | None = None,
) -> Sample:
    """Read each partition backwards from before its start, in ever larger pieces, until it has enough.

    Only committed records are read, by a consumer without a group; nothing is left behind.

    Args:
        cluster: where.
        topic: the topic.
        starts: by partition the offset before which to read.
        enough: asked after each piece.
        limits: where to stop all the same.
        progress: called with the number of records of a piece read so far.

    Returns:
        The records, and a pin with one range for each partition that has some; ``complete`` is false where a limit
        came first. A partition that is read to the beginning of its log is complete.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    lows = {number: low for number, (low, _) in watermarks(cluster, topic).items()}
    first = {number: start for number, start in starts.items() if number in lows}
    unread = {number for number, start in first.items() if lows[number] < start}
    pieces: dict[int, list[Records]] = defaultdict(list)
    left_records, left_bytes, deadline = limits.records, limits.bytes, time.monotonic() + limits.seconds
    complete, size = True, _FIRST_CHUNK
    while unread and complete:
        share = min(size, left_records // len(unread))
        left = SampleLimits(left_records, left_bytes, deadline - time.monotonic())
        if share < 1 or left.seconds <= 0:
            complete = False
            break
        chunks: list[Range] = [(number, max(lows[number], first[number] - share), first[number]) for number in unread]
        reading = read_ranges(cluster, topic, chunks, left, progress)
        complete = reading.complete
        left_records, left_bytes = left_records - len(reading), left_bytes - reading.bytes
        if not complete:
            reading = only_whole(reading, chunks)
        for (number, start, _), messages in zip(reading.ranges, reading.messages, strict=True):
            piece = Records.from_messages(topic, messages)
            pieces[number].insert(0, piece)
            first[number] = start
            if start <= lows[number] or enough(number, piece):
                unread.discard(number)
        size *= 2
    complete = complete or not unread
    ranges = tuple((number, start, starts[number]) for number, start in sorted(first.items()) if start < starts[number])
    records = Records.concat(topic, [piece for number in sorted(pieces) for piece in pieces[number]])
    pin = SamplePin(cluster=cluster.name, topic=topic, text="", ranges=ranges, complete=complete)
    return Sample(pin, in_arrival_order(records))

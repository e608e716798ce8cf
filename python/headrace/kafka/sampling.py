"""Samples: pinned sets of records, read without disturbing anybody."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from headrace.errors import ExpiredOffsetError, UsageError
from headrace.kafka.reading import Reading, SampleLimits, in_arrival_order, read_ranges
from headrace.kafka.records import Records
from headrace.kafka.sample_request import Count, Every, Failing, Keys, Range, TimeSpan, format_ranges, parse_sample
from headrace.kafka.scanning import FIRST_PIECE, Wanted, ranges_of, scan_back
from headrace.kafka.topics import offsets_at, watermarks
from headrace.spec.preview_options import DEFAULT_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from headrace.kafka.clusters import Cluster

__all__ = ["Sample", "SampleLimits", "SamplePin", "read_pin", "take_sample"]

_ROUNDS = 24
KEYED = 500
"""How many records ``keys:a,b`` takes at most."""
MOST_STEPS = 10_000
"""How many records ``every:N`` takes at most."""


class SamplePin(BaseModel):
    """Which records a sample holds, so that it can be read again.

    Attributes:
        cluster: the cluster's name.
        topic: the topic.
        text: what was asked for, ``latest:500``.
        ranges: partition, first offset, offset after the last.
        complete: False where a limit (records, bytes, seconds) cut what was asked for.
        taken: when it was taken, milliseconds since the epoch; 0 where nobody noted it.
        ends: where each partition's log ended then.
        looked_at: how many records were looked at for those that were wanted; 0 where nothing was looked for.
    """

    model_config = ConfigDict(frozen=True)

    cluster: str
    topic: str
    text: str
    ranges: tuple[Range, ...]
    complete: bool = True
    taken: int = 0
    ends: dict[int, int] = {}
    looked_at: int = 0

    @property
    def offsets(self) -> str:
        """The ranges as ``--sample`` takes them: ``0:100-225,1:90-215``."""
        return format_ranges(self.ranges)


@dataclass(frozen=True)
class Sample:
    """Records and the pin that names them.

    Attributes:
        pin: which records.
        records: they, in the order of arrival (timestamp, then partition, then offset), each partition in the
            order of its offsets.
    """

    pin: SamplePin
    records: Records


def take_sample(
    cluster: Cluster,
    topic: str,
    text: str = DEFAULT_SAMPLE,
    *,
    limits: SampleLimits | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sample:
    """Read the records that ``text`` asks for and pin them.

    Nothing is left behind on the cluster: no group, no offset, no topic. Only committed records are read.
    ``latest:N`` and ``first:N`` are taken evenly from the partitions; one that has less leaves the rest to the others.

    Args:
        cluster: where.
        topic: the topic.
        text: see :func:`headrace.kafka.sample_request.parse_sample`.
        limits: where to stop; `SampleLimits()` by default.
        progress: called with the number of records read so far.

    Raises:
        UsageError: ``text`` is not understood, or asks for more records than ``limits`` allow.
        MissingTopicError: there is no such topic.
        ExpiredOffsetError: named offsets are no longer in the log.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    bounds = limits or SampleLimits()
    request = parse_sample(text)
    if isinstance(request, Count) and request.records > bounds.records:
        message = f"The sample `{text}` asks for more than {bounds.records} records."
        raise UsageError(message, hint="Ask for fewer, or name a range of offsets and take several samples.")
    if isinstance(request, Failing):
        message = f"The sample `{text}` needs a cell: only where one is previewed or checked can records fail."
        raise UsageError(message, hint="Use it in a %%stream cell's --sample.")
    taken, ends = int(time.time() * 1000), watermarks(cluster, topic)
    if isinstance(request, Keys):
        keys = {key.encode() for key in request.keys}
        return wanted_sample(cluster, topic, text, lambda records: _with_key(records, keys), KEYED, progress=progress)
    if isinstance(request, Count):
        reading = _read_count(cluster, topic, request, ends, bounds, progress)
    else:
        if isinstance(request, TimeSpan):
            ranges = _of_span(cluster, topic, request, ends)
        elif isinstance(request, Every):
            ranges = _of_steps(text, request, ends)
        else:
            ranges = _of_ranges(topic, request.ranges, ends)
        reading = read_ranges(cluster, topic, ranges, bounds, progress)
    pin = _pin(cluster, topic, text, taken, ends).model_copy(
        update={"ranges": tuple(reading.ranges), "complete": reading.complete}
    )
    return Sample(pin, _records(topic, reading))


def wanted_sample(
    cluster: Cluster,
    topic: str,
    text: str,
    wanted: Wanted,
    count: int,
    *,
    piece: int = FIRST_PIECE,
    progress: Callable[[int], None] | None = None,
) -> Sample:
    """Look back through the topic for records that are wanted, and pin the newest of them.

    Args:
        cluster: where.
        topic: the topic.
        text: what the pin says was asked for.
        wanted: says which records of a piece of the topic are wanted.
        count: how many at most.
        piece: how many records of each partition are looked at first; more and more from then on.
        progress: called with the number of records looked at so far.

    Raises:
        MissingTopicError: there is no such topic.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    taken, ends = int(time.time() * 1000), watermarks(cluster, topic)
    scan = scan_back(cluster, topic, ends, wanted, count, piece=piece, progress=progress)
    found = {"ranges": ranges_of(scan.records), "complete": scan.complete, "looked_at": scan.looked_at}
    return Sample(_pin(cluster, topic, text, taken, ends).model_copy(update=found), scan.records)


def _pin(cluster: Cluster, topic: str, text: str, taken: int, ends: dict[int, tuple[int, int]]) -> SamplePin:
    """Return the pin of a sample of which nothing was read yet."""
    last = {number: end for number, (_, end) in ends.items()}
    return SamplePin(cluster=cluster.name, topic=topic, text=text, ranges=(), taken=taken, ends=last)


def _with_key(records: Records, keys: set[bytes]) -> npt.NDArray[np.int64]:
    return np.array([position for position, key in enumerate(records.keys) if key in keys], np.int64)


def _of_steps(text: str, request: Every, ends: dict[int, tuple[int, int]]) -> list[Range]:
    steps = {number: range(low, high, request.step) for number, (low, high) in sorted(ends.items())}
    count = sum(map(len, steps.values()))
    if count > MOST_STEPS:
        least = request.step * -(-count // MOST_STEPS)
        message = f"The sample `{text}` has {count:,} records, and {MOST_STEPS:,} are the most."
        raise UsageError(message, hint=f"Write every:{least} or more.")
    return [(number, offset, offset + 1) for number, own in steps.items() for offset in own]


def read_pin(cluster: Cluster, pin: SamplePin, *, limits: SampleLimits | None = None) -> Sample:
    """Read exactly the records of a pin again (those that compaction has not removed).

    Raises:
        MissingTopicError: the topic is gone.
        ExpiredOffsetError: retention has deleted some of the records.
        ClusterError: the cluster cannot be reached, or refuses.
    """
    ranges = _of_ranges(pin.topic, pin.ranges, watermarks(cluster, pin.topic))
    reading = read_ranges(cluster, pin.topic, ranges, limits or SampleLimits())
    return Sample(pin, _records(pin.topic, reading))


def _read_count(
    cluster: Cluster,
    topic: str,
    request: Count,
    ends: dict[int, tuple[int, int]],
    limits: SampleLimits,
    progress: Callable[[int], None] | None,
) -> Reading:
    """Read from one end of each partition inwards until there are enough records; offsets may have gaps."""
    unread = {number: (low, high) for number, (low, high) in ends.items() if low < high}
    covered = {number: (end, end) if request.newest else (low, low) for number, (low, end) in unread.items()}
    found: dict[int, list[Message]] = defaultdict(list)
    complete, left_bytes, deadline = True, limits.bytes, time.monotonic() + limits.seconds
    for step in range(_ROUNDS):
        missing = request.records - sum(map(len, found.values()))
        if missing <= 0 or not unread or not complete:
            break
        share = -(-missing // len(unread)) << step
        chunks = [_chunk(number, *ends, share, newest=request.newest) for number, ends in unread.items()]
        left = SampleLimits(limits.records, left_bytes, deadline - time.monotonic())
        reading = read_ranges(cluster, topic, chunks, left, progress)
        complete = reading.complete
        left_bytes -= reading.bytes
        if not complete and request.newest and found:
            reading = only_whole(reading, chunks)  # else there would be a hole before what was read already
        for (number, start, end), messages in zip(reading.ranges, reading.messages, strict=True):
            low, high = covered[number]
            covered[number] = min(low, start), max(high, end)
            found[number] = messages + found[number] if request.newest else found[number] + messages
            low, high = unread.pop(number)
            rest = (low, start) if request.newest else (end, high)
            if rest[0] < rest[1]:
                unread[number] = rest
    return _cut(found, covered, request, complete=complete)


def _chunk(number: int, low: int, high: int, share: int, *, newest: bool) -> Range:
    return (number, max(low, high - share), high) if newest else (number, low, min(high, low + share))


def only_whole(reading: Reading, chunks: list[Range]) -> Reading:
    """Return of a reading that a limit cut what was read to its end, so that there is no hole in it."""
    whole = [position for position, read in enumerate(reading.ranges) if read in chunks]
    return Reading(
        [reading.ranges[position] for position in whole],
        [reading.messages[position] for position in whole],
        complete=False,
    )


def _cut(
    found: dict[int, list[Message]], covered: dict[int, tuple[int, int]], request: Count, *, complete: bool
) -> Reading:
    """Keep the asked number of records, the same from each partition as far as it has them."""
    kept = _even_shares({number: len(messages) for number, messages in found.items()}, request.records)
    ranges: list[Range] = []
    chosen: list[list[Message]] = []
    for number in sorted(number for number, count in kept.items() if count):
        start, end = covered[number]
        messages = found[number]
        if kept[number] < len(messages):
            messages = messages[-kept[number] :] if request.newest else messages[: kept[number]]
            edge = messages[0].offset() if request.newest else messages[-1].offset()
            start, end = (int(edge or 0), end) if request.newest else (start, int(edge or 0) + 1)
        ranges.append((number, start, end))
        chosen.append(messages)
    return Reading(ranges, chosen, complete=complete)


def _even_shares(available: dict[int, int], wanted: int) -> dict[int, int]:
    """Share ``wanted`` out evenly; who has less leaves the rest to the others."""
    shares: dict[int, int] = {}
    rest = wanted
    by_count = sorted(available, key=lambda number: (available[number], number))
    for position, number in enumerate(by_count):
        shares[number] = min(available[number], -(-rest // (len(by_count) - position)))
        rest -= shares[number]
    return shares


def _of_span(cluster: Cluster, topic: str, span: TimeSpan, ends: dict[int, tuple[int, int]]) -> list[Range]:
    starts = offsets_at(cluster, topic, span.start)
    stops = {number: high for number, (_, high) in ends.items()}
    if span.end is not None:
        stops = offsets_at(cluster, topic, span.end)
    return [(number, starts[number], stops[number]) for number in sorted(ends) if starts[number] < stops[number]]


def _of_ranges(topic: str, ranges: tuple[Range, ...], ends: dict[int, tuple[int, int]]) -> list[Range]:
    """Return the part of ``ranges`` that lies before the log's end; refuse what is no longer there."""
    unknown = sorted({number for number, _, _ in ranges} - ends.keys())
    if unknown:
        message = f"The topic `{topic}` has no partition {unknown[0]}."
        raise UsageError(message, hint=f"Its partitions are 0 to {len(ends) - 1}.")
    for number, start, _ in ranges:
        low = ends[number][0]
        if start < low:
            message = f"The topic `{topic}` no longer has offset {start} of partition {number}; it begins at {low}."
            raise ExpiredOffsetError(message, hint="Take a new sample.")
    cut = [(number, start, min(end, ends[number][1])) for number, start, end in ranges]
    return [(number, start, end) for number, start, end in cut if start < end]


def _records(topic: str, reading: Reading) -> Records:
    return in_arrival_order(Records.concat(topic, [Records.from_messages(topic, part) for part in reading.messages]))

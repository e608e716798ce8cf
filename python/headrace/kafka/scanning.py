"""Look backwards through a topic for some of its records, without a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headrace.errors import ExpiredOffsetError
from headrace.kafka.reading import SampleLimits, in_arrival_order, read_ranges
from headrace.kafka.records import Records

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster
    from headrace.kafka.sample_request import Range

SCAN_LIMITS = SampleLimits(records=1_000_000, bytes=500_000_000, seconds=20.0)
"""How far back is looked at most; only what is found stays in memory."""
FIRST_PIECE = 2_000
"""Records of each partition that are looked at first."""
_LARGEST_PIECE = 20_000

Wanted = Callable[[Records], npt.NDArray[np.int64]]
"""Is given records in the order of arrival and returns the positions of those that are wanted."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found.

    Attributes:
        records: the newest of the wanted ones, in the order of arrival.
        looked_at: how many records were looked at.
        complete: as many were found as were asked for, or the topic was read to its beginning.
    """

    records: Records
    looked_at: int
    complete: bool


def scan_back(
    cluster: Cluster,
    topic: str,
    ends: Mapping[int, tuple[int, int]],
    wanted: Wanted,
    count: int,
    *,
    piece: int = FIRST_PIECE,
    limits: SampleLimits = SCAN_LIMITS,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    """Read all partitions backwards from their ends, piece by piece, until ``count`` wanted records are found.

    Args:
        cluster: where.
        topic: a topic that exists.
        ends: by partition where its log begins and ends.
        wanted: says which records of a piece are wanted.
        count: how many.
        piece: how many records of each partition are looked at first; more and more from then on.
        limits: where to stop all the same.
        progress: called with the number of records looked at so far.

    Raises:
        ClusterError: the cluster refuses, or went away.
    """
    unread = {number: (low, high) for number, (low, high) in ends.items() if low < high}
    found: list[Records] = []
    looked_at, size, left_bytes, deadline = 0, piece, limits.bytes, time.monotonic() + limits.seconds
    cut = False
    while unread and not cut and sum(map(len, found)) < count:
        left = SampleLimits(limits.records - looked_at, left_bytes, deadline - time.monotonic())
        share = min(size, left.records // len(unread))
        if share < 1 or left.bytes <= 0 or left.seconds <= 0:
            cut = True
            break
        chunks: list[Range] = [(number, max(low, high - share), high) for number, (low, high) in unread.items()]
        try:
            reading = read_ranges(cluster, topic, chunks, left, _from(looked_at, progress))
        except ExpiredOffsetError:  # retention was faster; what is older goes as well
            cut = True
            break
        read = in_arrival_order(
            Records.concat(topic, [Records.from_messages(topic, messages) for messages in reading.messages])
        )
        found.append(read.take(wanted(read)))
        looked_at, left_bytes = looked_at + len(read), left_bytes - reading.bytes
        cut = not reading.complete
        rest = {number: (unread[number][0], start) for number, start, _ in chunks}
        unread = {number: (low, start) for number, (low, start) in rest.items() if low < start}
        size = min(2 * size, _LARGEST_PIECE)
    records = in_arrival_order(Records.concat(topic, found))
    newest = np.arange(max(0, len(records) - count), len(records), dtype=np.int64)
    return Scan(records.take(newest), looked_at, complete=not cut)


def _from(before: int, progress: Callable[[int], None] | None) -> Callable[[int], None] | None:
    return None if progress is None else lambda read: progress(before + read)


def ranges_of(records: Records) -> tuple[Range, ...]:
    """Return the records' places: runs of offsets that follow each other, in the order of partitions and offsets."""
    ranges: list[Range] = []
    order = np.lexsort((records.offsets, records.partitions))
    places = zip(records.partitions[order].tolist(), records.offsets[order].tolist(), strict=True)
    for partition, offset in places:
        if ranges and ranges[-1][0] == partition and ranges[-1][2] == offset:
            ranges[-1] = (partition, ranges[-1][1], offset + 1)
        else:
            ranges.append((partition, offset, offset + 1))
    return tuple(ranges)

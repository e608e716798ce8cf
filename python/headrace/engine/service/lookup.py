"""Records by their place: those of the batch at hand, others from the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message

from headrace.engine.service.delivery import UndeliveredError
from headrace.errors import ExpiredOffsetError, HeadraceError
from headrace.kafka.clusters import Cluster
from headrace.kafka.reading import Reading, SampleLimits, read_ranges
from headrace.kafka.records import Records
from headrace.kafka.sample_request import Range
from headrace.kafka.topics import watermarks

_SLICE = SampleLimits(records=100_000, bytes=64 * 1024 * 1024, seconds=10.0)
_SILENT_SECONDS = 30.0
"""After so long without a record the batch is taken again."""
_NEAR = 1_000
"""Records that are read over rather than passed over: going to another offset takes about as long."""

Places = Sequence[tuple[int, int]]
"""Partitions and offsets."""


@dataclass(frozen=True, slots=True)
class Found:
    """Records that were looked up.

    Attributes:
        records: n records, as they were asked for; where they are gone, key and value are null and the time is now.
        gone: which of them are no longer in the log.
    """

    records: Records
    gone: list[int]


def find_records(cluster: Cluster, batch: Records, places: Places) -> Found:
    """Return the records at ``places``, in that order, byte for byte.

    A record that failed may have come long before the batch that showed it: a window's, or one that waited. It is
    read again.

    Args:
        cluster: where.
        batch: the records at hand.
        places: which records of the batch's topic.

    Raises:
        UndeliveredError: the cluster does not give them now; take the batch again.
    """
    index = {
        place: position
        for position, place in enumerate(zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True))
    }
    missing = sorted({place for place in places if place not in index})
    if not missing:
        return Found(batch.take(np.array([index[place] for place in places], np.int64)), [])
    read = _read(cluster, batch.topic, missing)
    there = set(zip(read.partitions.tolist(), read.offsets.tolist(), strict=True))
    gone = [place for place in missing if place not in there]
    known = Records.concat(batch.topic, [batch, read, _empty(batch.topic, gone)])
    for position in range(len(batch), len(known)):
        index[int(known.partitions[position]), int(known.offsets[position])] = position
    lost = set(gone)
    chosen = known.take(np.array([index[place] for place in places], np.int64))
    return Found(chosen, [row for row, place in enumerate(places) if place in lost])


def _read(cluster: Cluster, topic: str, places: Places) -> Records:
    """Read records in slices, until each was read or is known to be gone."""
    parts: list[Records] = []
    heard = time.monotonic()
    left: Places = places
    while left:
        try:
            left = _still_there(cluster, topic, left)
            reading = read_ranges(cluster, topic, _ranges(left), _SLICE)
        except ExpiredOffsetError:  # between two questions; the next one says what is still there
            continue
        except HeadraceError as error:
            message = f"Failed records of `{topic}` cannot be read again: {error}"
            raise UndeliveredError(message) from error
        if reading.ranges:
            heard = time.monotonic()
            parts.append(Records.from_messages(topic, _chosen(reading, left)))
            left = _without(left, reading.ranges)
        elif left and time.monotonic() - heard > _SILENT_SECONDS:
            message = f"{len(left)} failed records of `{topic}` are not read again in {_SILENT_SECONDS:.0f} s."
            raise UndeliveredError(message)
    return Records.concat(topic, parts)


def _chosen(reading: Reading, places: Places) -> list[Message]:
    wanted = set(places)
    messages = [message for run in reading.messages for message in run]
    return [message for message in messages if (message.partition(), message.offset()) in wanted]


def _still_there(cluster: Cluster, topic: str, places: Places) -> Places:
    lows = {number: low for number, (low, _) in watermarks(cluster, topic).items()}
    return [place for place in places if place[1] >= lows.get(place[0], 0)]


def _ranges(places: Places) -> list[Range]:
    """Return places, which are in their order, as ranges of offsets, with what stands between near ones."""
    ranges: list[Range] = []
    for partition, offset in places:
        if ranges and ranges[-1][0] == partition and offset - ranges[-1][2] < _NEAR:
            ranges[-1] = (partition, ranges[-1][1], offset + 1)
        else:
            ranges.append((partition, offset, offset + 1))
    return ranges


def _without(places: Places, ranges: Sequence[Range]) -> Places:
    """Return the places that are in none of the ranges; both are in their order."""
    done = iter([*ranges, (2**31, 0, 0)])
    current = next(done)
    left = []
    for partition, offset in places:
        while (partition, offset) >= (current[0], current[2]):
            current = next(done)
        if not (partition == current[0] and current[1] <= offset):
            left.append((partition, offset))
    return left


def _empty(topic: str, places: Places) -> Records:
    partitions: npt.NDArray[np.int32] = np.array([partition for partition, _ in places], np.int32)
    offsets = np.array([offset for _, offset in places], np.int64)
    nothing: list[bytes | None] = [None] * len(places)
    now = np.full(len(places), int(time.time() * 1000), np.int64)
    return Records(topic, nothing, list(nothing), partitions, offsets, now, [None] * len(places))

"""Records by their place: those of the batch at hand, others from the log."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from headrace.errors import HeadraceError
from headrace.kafka.clusters import Cluster
from headrace.kafka.reading import SampleLimits, read_ranges
from headrace.kafka.records import Records

_LIMITS = SampleLimits(records=1_000_000, bytes=256 * 1024 * 1024, seconds=30.0)

Places = Sequence[tuple[int, int]]
"""Partitions and offsets."""

logger = logging.getLogger(__name__)


def find_records(cluster: Cluster, batch: Records, places: Places) -> Records:
    """Return the records at ``places``, in that order, byte for byte.

    A record that failed may have come long before the batch that showed it: a window's, or one that waited. It is
    read again; where it is gone from the log, its key and value are null.

    Args:
        cluster: where.
        batch: the records at hand.
        places: which records of the batch's topic.
    """
    index = {
        place: position
        for position, place in enumerate(zip(batch.partitions.tolist(), batch.offsets.tolist(), strict=True))
    }
    missing = [place for place in places if place not in index]
    known = batch
    if missing:
        known = Records.concat(batch.topic, [batch, _read(cluster, batch.topic, missing)])
        for position in range(len(batch), len(known)):
            index[int(known.partitions[position]), int(known.offsets[position])] = position
    return known.take(np.array([index[place] for place in places], np.int64))


def _read(cluster: Cluster, topic: str, places: Places) -> Records:
    wanted = sorted(set(places))
    ranges: list[tuple[int, int, int]] = []
    for partition, offset in wanted:
        if ranges and ranges[-1][0] == partition and ranges[-1][2] == offset:
            ranges[-1] = (partition, ranges[-1][1], offset + 1)
        else:
            ranges.append((partition, offset, offset + 1))
    try:
        reading = read_ranges(cluster, topic, ranges, _LIMITS)
        found = Records.from_messages(topic, [message for run in reading.messages for message in run])
    except HeadraceError as error:
        logger.warning("failed records cannot be read again", extra={"reason": str(error)})
        found = Records.empty(topic)
    there = set(zip(found.partitions.tolist(), found.offsets.tolist(), strict=True))
    gone = [place for place in wanted if place not in there]
    return Records.concat(topic, [found, _empty(topic, gone)]) if gone else found


def _empty(topic: str, places: Places) -> Records:
    partitions: npt.NDArray[np.int32] = np.array([partition for partition, _ in places], np.int32)
    offsets = np.array([offset for _, offset in places], np.int64)
    nothing: list[bytes | None] = [None] * len(places)
    return Records(
        topic, nothing, list(nothing), partitions, offsets, np.zeros(len(places), np.int64), [None] * len(places)
    )

"""Records of a repartition topic that come again, since they were sent at least once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from headrace.engine.arrivals import Arrivals, Arrived
from headrace.engine.codecs import Codecs
from headrace.engine.event_time import ALWAYS
from headrace.engine.lane import Lane
from headrace.engine.memo import Memo
from headrace.engine.repartition_record import Taken
from headrace.engine.rows import Rows
from headrace.kafka.records import Records
from headrace.spec import StreamSpec

_OFFSET_BITS = 44
"""Enough for a million records a second during half a year; of partitions there can be half a million."""


class Arriving:
    """Decodes what a processor reads; what it has taken by way of a repartition topic before, it leaves out.

    Args:
        spec: what the stream declares.
        codecs: how its records are read.
        sources: partitions of the source, when the records come from a repartition topic; else ``None``.
    """

    def __init__(self, spec: StreamSpec, codecs: Codecs, sources: int | None) -> None:
        self._arrivals = Arrivals(spec, codecs)
        self._sources = sources
        self._again = sources is not None and spec.delivery == "at-least-once"

    def taken(self, memo: Memo | None, start: int) -> Taken:
        """Return the newest offset that was taken of each source partition, where they can come again and it is known.

        Args:
            memo: of the last commit of a partition of the repartition topic.
            start: without one, the offset there that the stream begins at.
        """
        if memo is not None:
            return dict(memo.taken)
        return dict.fromkeys(range(self._sources or 0), -1) if self._again and start == 0 else {}

    def new(self, records: Records, lane_of: Callable[[int], Lane]) -> Arrived:
        """Decode records, and note in their lanes which are taken."""
        if self._sources is None:
            return self._arrivals.rows(records)
        if not self._again:
            return self._arrivals.unwrapped(records)
        lanes = {number: lane_of(number) for number in np.unique(records.partitions).tolist()}
        for lane in lanes.values():
            lane.begin()
        return self._arrivals.unwrapped(records, {number: lane.taken for number, lane in lanes.items()})

    def past(self, records: Records, lane: Lane, memo: Memo) -> Arrived:
        """Decode records of a lane that are read again after a restart: those that were taken before ``memo``."""
        if self._sources is None:
            return self._arrivals.rows(records)
        arrived = self._arrivals.unwrapped(records)
        return _once(arrived, lane, memo.taken) if self._again else arrived


def _once(arrived: Arrived, lane: Lane, taken: Taken) -> Arrived:
    """Return each record that was taken once.

    Args:
        arrived: all that the topic has of a lane.
        lane: what it has already is left out.
        taken: the newest offset that was taken, by source partition; where it is not known, all that is there was.
    """
    rows = arrived.rows
    newest = np.array([taken.get(number, ALWAYS) for number in rows.partitions.tolist()], np.int64)
    _, first, own = np.unique(_places(rows.partitions, rows.offsets), return_index=True, return_inverse=True)
    positions = arrived.positions
    kept = (rows.offsets <= newest) & (positions[first][own] == positions)  # a record can be several rows
    if len(rows):
        kept &= ~_known(rows, lane)
    assert arrived.late is not None  # noqa: S101  in a repartition topic it was judged before
    return replace(
        arrived,
        rows=rows.take(kept),
        positions=positions[kept],
        read=arrived.read[kept],
        consumed=arrived.consumed[kept],
        late=arrived.late[kept],
    )


def _known(rows: Rows, lane: Lane) -> npt.NDArray[np.bool_]:
    """Return which of rows a lane has: in its history, its open windows or among those that wait."""
    places = _places(rows.partitions, rows.offsets)
    least, most = rows.offsets.min(), rows.offsets.max()
    found = np.zeros(len(rows), np.bool_)
    for partitions, offsets in lane.places():
        near = np.flatnonzero((offsets >= least) & (offsets <= most))
        found |= np.isin(places, _places(partitions[near], offsets[near]))
    return found


def _places(partitions: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return partition and offset of each row as one number."""
    return (partitions.astype(np.int64) << _OFFSET_BITS) + offsets

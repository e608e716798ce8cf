"""Records by another key than the topic's: how they travel through the repartition topic.

Stage one reads the source, judges which records are late, and writes each under the text of its ``--key`` column, so
that a key's records are all in one partition. Stage two reads them there. A record's value, timestamp and headers stay;
where it came from goes in one header. How far each source partition is in event time follows as marks, to every
partition of the topic, in the transaction of the records before them.

With at-least-once delivery, a batch of stage one may be there twice, or without some of its records, and then comes
again. So each record also says which one of its source partition precedes it in the batch on the way to its partition,
and a mark which one is the last. Stage two takes a record that is newer than what it has taken and whose predecessor it
has; one that comes again is older, one after a gap comes again.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson

from headrace.kafka.records import Headers, Records

ORIGIN_HEADER = "headrace-origin"
MARKS_HEADER = "headrace-marks"

_ORIGIN = struct.Struct(">iqBB")
"""Source partition, offset, whether it was late and whether a predecessor follows, whether a key follows."""
_AFTER = struct.Struct(">q")
"""The offset of the predecessor."""
_LATE, _LINKED = 1, 2

Taken = dict[int, int]
"""The newest offset that was taken, by source partition."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far source partitions are in event time, microseconds.

    Attributes:
        newest: the newest event time seen, by source partition.
        floors: what the clock gives partitions that are quiet.
        ends: the last offset before the mark, by source partition; where stage two may not have got it.
    """

    newest: dict[int, int] = field(default_factory=dict)
    floors: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the header's value."""
        ends = {"e": list(self.ends.items())} if self.ends else {}
        return orjson.dumps({"n": list(self.newest.items()), "f": list(self.floors.items()), **ends})

    @classmethod
    def from_bytes(cls, text: bytes) -> Marks:
        """Return what :meth:`to_bytes` wrote."""
        content = orjson.loads(text)
        return cls(*(dict(map(tuple, content.get(name, []))) for name in "nfe"))

    def since(self, taken: Taken) -> Marks:
        """Return what holds for those source partitions of which all before the mark was taken."""
        lacking = {number for number, end in self.ends.items() if end > taken.get(number, end)}
        if not lacking:
            return self
        newest = {number: time for number, time in self.newest.items() if number not in lacking}
        return Marks(newest, {number: time for number, time in self.floors.items() if number not in lacking})


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """Records of a repartition topic as they were in the source.

    Attributes:
        records: n records with their source partitions and offsets, of the source topic.
        read: int64[n], the place of each among the records that were read.
        consumed: int32[n], the repartition topic's partition of each.
        late: bool[n], which were late when they came.
        marks: what was marked, by the repartition topic's partition.
    """

    records: Records
    read: npt.NDArray[np.int64]
    consumed: npt.NDArray[np.int32]
    late: npt.NDArray[np.bool_]
    marks: dict[int, Marks]


def unwrap(records: Records, topic: str, taken: dict[int, Taken] | None = None) -> Unwrapped:
    """Return the records of a repartition topic as they were in the source ``topic``.

    Args:
        records: of the repartition topic.
        topic: the source.
        taken: what was taken so far, by the repartition topic's partition; then only what is new and follows on is
            returned, and noted there. ``None``: all is.
    """
    rows, late, partitions, offsets = [], [], [], []
    keys: list[bytes | None] = []
    headers: list[Headers | None] = []
    marks: dict[int, Marks] = {}
    for row, header in enumerate(records.headers):
        if not header:
            continue
        name, content = header[-1]
        if name == MARKS_HEADER and content is not None:
            number = int(records.partitions[row])
            known, more = marks.get(number, Marks()), Marks.from_bytes(content)
            if taken is not None:
                more = more.since(taken[number])
            marks[number] = Marks(known.newest | more.newest, known.floors | more.floors)
        elif name == ORIGIN_HEADER and content is not None:
            partition, offset, flags, has_key = _ORIGIN.unpack_from(content)
            rest = _ORIGIN.size
            after = None
            if flags & _LINKED:
                (after,) = _AFTER.unpack_from(content, rest)
                rest += _AFTER.size
            if taken is not None and not _follows(taken[int(records.partitions[row])], partition, offset, after):
                continue
            rows.append(row)
            partitions.append(partition)
            offsets.append(offset)
            late.append(bool(flags & _LATE))
            keys.append(content[rest:] if has_key else None)
            headers.append(header[:-1] or None)
    chosen = np.array(rows, np.int64)
    return Unwrapped(
        Records(
            topic,
            keys,
            [records.values[row] for row in rows],
            np.array(partitions, np.int32),
            np.array(offsets, np.int64),
            records.timestamps[chosen],
            headers,
        ),
        chosen,
        records.partitions[chosen].astype(np.int32, copy=False),
        np.array(late, np.bool_),
        marks,
    )


def origin(records: Records, position: int, *, is_late: bool, after: int | None = None) -> bytes:
    """Return the header's value that says where a record comes from, and which one of its partition precedes it."""
    key = records.keys[position]
    place = int(records.partitions[position]), int(records.offsets[position])
    flags = is_late * _LATE | (after is not None) * _LINKED
    link = b"" if after is None else _AFTER.pack(after)
    return _ORIGIN.pack(*place, flags, key is not None) + link + (key or b"")


def _follows(taken: Taken, partition: int, offset: int, after: int | None) -> bool:
    """Return whether a record is new and its predecessor was taken, and note it then.

    Of a source partition of which nothing is known any record will do: the stream was delivered exactly once before.
    """
    newest = taken.get(partition)
    if newest is not None and (offset <= newest or (after is not None and after > newest)):
        return False
    taken[partition] = offset
    return True

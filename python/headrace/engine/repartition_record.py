"""Records by another key than the topic's: how they travel through the repartition topic.

Stage one reads the source, judges which records are late, and writes each under the text of its ``--key`` column, so
that a key's records are all in one partition. Stage two reads them there. A record's value, timestamp and headers stay;
where it came from goes in one header. How far each source partition is in event time follows as marks, to every
partition of the topic, in the transaction of the records before them.
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
"""Source partition, offset, whether it was late, whether it has a key, which follows."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far source partitions are in event time, microseconds.

    Attributes:
        newest: the newest event time seen, by source partition.
        floors: what the clock gives partitions that are quiet.
    """

    newest: dict[int, int] = field(default_factory=dict)
    floors: dict[int, int] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return the header's value."""
        return orjson.dumps({"n": list(self.newest.items()), "f": list(self.floors.items())})

    @classmethod
    def from_bytes(cls, text: bytes) -> Marks:
        """Return what :meth:`to_bytes` wrote."""
        content = orjson.loads(text)
        return cls(dict(map(tuple, content["n"])), dict(map(tuple, content["f"])))


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


def unwrap(records: Records, topic: str) -> Unwrapped:
    """Return the records of a repartition topic as they were in the source ``topic``."""
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
            marks[number] = Marks(known.newest | more.newest, known.floors | more.floors)
        elif name == ORIGIN_HEADER and content is not None:
            partition, offset, is_late, has_key = _ORIGIN.unpack_from(content)
            rows.append(row)
            partitions.append(partition)
            offsets.append(offset)
            late.append(bool(is_late))
            keys.append(content[_ORIGIN.size :] if has_key else None)
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


def origin(records: Records, position: int, *, is_late: bool) -> bytes:
    """Return the header's value that says where a record comes from."""
    key = records.keys[position]
    place = int(records.partitions[position]), int(records.offsets[position])
    return _ORIGIN.pack(*place, is_late, key is not None) + (key or b"")

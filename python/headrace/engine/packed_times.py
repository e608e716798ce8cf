"""Event times of many partitions as a short text: the metadata of an offset commit is small."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import NEVER

Times = dict[int, int]
"""Event times in microseconds, by partition."""

_HEAD = struct.Struct(">qqI")
"""The earliest time, the unit that the others count from there, and how many partitions there are."""


def pack_times(times: Times, room: int) -> str:
    """Return ``times`` as a text of ASCII letters that need no escape in JSON; :func:`unpack_times` reads it.

    Where they do not fit, they are rounded down, all by the same unit, until they do: a partition is then taken to be
    a little less far than it is until its next record or mark says better, which makes rows wait and is never wrong.
    The earliest time is exact.

    Args:
        times: by partition; :data:`~headrace.engine.event_time.NEVER` where there is none.
        room: letters at most.

    Raises:
        ValueError: not even without the differences between the times does it fit.
    """
    numbers = np.array(sorted(times), np.int64)
    values = np.array([times[number] for number in numbers.tolist()], np.int64)
    known = values > NEVER
    base = int(values[known].min()) if known.any() else 0
    steps = np.where(known, values - base, 0)
    unit = max(1, int(np.gcd.reduce(steps)))
    while True:
        text = _packed(numbers, np.where(known, steps // unit + 1, 0), base, unit)
        if len(text) <= room:
            return text
        if unit > int(steps.max()):
            message = f"{len(times)} partitions do not fit into {room} letters."
            raise ValueError(message)
        unit *= 2


def unpack_times(text: str) -> Times:
    """Return the times in a text that :func:`pack_times` made.

    Raises:
        ValueError: it is no such text.
    """
    try:
        content = zlib.decompress(base64.b85decode(text))
        base, unit, count = _HEAD.unpack_from(content)
        gaps, steps = np.frombuffer(content, np.uint8, offset=_HEAD.size).reshape(2, 8, count)
    except (zlib.error, struct.error) as error:
        message = f"These are no packed times: {error}."
        raise ValueError(message) from None
    numbers = np.cumsum(_whole(gaps))
    counted = _whole(steps)
    times = np.where(counted > 0, base + (counted - 1) * unit, NEVER)
    return dict(zip(numbers.tolist(), times.tolist(), strict=True))


def _packed(numbers: npt.NDArray[np.int64], steps: npt.NDArray[np.int64], base: int, unit: int) -> str:
    planes = _planes(np.diff(numbers, prepend=0)) + _planes(steps)
    return base64.b85encode(zlib.compress(_HEAD.pack(base, unit, len(numbers)) + planes, 9)).decode()


def _planes(values: npt.NDArray[np.int64]) -> bytes:
    """Return first all lowest bytes, then all second ones, and so on: what is alike stands together."""
    return values.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()


def _whole(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(planes.T).view("<i8").reshape(-1).astype(np.int64)

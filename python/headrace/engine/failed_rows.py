"""Records that failed when they were new: no history ever shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson

from headrace.engine.changelog import FAILED, Change, change_key
from headrace.engine.rows import Rows


@dataclass(frozen=True, slots=True)
class _Mark:
    """Records of one partition that failed in one batch.

    Attributes:
        lane: the partition of the changelog.
        partition: their partition in the source.
        offsets: their offsets there.
        latest: the latest of their event times, microseconds.
    """

    lane: int
    partition: int
    offsets: tuple[int, ...]
    latest: int

    @property
    def key(self) -> bytes:
        return change_key(FAILED, b"%d" % self.partition, b"%d" % self.offsets[0])

    @property
    def value(self) -> bytes:
        return orjson.dumps({"partition": self.partition, "offsets": self.offsets, "latest": self.latest})


@dataclass(slots=True)
class FailedRows:
    """Keeps which records failed, here and in the changelog, for as long as a history could meet them again."""

    _marks: dict[bytes, _Mark] = field(default_factory=dict)
    _offsets: dict[int, set[int]] = field(default_factory=dict)
    _noted: list[_Mark] = field(default_factory=list)
    _ended: list[_Mark] = field(default_factory=list)

    def note(self, lanes: npt.NDArray[np.int32], rows: Rows) -> None:
        """Note rows that failed, with the lane of each, int32[len(rows)]."""
        for lane, partition in sorted(set(zip(lanes.tolist(), rows.partitions.tolist(), strict=True))):
            mine = (lanes == lane) & (rows.partitions == partition)
            offsets = tuple(sorted(rows.offsets[mine].tolist()))
            self._noted.append(_Mark(lane, partition, offsets, int(rows.times[mine].max())))

    def without(self, rows: Rows) -> Rows:
        """Return the rows that did not fail."""
        if not self._offsets:
            return rows
        failed = np.zeros(len(rows), np.bool_)
        for partition in np.unique(rows.partitions).tolist():
            known = self._offsets.get(partition)
            if known:
                mine = rows.partitions == partition
                failed[mine] = np.isin(rows.offsets[mine], np.fromiter(known, np.int64, len(known)))
        return rows.take(~failed) if failed.any() else rows

    def expire(self, lane: int, before: int) -> None:
        """Forget a lane's failed rows with event times before ``before``, microseconds, with the next batch."""
        self._ended += [mark for mark in self._marks.values() if mark.lane == lane and mark.latest < before]

    def changes(self) -> list[Change]:
        """Return what the batch changes in the changelog."""
        noted = [Change(mark.lane, mark.key, mark.value) for mark in self._noted]
        return noted + [Change(mark.lane, mark.key, None) for mark in self._ended]

    def load(self, lane: int, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog."""
        known = self._marks.get(key)
        if value is None:
            if known is not None:
                self._forget(known)
            return
        content = orjson.loads(value)
        self._keep(_Mark(lane, int(content["partition"]), tuple(content["offsets"]), int(content["latest"])))

    def drop(self, lane: int) -> None:
        """Forget a lane."""
        for mark in [mark for mark in self._marks.values() if mark.lane == lane]:
            self._forget(mark)
        self._ended = [mark for mark in self._ended if mark.lane != lane]

    def commit(self) -> None:
        """The batch is committed."""
        for mark in self._ended:
            self._forget(mark)
        for mark in self._noted:
            self._keep(mark)
        self._noted, self._ended = [], []

    def rollback(self) -> None:
        """The batch is not committed."""
        self._noted, self._ended = [], []

    def _keep(self, mark: _Mark) -> None:
        self._marks[mark.key] = mark
        self._offsets.setdefault(mark.partition, set()).update(mark.offsets)

    def _forget(self, mark: _Mark) -> None:
        if self._marks.pop(mark.key, None) is None:
            return
        left = self._offsets.get(mark.partition, set()) - set(mark.offsets)
        if left:
            self._offsets[mark.partition] = left
        else:
            self._offsets.pop(mark.partition, None)

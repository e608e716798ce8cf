"""Histories of lanes that this machine's disk has: taken on at the start, written from time to time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headrace.engine.checkpoints import Checkpoint, Checkpoints
from headrace.engine.lane import Lane
from headrace.engine.needed import Needed, ReadRun
from headrace.engine.rows import Rows
from headrace.spec import ColumnType


class Recalls:
    """Takes on and writes the checkpoints of a replica's lanes, a partition each.

    Args:
        folder: of this replica alone.
        declaration: digest of what the stream needs to see.
        types: the pinned dtypes.
    """

    def __init__(self, folder: Path, declaration: str, types: Mapping[str, ColumnType]) -> None:
        self._checkpoints = Checkpoints(folder, declaration, types)
        self._recalled: dict[int, Checkpoint] = {}

    def recall(self, partition: int, lane: Lane, committed: int, start: int) -> ReadRun | None:
        """Give a lane the history that the disk has; return where the log has to be read from, ``None`` without one."""
        found = self._checkpoints.find(partition, committed, start)
        if found is None or lane.history is None:
            return None
        resume = found.resume
        lane.history.recall(found.segments)
        lane.needed[partition] = Needed([run for run in found.runs if run.first < resume.first])
        self._recalled[partition] = found
        return resume

    def keep(self, partition: int, lane: Lane, offset: int, start: int, span: int | None) -> None:
        """Have a lane's history written, as of a committed offset.

        Args:
            partition: which.
            lane: its lane.
            offset: the committed offset.
            start: the offset the stream began at.
            span: the lookback, microseconds; ``None``: so many rows are needed, however old.
        """
        assert lane.history is not None  # noqa: S101  only lookbacks have checkpoints
        needed = lane.needed.get(partition, Needed()).copy()
        needed.lowest(lane.needed_since(span))
        newest, segments = dict(lane.newest), lane.history.segments()
        self._checkpoints.keep(partition, Checkpoint(offset, start, lane.released, newest, needed.runs, segments))

    def known(
        self, partition: int, offsets: npt.NDArray[np.int64], rows: Rows, at_once: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which rows that are read again were recalled, bool[n].

        Args:
            partition: which one was read.
            offsets: int64[n], where each row was read.
            rows: the n rows.
            at_once: bool[n], which of them did not wait for their time.
        """
        found = self._recalled.get(partition)
        if found is None:
            return np.zeros(len(rows), np.bool_)
        return (offsets < found.offset) & (at_once | (rows.times <= found.released))

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._recalled.pop(partition, None)

    def close(self) -> None:
        """Wait for what is being written."""
        self._checkpoints.close()

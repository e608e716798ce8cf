"""What a processor tells of its lanes to what keeps their records, where something does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from headrace.engine.arrivals import Arrived
from headrace.engine.changelog import Change
from headrace.engine.kept.chunk import Chunk, Codes, both_codes, row_codes
from headrace.engine.kept.kept_records import KeptRecords
from headrace.engine.kept.of_lane import are_closed, chunk_of, needed_codes
from headrace.engine.lane import Lane
from headrace.engine.memo import Memo
from headrace.engine.rows import Rows
from headrace.kafka.records import Records


class Keeping:
    """Keeps the records of lanes in the changelog, or does nothing.

    Args:
        kept: where they are kept; ``None``: nowhere.
        lane: returns the lane of a partition.
    """

    def __init__(self, kept: KeptRecords | None, lane: Callable[[int], Lane]) -> None:
        self.kept = kept
        self._lane = lane

    def __bool__(self) -> bool:
        return self.kept is not None

    def begin(self, partition: int, memo: Memo | None, committed: int) -> None:
        """Take on a partition, as its last commit left it."""
        if self.kept is not None:
            self.kept.begin(partition, memo, committed)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        if self.kept is not None:
            self.kept.drop(partition)

    def load(self, partition: int, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take records of the changelog: keys and values, in their order."""
        if self.kept is not None:
            self.kept.load(partition, records)

    def loaded(self, partition: int) -> None:
        """All of the changelog has been taken."""
        if self.kept is not None:
            self.kept.loaded(partition)

    def since(self, partition: int) -> int | None:
        """Return from which offset on the changelog has all that is needed of a partition; ``None``: it has not."""
        return self.kept.since(partition) if self.kept is not None else None

    def next_of_past(self, partition: int, first: int) -> Chunk | None:
        """Return the next kept records from offset ``first`` on, ``None`` after the last."""
        return self.kept.next_of_past(partition, first) if self.kept is not None else None

    def judged(
        self, partition: int, rows: Rows, chunk: Chunk
    ) -> tuple[dict[int, int], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return the newest event time before kept records, by partition, and what is known of their rows.

        Returns:
            The time; which rows came too late, bool[n]; and which are in windows that have closed, bool[n].
        """
        assert self.kept is not None  # noqa: S101  the records come from there
        late = np.isin(row_codes(rows), chunk.late[:, 1])
        return {partition: chunk.newest}, late, are_closed(rows, self.kept.closed_rows(partition))

    def past(
        self, partition: int, records: Records, arrived: Arrived, late: npt.NDArray[np.bool_], newest: int
    ) -> None:
        """Keep records of before the commit, which come from the log; see :func:`chunk_of`."""
        if self.kept is not None:
            chunk = chunk_of(records, arrived, np.ones(len(late), np.bool_), late, newest)
            if chunk is not None:
                self.kept.note(partition, chunk, past=True)

    def settle(self, partition: int) -> None:
        """All that is kept of a partition's past has been read; does nothing the second time."""
        if self.kept is not None:
            self.kept.settle(partition, self._needed)

    def note(
        self,
        partition: int,
        records: Records,
        arrived: Arrived,
        mine: npt.NDArray[np.bool_],
        late: npt.NDArray[np.bool_],
        newest: int,
    ) -> None:
        """Keep the records of a partition that have just been read; see :func:`chunk_of`."""
        if self.kept is not None:
            self.settle(partition)
            chunk = chunk_of(records, arrived, mine, late, newest)
            if chunk is not None:
                self.kept.note(partition, chunk, past=False)

    def close(self, partition: int, rows: Rows) -> None:
        """Note rows whose windows have closed."""
        if self.kept is not None:
            self.kept.close(partition, both_codes(rows))

    def changes(self, partitions: Iterable[int]) -> list[Change]:
        """Return what a batch with records of ``partitions`` changes in the changelog."""
        return self.kept.changes(partitions) if self.kept is not None else []

    def work(self) -> list[int]:
        """Return the partitions that have something to write even when no batch comes."""
        return self.kept.work() if self.kept is not None else []

    def told(self, partition: int, memo: Memo, offset: int) -> Memo:
        """Return what to commit beside ``offset`` when it says what is kept, too."""
        if self.kept is None:
            return memo
        since, lists = self.kept.memo(partition, offset if memo.lowest is None else memo.lowest)
        return replace(memo, kept_since=since, closed_lists=lists)

    def commit(self) -> None:
        """The batch is committed, and the lanes know it."""
        if self.kept is not None:
            self.kept.commit(self._needed)

    def rollback(self) -> None:
        """The batch is not committed."""
        if self.kept is not None:
            self.kept.rollback()

    def close_all(self) -> None:
        """Let go of files and memory."""
        if self.kept is not None:
            self.kept.close_all()

    def _needed(self, partition: int) -> Codes:
        return needed_codes(self._lane(partition))

"""The records that a replica keeps in the changelog, by partition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from headrace.engine.changelog import CLOSED, ROWS, Change, kind_of
from headrace.engine.kept.chunk import Chunk, Codes
from headrace.engine.kept.kept_partition import KeptPartition
from headrace.engine.kept.local_values import LocalValues
from headrace.engine.memo import Memo


class KeptRecords:
    """Keeps what a stream still needs of its past in the changelog, in the transactions of its batches.

    The records of a batch are one value, as they were read, so that a restart takes them as it would take them from
    the log. They go when they all stand before the lowest offset that is needed; or, where no offset says that
    (so many rows a key), what is needed of several values is written anew, a part with each batch.

    Args:
        place: returns the folder of this process.
        cleans: no offset says what is needed.
    """

    def __init__(self, place: Callable[[], Path], *, cleans: bool) -> None:
        self._local = LocalValues(place)
        self.cleans = cleans
        self._partitions: dict[int, KeptPartition] = {}
        self._committed: dict[int, int] = {}
        self._past: dict[int, Iterator[Chunk]] = {}
        self._expired: dict[int, int] = {}
        self._closed: dict[int, pd.Series] = {}

    def begin(self, partition: int, memo: Memo | None, committed: int) -> None:
        """Take on a partition, as its last commit left it."""
        kept = KeptPartition(partition, self._local, cleans=self.cleans)
        self._partitions[partition], self._committed[partition] = kept, committed
        if memo is not None:
            kept.begin(memo.kept_since, memo.closed_lists)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        kept = self._partitions.pop(partition, None)
        self._past.pop(partition, None)
        self._closed.pop(partition, None)
        self._expired.pop(partition, None)
        if kept is not None:
            kept.drop()

    def load(self, partition: int, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take records of the changelog: keys and values, in their order."""
        for key, value in records:
            kind = kind_of(key)
            if kind in {ROWS, CLOSED}:
                self._partitions[partition].load(kind, int(key.rsplit(b"\0", 1)[1]), value)

    def loaded(self, partition: int) -> None:
        """All of the changelog has been taken."""
        self._partitions[partition].loaded(self._committed[partition])

    def since(self, partition: int) -> int | None:
        """Return from which offset on the changelog has all that is needed, ``None`` when it has not."""
        return self._partitions[partition].since

    def next_of_past(self, partition: int, first: int) -> Chunk | None:
        """Return the next kept records from offset ``first`` on, ``None`` after the last."""
        if partition not in self._past:
            self._past[partition] = self._partitions[partition].past(first)
        chunk = next(self._past[partition], None)
        if chunk is None:
            del self._past[partition]
        return chunk

    def closed_rows(self, partition: int) -> pd.Series:
        """Return how many of a partition's rows with a code are in windows that have closed, by the code."""
        if partition not in self._closed:
            self._closed[partition] = self._partitions[partition].closed_rows()
        return self._closed[partition]

    def note(self, partition: int, chunk: Chunk, *, past: bool) -> None:
        """Keep records that were just read, or of before the commit."""
        kept = self._partitions[partition]
        (kept.note_past if past else kept.note)(chunk)

    def close(self, partition: int, closed: Codes) -> None:
        """Note rows whose windows have closed, uint64[n, 2]."""
        self._partitions[partition].close(closed)

    def settle(self, partition: int, needed: Callable[[int], Codes]) -> None:
        """All that is kept of a partition's past has been read; does nothing the second time.

        Args:
            partition: of which.
            needed: returns the codes of the records of a partition's lane that are needed, ascending.
        """
        self._closed.pop(partition, None)
        kept = self._partitions[partition]
        if not kept.settled:
            kept.settle(self._committed[partition], needed(partition) if self.cleans else None)

    def changes(self, partitions: Iterable[int]) -> list[Change]:
        """Return what a batch with records of ``partitions`` changes in the changelog."""
        return [change for number in sorted(partitions) for change in self._partitions[number].changes()]

    def work(self) -> list[int]:
        """Return the partitions that have something to write even when no batch comes."""
        return [number for number, kept in self._partitions.items() if kept.settled and kept.has_work]

    def memo(self, partition: int, lowest: int) -> tuple[int | None, int]:
        """Return what to commit: from where on all is kept, and the last list of closed rows.

        Args:
            partition: of which.
            lowest: records before this offset are not needed once the batch is committed.
        """
        self._expired[partition] = lowest
        return self._partitions[partition].memo()

    def commit(self, needed: Callable[[int], Codes]) -> None:
        """The batch is committed."""
        for number, kept in self._partitions.items():
            kept.commit()
            if not self.cleans and number in self._expired:
                kept.expire(self._expired[number])
            if kept.wants_cleaning:
                kept.clean(needed(number))
        self._expired = {}

    def rollback(self) -> None:
        """The batch is not committed."""
        for kept in self._partitions.values():
            kept.rollback()
        self._expired = {}

    def close_all(self) -> None:
        """Let go of files and memory."""
        for kept in self._partitions.values():
            kept.drop()
        self._local.close()

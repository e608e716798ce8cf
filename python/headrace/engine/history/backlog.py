"""Rows that wait for their time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headrace.engine.event_time import NEVER
from headrace.engine.history.budget import MemoryBudget
from headrace.engine.history.kept_rows import KeptRows
from headrace.engine.rows import Integers, Rows

LARGEST = 500_000
"""Rows of a piece that is not merged any more."""

_MOST_PIECES = 64
_PART = 8
"""A merge takes one part in so many of the memory budget at most."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that came together, and which of them still wait.

    Attributes:
        kept: the rows, in memory or on disk.
        left: int64, ascending: the places of those that wait; ``None``: all.
        first: the earliest of their event times, microseconds.
        last: the latest.
        due: before this time, microseconds, none of them can leave, as far as their owner knows.
    """

    kept: KeptRows
    left: Integers | None
    first: int
    last: int
    due: int = NEVER

    @classmethod
    def of(cls, kept: KeptRows, left: Integers | None = None) -> Piece:
        """Return the piece of rows, or of those at the places ``left``."""
        times = kept.times if left is None else kept.times[left]
        return cls(kept, left, int(times.min()), int(times.max()))

    def __len__(self) -> int:
        return len(self.kept) if self.left is None else len(self.left)

    @property
    def times(self) -> Integers:
        """The event times of the rows that wait, int64[len(self)]."""
        return self._waiting(self.kept.times)

    @property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """The hashes of their keys."""
        return self.kept.hashes if self.left is None else self.kept.hashes[self.left]

    @property
    def partitions(self) -> npt.NDArray[np.int32]:
        """Their source partitions."""
        return self.kept.partitions if self.left is None else self.kept.partitions[self.left]

    @property
    def offsets(self) -> Integers:
        """Their offsets there."""
        return self._waiting(self.kept.offsets)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Return those of the rows that wait."""
        if chosen.all():
            return self.kept.whole() if self.left is None else self.kept.take(self.left)
        places = np.flatnonzero(chosen)
        return self.kept.take(places if self.left is None else self.left[places])

    def only(self, chosen: npt.NDArray[np.bool_]) -> Piece | None:
        """Return the piece when just those of the rows go on waiting."""
        if chosen.all():
            return self
        places = np.flatnonzero(chosen)
        if not len(places):
            return None
        return Piece.of(self.kept, places if self.left is None else self.left[places])

    def _waiting(self, column: Integers) -> Integers:
        return column if self.left is None else column[self.left]


class Backlog:
    """Rows in no order; over the memory budget they are on disk. The owner says which leave.

    Args:
        budget: says what goes to disk.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.pieces: list[Piece] = []

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(piece.kept.nbytes for piece in self.pieces)

    @property
    def earliest(self) -> int | None:
        """The earliest event time, microseconds; ``None`` when nothing waits."""
        return min((piece.first for piece in self.pieces), default=None)

    def add(self, rows: Rows) -> None:
        """Take rows."""
        if not len(rows):
            return
        self.pieces = [*self.pieces, self._piece(rows)]
        if len(self.pieces) > _MOST_PIECES:
            self._merge()

    def keep(self, pieces: list[Piece | None]) -> None:
        """Be what is left of all pieces; one in memory that has become thin gives its room free."""
        self.pieces = [self._slimmed(piece) for piece in pieces if piece is not None]

    def up_to(self, time: int) -> list[Rows]:
        """Return the rows up to a time, microseconds, itself included; the others go on waiting."""
        ready: list[Rows] = []
        left: list[Piece | None] = []
        for piece in self.pieces:
            if piece.first > time:
                left.append(piece)
                continue
            is_ready = piece.times <= time
            ready.append(piece.take(is_ready))
            left.append(piece.only(~is_ready))
        if ready:
            self.keep(left)
        return ready

    def share(self, most: int, part: int) -> int:
        """Return how many of the rows take a part of the memory budget, ``most`` at most."""
        kept = [piece.kept for piece in self.pieces]
        return self._budget.share(sum(rows.size for rows in kept), sum(map(len, kept)), part, most)

    def _piece(self, rows: Rows) -> Piece:
        kept = KeptRows(rows)
        piece = Piece.of(kept)
        self._budget.add(kept)
        return piece

    def _slimmed(self, piece: Piece) -> Piece:
        if piece.left is None or not piece.kept.nbytes or 2 * len(piece.left) > len(piece.kept):
            return piece
        return replace(self._piece(piece.kept.take(piece.left)), due=piece.due)

    def _merge(self) -> None:
        """Merge the smaller half of the pieces, as far as they fit into memory together."""
        most = self.share(LARGEST, _PART)
        by_size = sorted(self.pieces, key=len)
        small, count = [], 0
        for piece in by_size[: len(by_size) // 2]:
            count += len(piece)
            if count > most:
                break
            small.append(piece)
        if len(small) < 2:  # noqa: PLR2004  nothing to merge
            return
        merged = Rows.concat([piece.take(np.ones(len(piece), np.bool_)) for piece in small])
        gone = set(map(id, small))
        due = min(piece.due for piece in small)
        self.pieces = [piece for piece in self.pieces if id(piece) not in gone]
        self.pieces.append(replace(self._piece(merged), due=due))

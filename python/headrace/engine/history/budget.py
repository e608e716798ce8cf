"""How much of what is remembered stays in memory."""

from __future__ import annotations

import logging
import tempfile
import time
import weakref
from pathlib import Path
from typing import Protocol

from headrace.engine.history.columns_file import remove_leftovers

_LEAST_ROWS = 1_000
RETRY_SECONDS = 60.0
"""After so long a full disk may have room again."""

logger = logging.getLogger(__name__)


class Spillable(Protocol):
    """Something large that can move to disk."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory that would move."""

    def spill(self, folder: Path) -> None:
        """Move to a file in ``folder``."""


class MemoryBudget:
    """Shared by all lanes of a replica: over it, the largest pieces go to disk.

    Args:
        limit: bytes.
        folder: where to; a temporary folder, which ends with the budget, by default.
    """

    def __init__(self, limit: int, folder: Path | None = None) -> None:
        self._limit = limit
        self._folder = folder
        if folder is not None:
            remove_leftovers(folder)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._pieces: weakref.WeakSet[Spillable] = weakref.WeakSet()
        self._refused_until = 0.0

    def share(self, size: int, count: int, part: int, most: int) -> int:
        """Return how many rows take a part of the budget: at least 1,000, at most ``most``.

        Args:
            size: bytes of some of the rows.
            count: how many those are.
            part: one part in so many.
            most: rows that are enough, however small they are.
        """
        each = max(1, size // max(1, count))
        return min(most, max(_LEAST_ROWS, self._limit // part // each))

    @property
    def used(self) -> int:
        """Bytes of what is in memory."""
        return sum(piece.nbytes for piece in self._pieces)

    def add(self, piece: Spillable) -> None:
        """Take a piece into account, and move pieces to disk while there is too much."""
        self._pieces.add(piece)
        used = self.used
        if used <= self._limit or time.monotonic() < self._refused_until:
            return
        for largest in sorted(self._pieces, key=lambda one: one.nbytes, reverse=True):
            if used <= self._limit // 2 or not largest.nbytes:
                break
            used -= largest.nbytes
            try:
                largest.spill(self.place())
            except OSError as error:  # a full disk: memory has to do
                logger.warning("what is remembered stays in memory", extra={"reason": str(error)})
                self._refused_until = time.monotonic() + RETRY_SECONDS
                break

    def place(self) -> Path:
        """Return the folder for files; it is made when it is not there."""
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return self._folder
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="headrace-")
            weakref.finalize(self, self._temporary.cleanup)  # its own way to end with us is to warn
        return Path(self._temporary.name)

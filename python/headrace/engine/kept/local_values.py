"""Values of the changelog that this process has at hand: small ones in memory, others in files."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

_SMALL = 16 * 1024
"""Bytes up to which a value stays in memory."""

Held = bytes | Path

logger = logging.getLogger(__name__)


class LocalValues:
    """Keeps values until they are let go; nothing of it outlives the process, since the changelog has all of it.

    Args:
        place: returns the folder of this process; it is made when it is not there.
    """

    def __init__(self, place: Callable[[], Path]) -> None:
        self._place = place
        self._folder: Path | None = None
        self._numbers = itertools.count()

    def put(self, value: bytes) -> Held:
        """Keep a value."""
        if len(value) <= _SMALL:
            return value
        try:
            path = self._opened() / f"{next(self._numbers)}.chunk"
            path.write_bytes(value)
        except OSError as error:  # a full disk: memory has to do
            logger.warning("kept records stay in memory", extra={"reason": str(error)})
            return value
        return path

    @staticmethod
    def get(held: Held) -> bytes:
        """Return a value."""
        return held.read_bytes() if isinstance(held, Path) else held

    @staticmethod
    def let_go(held: Held | None) -> None:
        """Forget a value."""
        if isinstance(held, Path):
            held.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget all of them."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _opened(self) -> Path:
        if self._folder is None:
            folder = self._place() / "kept"
            shutil.rmtree(folder, ignore_errors=True)  # of a process that ended without doing so
            folder.mkdir(mode=0o700)
            self._folder = folder
        return self._folder

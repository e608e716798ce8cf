"""One time budget for several questions."""

from __future__ import annotations

import time


class Deadline:
    """A moment that several waits share, however many they are.

    Args:
        seconds: how far it is away.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.monotonic() >= self._end

    def at_most(self, seconds: float) -> float:
        """Return how long one wait may take: ``seconds``, or what is left; never quite nothing."""
        return max(0.001, min(seconds, self._end - time.monotonic()))

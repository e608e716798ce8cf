"""A batch that waits for its side inputs."""

from __future__ import annotations

import time

from headrace.engine.service.source import Gathered
from headrace.engine.sides.live import LiveSides

_POLL_SECONDS = 0.02


class Waiting:
    """Holds one batch, and says when it may go on.

    Args:
        sides: the side inputs.
        seconds: how long a batch waits at most, once what was there at the beginning is read.
    """

    def __init__(self, sides: LiveSides, seconds: float) -> None:
        self._sides = sides
        self._seconds = seconds
        self._gathered: Gathered | None = None
        self._since: float | None = None
        self.holds = False
        self.disturbed = False

    def read(self) -> None:
        """Read the side inputs on; while a batch is held, wait a little for what comes.

        Raises:
            ClusterError: the cluster refuses.
        """
        self._sides.step(_POLL_SECONDS if self.holds else 0.0)

    def hold(self, gathered: Gathered | None) -> None:
        """Take a batch; ``None`` is one without records, that time brought about. The time it has waited goes on."""
        self._gathered = gathered
        self.holds = True
        self.disturbed = False

    def is_over(self) -> bool:
        """Return whether the batch may go on: its side inputs are there, or it has waited long enough."""
        if self._sides.is_ready():
            return True
        now = time.monotonic()
        if self._sides.is_loading():
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= self._seconds:
            self._sides.give_up()
            return True
        return False

    def disturb(self) -> None:
        """Partitions came or went: what is held may be somebody else's."""
        self.disturbed = True

    def let_go(self) -> Gathered | None:
        """Give the batch back."""
        gathered, self._gathered = self._gathered, None
        self.holds = False
        return gathered

    def taken(self) -> None:
        """A new batch begins: it has not waited yet."""
        self._since = None

"""What a fault may act on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .broker import Broker
from .feeder import Feeder
from .fleet import Fleet
from .watcher import Watcher

STUCK_SECONDS = 180.0
"""After so long without what is waited for, a round has failed."""


@dataclass(frozen=True, slots=True)
class Arena:
    """A service under test and its broker.

    Attributes:
        broker: the broker.
        fleet: the replicas.
        watcher: sees what is committed.
        feeder: sends to the source.
        source: the source topic.
        partitions: how many partitions it has.
        folder: for what a fault needs of files.
    """

    broker: Broker
    fleet: Fleet
    watcher: Watcher
    feeder: Feeder
    source: str
    partitions: int
    folder: Path

    def chosen(self, share: float) -> int:
        """Return the replica at a share, from 0 up to 1, of those that run."""
        replicas = self.fleet.replicas
        return replicas[int(share * len(replicas))]

    def wait(self, seconds: float) -> None:
        """Let time pass; replicas that end meanwhile are started again."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.fleet.tend()
            time.sleep(min(0.1, left))

    def until(self, condition: Callable[[], bool], what: str, seconds: float = STUCK_SECONDS) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: it did not come true in time; ``what`` says what.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self.fleet.tend()
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s; ends: {self.fleet.ends[-3:]}"
            time.sleep(0.01)

    def until_committed(self, records: int, seconds: float = STUCK_SECONDS) -> None:
        """Wait until so many records of the source are committed; errors as for :meth:`until`."""
        self.until(lambda: self.watcher.progress() >= records, f"{records:,} records committed", seconds)

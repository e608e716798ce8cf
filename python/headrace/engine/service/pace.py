"""How many records the next batch may take."""

from __future__ import annotations

import time

MOST_RECORDS = 20_000
MOST_WITH_PAST = 60_000
"""With a lookback: each batch brings its keys' past with it, and that costs less the more records share it."""
MOST_BYTES = 16 * 1024 * 1024
BATCH_SECONDS = 1.0

_FIRST = 1_000
_GROWTH = 4
_FEWEST = 1
_TICKS_PER_SECOND = 5
_SMOOTHING = 0.3


class Pace:
    """Bounds a batch by records, bytes and time, from what the batches so far have cost.

    A batch takes at most ``most`` records, about :data:`MOST_BYTES` bytes and about
    :data:`BATCH_SECONDS`, so that a stop or a rebalance never waits long for a slow function. It only bounds: at low
    load a batch takes what has arrived.

    Args:
        max_rate: records per second not to exceed, or ``None``.
        most: records of a batch at most.
    """

    def __init__(self, max_rate: float | None = None, *, most: int = MOST_RECORDS) -> None:
        self._max_rate = max_rate
        self._most = most
        self._limit = float(_FIRST)
        self._record_bytes = 0.0
        self._free_at = 0.0

    @property
    def limit(self) -> int:
        """Records that the next batch may take, at least 1."""
        limit = min(self._limit, self._most)
        if self._record_bytes:
            limit = min(limit, MOST_BYTES / self._record_bytes)
        if self._max_rate is not None:
            limit = min(limit, self._max_rate / _TICKS_PER_SECOND)
        return max(_FEWEST, int(limit))

    def observe(self, records: int, size: int, seconds: float) -> None:
        """Learn from a batch: how many records, of how many bytes, were processed and committed in how long."""
        mean = size / records
        self._record_bytes = mean if not self._record_bytes else max(mean, self._smooth(self._record_bytes, mean))
        affordable = records * BATCH_SECONDS / max(seconds, 1e-6)
        if seconds > BATCH_SECONDS:
            self._limit = max(float(_FEWEST), affordable)
        elif records >= self.limit:
            self._limit = min(self._limit * _GROWTH, max(affordable, self._limit), float(self._most))
        if self._max_rate is not None:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - 1 / _TICKS_PER_SECOND) + records / self._max_rate

    @property
    def pause(self) -> float:
        """Seconds to wait before the next batch, so that the highest rate is kept; 0 without one."""
        return max(0.0, self._free_at - time.monotonic()) if self._max_rate is not None else 0.0

    @staticmethod
    def _smooth(old: float, new: float) -> float:
        return old + _SMOOTHING * (new - old)

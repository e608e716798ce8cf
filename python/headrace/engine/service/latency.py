"""Percentiles, rates and means of the last minute, in bounded memory."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import numpy.typing as npt

WINDOW_SECONDS = 60

_SMALLEST_MS = 0.5
_BINS = 256
_RATIO = 1.08
"""A bin's upper edge over its lower one: a percentile is at most 8 % too high, up to about 50 hours."""


class LatencyWindow:
    """Counts latencies in bins that grow by a constant ratio, one row of bins a second, for a minute."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, npt.NDArray[np.int64]]] = deque(maxlen=WINDOW_SECONDS)

    def observe(self, latencies: npt.NDArray[np.int64]) -> None:
        """Count ``latencies``, int64[n] in milliseconds; negative ones (clocks that differ) count as the smallest."""
        scaled = np.log(np.maximum(latencies, _SMALLEST_MS) / _SMALLEST_MS) / np.log(_RATIO)
        bins = np.minimum(scaled.astype(np.int64), _BINS - 1)
        counted = np.bincount(bins, minlength=_BINS)
        second = int(time.monotonic())
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1][:] += counted
        else:
            self._seconds.append((second, counted))

    def percentiles(self, *wanted: float) -> list[float | None]:
        """Return the percentiles (each from 0 to 100) in milliseconds, ``None`` where the last minute had no record."""
        oldest = time.monotonic() - WINDOW_SECONDS
        rows = [counted for second, counted in list(self._seconds) if second >= oldest]
        if not rows:
            return [None] * len(wanted)
        total = np.cumsum(np.sum(rows, axis=0))
        return [self._value(int(np.searchsorted(total, total[-1] * share / 100))) for share in wanted]

    @staticmethod
    def _value(place: int) -> float:
        return round(float(_SMALLEST_MS * _RATIO ** (place + 1)), 1)


class Rate:
    """Events per second over the last seconds.

    Args:
        seconds: how many.
    """

    def __init__(self, seconds: int = 10) -> None:
        self._span = seconds
        self._began = time.monotonic()
        self._seconds: deque[tuple[int, int]] = deque(maxlen=seconds + 1)

    def add(self, count: int) -> None:
        """Count ``count`` events now."""
        second = int(time.monotonic())
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))

    @property
    def per_second(self) -> float:
        """The mean over the span, or over the time since the start where that is shorter."""
        now = time.monotonic()
        recent = sum(count for second, count in list(self._seconds) if second > now - self._span)
        return round(recent / max(1.0, min(self._span, now - self._began)), 1)


class Mean:
    """The mean of what was observed in the last minute."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int, float]] = deque(maxlen=WINDOW_SECONDS)

    def add(self, value: float) -> None:
        """Observe ``value`` now."""
        second, count, total = int(time.monotonic()), 1, value
        if self._seconds and self._seconds[-1][0] == second:
            _, before, sum_before = self._seconds.pop()
            count, total = before + 1, sum_before + value
        self._seconds.append((second, count, total))

    @property
    def value(self) -> float | None:
        """The mean, ``None`` where the last minute had nothing to observe."""
        oldest = time.monotonic() - WINDOW_SECONDS
        recent = [(count, total) for second, count, total in list(self._seconds) if second >= oldest]
        return sum(total for _, total in recent) / sum(count for count, _ in recent) if recent else None

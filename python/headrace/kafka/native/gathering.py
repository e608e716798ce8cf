"""How many records to ask for at once, so that few large ones do not fill the memory."""

from __future__ import annotations

import time
from collections.abc import Callable

PIECE = 1024
"""Records at most; the compiled library has room for so many."""
_FIRST_PIECE = 64


def gather(
    take: Callable[[int, float], int],
    size: Callable[[], int],
    limits: tuple[int, int],
    seconds: float,
    gather_seconds: float,
    until: float,
) -> None:
    """Call ``take`` until there is enough, or no more in time.

    Args:
        take: takes up to so many records, waiting up to so many seconds; returns how many came.
        size: returns the bytes of all that came so far.
        limits: the most records, and the most bytes, give or take a piece.
        seconds: how long to wait for the first.
        gather_seconds: how long to wait for more after the first.
        until: of the monotonic clock; more is waited for until then, if that is later.
    """
    most, most_bytes = limits
    met = take(1, seconds)
    until = max(until, time.monotonic() + gather_seconds)
    while 0 < met < most:
        room = (most_bytes - size()) // (size() // met + 1)
        want = min(most - met, room, PIECE, max(met, _FIRST_PIECE))
        if want < 1:
            return
        came = take(want, max(0.0, until - time.monotonic()))
        met += came
        if came < want:
            return

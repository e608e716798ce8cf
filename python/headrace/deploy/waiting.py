"""Waiting for a condition, never longer than said."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], seconds: float, *, every: float = 0.1) -> bool:
    """Ask ``condition`` every ``every`` seconds until it holds; False when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True

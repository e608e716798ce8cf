"""Memory that a burst has taken and nobody uses any more."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

import pyarrow as pa

EVERY_SECONDS = 60.0
"""How often it is worth it; a heap of 300 MB takes some milliseconds."""


def give_back() -> None:
    """Give what is free in the heap back to the system: else a process stays as large as its largest batch."""
    pa.default_memory_pool().release_unused()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's ``malloc_trim``, or ``None`` where the C library is another one."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim

"""The end of a log that is rotated."""

from __future__ import annotations

import os
from pathlib import Path

_BLOCK = 64 * 1024


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of ``log`` and, where it is too short, of its predecessor ``.1``."""
    lines = _tail(log, count)
    if len(lines) < count:
        lines = _tail(log.with_name(f"{log.name}.1"), count - len(lines)) + lines
    return lines


def _tail(log: Path, count: int) -> list[str]:
    if not log.is_file() or count < 1:
        return []
    with log.open("rb") as stream:
        position = stream.seek(0, os.SEEK_END)
        tail = b""
        while position > 0 and tail.count(b"\n") <= count:
            step = min(_BLOCK, position)
            position = stream.seek(position - step)
            tail = stream.read(step) + tail
    return tail.decode("utf-8", errors="replace").splitlines()[-count:]

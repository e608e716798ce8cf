"""The end of a log that is rotated, and several logs as one."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

_BLOCK = 64 * 1024


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of ``log`` and, where it is too short, of its predecessor ``.1``."""
    lines = _tail(log, count)
    if len(lines) < count:
        lines = _tail(log.with_name(f"{log.name}.1"), count - len(lines)) + lines
    return lines


def by_time(logs: Iterable[list[str]]) -> list[str]:
    """Return the lines of several logs in the order of their ``time``, those of one log in its own order.

    A line that is no JSON object with a time, as what a cell prints, stays behind the line that it follows.
    """
    return [line for _, line in heapq.merge(*map(_timed, logs), key=lambda timed: timed[0])]


def _timed(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each line with the latest time so far: ISO 8601 in UTC, which sorts as text does."""
    latest = ""
    for line in lines:
        latest = max(latest, _time(line))
        yield latest, line


def _time(line: str) -> str:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    return str(found.get("time", "")) if isinstance(found, dict) else ""


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

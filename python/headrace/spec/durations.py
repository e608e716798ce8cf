"""Lengths of time as people write them: ``250ms``, ``10s``, ``5min``, ``6h``, ``28d``."""

from __future__ import annotations

import re
from datetime import timedelta

from headrace.errors import UsageError

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)")
MOST_DAYS = 99_999
"""The longest length of time, 273 years; 10,000 of them, which a hopping window asks about, still are a timedelta."""


def is_duration(text: str) -> bool:
    """Return whether ``text`` is written as a length of time, however long."""
    return _DURATION.fullmatch(text.strip()) is not None


def parse_duration(text: str) -> timedelta:
    """Return the length of time that ``text`` names.

    Args:
        text: a number and a unit: ``ms``, ``s``, ``m`` or ``min``, ``h``, ``d``.

    Raises:
        UsageError: the text is not a number with one of these units, or it is longer than 99999 days.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        message = f"`{text}` is not a length of time."
        raise UsageError(message, hint="Write a number and a unit: 500ms, 10s, 5min, 6h or 28d.")
    number, unit = float(match[1]), _UNITS[match[2]]
    if number > timedelta(days=MOST_DAYS) / unit:
        message = f"`{text}` is too long."
        raise UsageError(message, hint=f"Write a length of time of at most {MOST_DAYS}d.")
    return number * unit

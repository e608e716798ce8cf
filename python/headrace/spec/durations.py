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


def parse_duration(text: str) -> timedelta:
    """Return the length of time that ``text`` names.

    Args:
        text: a number and a unit: ``ms``, ``s``, ``m`` or ``min``, ``h``, ``d``.

    Raises:
        UsageError: the text is not a number with one of these units.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        message = f"`{text}` is not a length of time."
        raise UsageError(message, hint="Write a number and a unit: 500ms, 10s, 5min, 6h or 28d.")
    return float(match[1]) * _UNITS[match[2]]

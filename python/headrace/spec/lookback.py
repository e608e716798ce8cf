"""How far back a function sees: ``28d`` of event time, or ``50rows`` of its key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from headrace.errors import UsageError
from headrace.spec.durations import is_duration, parse_duration

_ROWS = re.compile(r"(\d+)\s*rows?")


@dataclass(frozen=True, slots=True)
class Lookback:
    """A declared lookback: one of the two is set.

    Attributes:
        span: how far back in event time, both ends included.
        rows: how many rows of the same key.
    """

    span: timedelta | None = None
    rows: int | None = None


def parse_lookback(text: str) -> Lookback:
    """Return the lookback that ``text`` declares.

    Raises:
        UsageError: it is neither a length of time nor a number of rows, zero, or longer than any may be.
    """
    match = _ROWS.fullmatch(text.strip())
    if match:
        lookback = Lookback(rows=int(match[1]))
    elif is_duration(text):
        lookback = Lookback(span=parse_duration(text))
    else:
        message = f"`{text}` is not a lookback."
        raise UsageError(message, hint="Write a length of time such as 6h or 28d, or a number such as 50rows.")
    if not (lookback.span or lookback.rows):
        message = f"`{text}` looks back at nothing."
        raise UsageError(message, hint="Leave the lookback out, or write how far it goes: 28d or 50rows.")
    return lookback

"""Memory of a function's own: ``totals``, ``totals:30d``."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from datetime import timedelta

from headrace.errors import UsageError
from headrace.spec.durations import parse_duration


@dataclass(frozen=True, slots=True)
class StateDeclaration:
    """A declared state.

    Attributes:
        name: its name in the function.
        ttl: how long a key's rows are kept after its last record, in event time; ``None``: for good.
    """

    name: str
    ttl: timedelta | None = None


def parse_state(text: str) -> StateDeclaration:
    """Return the state that ``text`` declares: ``NAME[:TTL]``.

    Raises:
        UsageError: the name is no Python name, or the rest no length of time.
    """
    name, colon, ttl = text.partition(":")
    if not name.isidentifier() or keyword.iskeyword(name) or name == "df" or (colon and not ttl):
        message = f"`{text}` is not a state."
        raise UsageError(message, hint="Write NAME or NAME:TTL, as in totals:30d; NAME is a Python name other than df.")
    return StateDeclaration(name, parse_duration(ttl) if ttl else None)

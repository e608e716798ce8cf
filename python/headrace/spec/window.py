"""Windows as they are declared: ``tumbling=1min``, ``hopping=10min,1min``, ``session=30s``, ``count=100``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from headrace.errors import UsageError
from headrace.spec.durations import parse_duration

WindowKind = Literal["tumbling", "hopping", "session", "count"]

_EXAMPLES = "Write tumbling=1min, hopping=10min,1min, session=30s or count=100; time zones follow as @Europe/Berlin."
_MOST_OVERLAPS = 10_000


@dataclass(frozen=True, slots=True)
class Window:
    """A declared window.

    Attributes:
        kind: tumbling, hopping, session or count.
        size: how long it is; for a session the gap that ends it; zero for ``count``.
        step: how far apart two windows start; the size but for ``hopping``.
        count: records in a window of kind ``count``, else 0.
        timezone: the IANA name in whose local time windows are aligned, or ``None`` for UTC.
    """

    kind: WindowKind
    size: timedelta = timedelta(0)
    step: timedelta = timedelta(0)
    count: int = 0
    timezone: str | None = None

    @property
    def per_key(self) -> bool:
        """Whether one window holds one key alone."""
        return self.kind in {"session", "count"}


def parse_window(text: str) -> Window:
    """Return the window that ``text`` declares.

    Raises:
        UsageError: an unknown kind, a size that is none, a step longer than the size, or an unknown time zone.
    """
    declared, _, timezone = text.partition("@")
    kind, separator, sizes = declared.partition("=")
    if kind not in get_args(WindowKind) or not separator:
        message = f"`{text}` is not a window."
        raise UsageError(message, hint=_EXAMPLES)
    if timezone:
        _check_timezone(text, kind, timezone)
    if kind == "count":
        if not sizes.isdigit() or int(sizes) < 1:
            message = f"`{text}`: the count must be a whole number of records, at least 1."
            raise UsageError(message, hint=_EXAMPLES)
        return Window("count", count=int(sizes))
    lengths = [parse_duration(part) for part in sizes.split(",")]
    if len(lengths) != (2 if kind == "hopping" else 1):
        message = f"`{text}`: {kind} takes {'a size and a step' if kind == 'hopping' else 'one length of time'}."
        raise UsageError(message, hint=_EXAMPLES)
    size, step = lengths[0], lengths[-1]
    if step <= timedelta(0) or size < step or size > step * _MOST_OVERLAPS:
        message = f"`{text}`: the step must be above zero and not longer than the size."
        raise UsageError(message, hint=_EXAMPLES)
    return Window(kind, size, step, 0, timezone or None)  # type: ignore[arg-type]  # checked to be a kind above


def _check_timezone(text: str, kind: str, timezone: str) -> None:
    if kind in {"session", "count"}:
        message = f"`{text}`: {kind} windows are not aligned to the clock, so they have no time zone."
        raise UsageError(message, hint="Leave out what follows the @.")
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        message = f"`{text}`: `{timezone}` is not a time zone."
        raise UsageError(message, hint="Use an IANA name such as Europe/Berlin or America/New_York.") from None

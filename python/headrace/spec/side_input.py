"""Another topic in a function's scope: ``weather``, ``weather:3h``, ``weather:3h@observed_at``."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from datetime import timedelta

from headrace.errors import UsageError
from headrace.spec.durations import parse_duration

_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True, slots=True)
class SideInput:
    """A declared side input.

    Attributes:
        topic: the topic.
        lookback: how far back of the main rows' time its rows are kept, or ``None``: all of them.
        time: the column with its event time; ``None`` with a lookback means the record's timestamp.
    """

    topic: str
    lookback: timedelta | None = None
    time: str | None = None

    @property
    def name(self) -> str:
        """The name it has in the function: the topic's, made an identifier."""
        name = re.sub(r"\W", "_", self.topic)
        return f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name

    @property
    def is_table(self) -> bool:
        """Whether it is a table, the newest row of each record key, rather than rows in time."""
        return self.lookback is None and self.time is None


def parse_side_input(text: str) -> SideInput:
    """Return the side input that ``text`` declares: ``TOPIC[:LOOKBACK][@TIMECOL]``.

    Raises:
        UsageError: no topic's name, no length of time, or no column after ``@``.
    """
    declared, at, time = text.partition("@")
    topic, colon, lookback = declared.partition(":")
    if not _TOPIC_NAME.fullmatch(topic) or topic in {".", ".."} or (at and not time) or (colon and not lookback):
        message = f"`{text}` is not a side input."
        raise UsageError(
            message, hint="Write TOPIC, TOPIC:LOOKBACK or TOPIC:LOOKBACK@TIMECOL, as in weather:3h@observed."
        )
    return SideInput(topic, parse_duration(lookback) if lookback else None, time or None)

"""What is committed beside an offset, so that a restart goes on from exactly there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.engine.event_time import NEVER


@dataclass(frozen=True, slots=True)
class Memo:
    """How far a partition is in event time, as of a committed offset.

    Attributes:
        complete: every later record that is in time has at least this event time, microseconds.
        newest: for each source partition the newest event time seen.
        lowest: the lowest offset that has to be read again; ``None``: the committed one.
        newest_at_lowest: as ``newest``, before the record at ``lowest``.
        start: the offset the stream began at: records before it are history only.
        declaration: of what the stream needs to see; another one makes ``lowest`` worthless.
    """

    complete: int = NEVER
    newest: dict[int, int] = field(default_factory=dict)
    lowest: int | None = None
    newest_at_lowest: dict[int, int] = field(default_factory=dict)
    start: int = 0
    declaration: str = ""

    def to_fields(self) -> dict[str, Any]:
        """Return what stands in the metadata of an offset commit."""
        return {
            "c": self.complete,
            "n": {str(number): time for number, time in self.newest.items()},
            "l": self.lowest,
            "b": {str(number): time for number, time in self.newest_at_lowest.items()},
            "s": self.start,
            "d": self.declaration,
        }

    @classmethod
    def from_fields(cls, fields: object) -> Memo | None:
        """Return the memo that :meth:`to_fields` wrote, or ``None`` where there is none."""
        if not isinstance(fields, dict) or "c" not in fields:
            return None
        return cls(
            complete=int(fields["c"]),
            newest={int(number): int(time) for number, time in fields["n"].items()},
            lowest=None if fields["l"] is None else int(fields["l"]),
            newest_at_lowest={int(number): int(time) for number, time in fields["b"].items()},
            start=int(fields["s"]),
            declaration=str(fields["d"]),
        )

"""What is committed beside an offset, so that a restart goes on from exactly there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.engine.event_time import NEVER
from headrace.engine.packed_times import Times, pack_times, unpack_times

_MOST_PLAIN = 4
"""Times of more partitions than these are packed."""
_ROOMY = 2**31
"""Letters enough for all."""


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
        kept_since: from this offset on the changelog has all that is needed; ``None``: it has not.
        closed_lists: the last of the lists of closed rows that counts.
        taken: for each source partition the newest offset that was taken of it, where it can come again; empty where
            that is not known.
    """

    complete: int = NEVER
    newest: dict[int, int] = field(default_factory=dict)
    lowest: int | None = None
    newest_at_lowest: dict[int, int] = field(default_factory=dict)
    start: int = 0
    declaration: str = ""
    kept_since: int | None = None
    closed_lists: int = 0
    taken: dict[int, int] = field(default_factory=dict)

    def to_fields(self, room: int) -> dict[str, Any]:
        """Return what stands in the metadata of an offset commit.

        Args:
            room: letters that the times of many partitions may take; over it they are rounded down.
        """
        many = [self.newest_at_lowest, self.taken]
        each = room // (1 + sum(len(by_number) > _MOST_PLAIN for by_number in many))
        fields: dict[str, Any] = {
            "c": self.complete,
            "n": _times_to_field(self.newest, each),
            "l": self.lowest,
            "b": _times_to_field(self.newest_at_lowest, each),
            "s": self.start,
            "d": self.declaration,
        }
        if self.kept_since is not None:
            fields["k"] = [self.kept_since, self.closed_lists]
        taken = _times_to_field(self.taken, _ROOMY)
        if self.taken and (len(self.taken) <= _MOST_PLAIN or len(taken) <= each):
            fields["t"] = taken  # rounded, it would be worse than nothing
        return fields

    @classmethod
    def from_fields(cls, fields: object) -> Memo | None:
        """Return the memo that :meth:`to_fields` wrote, or ``None`` where there is none."""
        if not isinstance(fields, dict) or "c" not in fields:
            return None
        kept_since, closed_lists = fields.get("k", (None, 0))
        return cls(
            complete=int(fields["c"]),
            newest=_times_of_field(fields["n"]),
            lowest=None if fields["l"] is None else int(fields["l"]),
            newest_at_lowest=_times_of_field(fields["b"]),
            start=int(fields["s"]),
            declaration=str(fields["d"]),
            kept_since=kept_since,
            closed_lists=closed_lists,
            taken=_times_of_field(fields.get("t", {})),
        )


def _times_to_field(times: Times, room: int) -> dict[str, int] | str:
    if len(times) > _MOST_PLAIN:
        return pack_times(times, room)
    return {str(number): time for number, time in times.items()}


def _times_of_field(field: dict[str, int] | str) -> Times:
    if isinstance(field, str):
        return unpack_times(field)
    return {int(number): int(time) for number, time in field.items()}

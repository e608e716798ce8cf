"""What is known of a partition's chunks, and what a batch changes of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.engine.kept.chunk import Codes
from headrace.engine.kept.local_values import Held


@dataclass(frozen=True, slots=True)
class Known:
    """A chunk of the changelog.

    Attributes:
        first: the offset of its first record; its key.
        end: the offset after its last.
        count: records.
        size: bytes of the records.
        held: its value, where it is at hand.
    """

    first: int
    end: int
    count: int
    size: int
    held: Held | None


@dataclass(slots=True)
class Cleaning:
    """Going through the chunks for records that are no longer needed.

    Attributes:
        needed: codes of the records that were when it began, ascending.
        left: the chunks still to be looked at.
        lists: the lists of closed rows that were there when it began.
        stay: codes of the records in chunks that were left as they are, though some are not needed.
    """

    needed: Codes
    left: list[int]
    lists: list[int]
    stay: tuple[Codes, ...] = ()


@dataclass(slots=True)
class Staged:
    """What the batch changes."""

    put: list[Known] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    closed: Codes | None = None
    keys: set[bytes] = field(default_factory=set)
    later: set[bytes] = field(default_factory=set)
    unsaved: int = 0
    mended: bool = False
    cleaning: Cleaning | None = None

"""What a service tells of its side inputs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SideCounts:
    """Counts over all side inputs of a replica, since its process started.

    Attributes:
        rows: rows that are kept now.
        late: rows that came after a batch had been given the rows of their time.
        skipped: records that could not be rows.
        unmet: batches that went on without rows that they had waited for.
    """

    rows: int
    late: int
    skipped: int
    unmet: int

"""From which offset on a partition has to be read again after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from headrace.engine.event_time import NEVER

_MOST_RUNS = 512


@dataclass(frozen=True, slots=True)
class ReadRun:
    """A run of records that were read one after the other.

    Attributes:
        first: the offset of the first.
        newest: for each source partition the newest event time seen before it.
        latest: the latest event time among them, microseconds.
    """

    first: int
    newest: dict[int, int]
    latest: int


@dataclass(slots=True)
class Needed:
    """What was read of one partition, coarsely: enough to say where the oldest record stands that is still needed.

    Attributes:
        runs: in the order of offsets; neighbours are joined when there are many, which only makes the answer earlier.
    """

    runs: list[ReadRun] = field(default_factory=list)

    def note(self, run: ReadRun) -> None:
        """Note records that have just been read."""
        self.runs.append(run)
        if len(self.runs) > _MOST_RUNS:
            pairs = zip(self.runs[0::2], self.runs[1::2], strict=False)
            joined = [replace(one, latest=max(one.latest, other.latest)) for one, other in pairs]
            self.runs = joined + self.runs[len(joined) * 2 :]

    def lowest(self, since: int | None) -> ReadRun | None:
        """Return the first run with a record at or after ``since``, or ``None``; forget what is before.

        ``since`` is ``None`` where nothing is needed.

        A run that is forgotten is never needed again, because ``since`` never goes back.
        """
        if since is None:
            self.runs = []
            return None
        place = next((number for number, run in enumerate(self.runs) if run.latest >= since), len(self.runs))
        if since > NEVER and place:
            self.runs = self.runs[place:]
        return self.runs[0] if self.runs else None

    def copy(self) -> Needed:
        """Return a copy that later notes do not change."""
        return Needed(list(self.runs))

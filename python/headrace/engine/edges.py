"""What lies around a sample: the past that its rows need, and what is known of its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from headrace.engine.event_time import NEVER
from headrace.engine.result import BatchResult, Places
from headrace.kafka.records import Records
from headrace.spec import StreamSpec

if TYPE_CHECKING:
    from headrace.engine.laned import LanedProcessor

_PAST, _FACTS = "past.arrow", "edges.json"


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of a sample whose stream takes records in event time.

    Attributes:
        past: records before the sample, in offset order within a partition.
        starts: by partition the sample's first offset.
        since: windows that begin before this lack records, microseconds since the epoch.
        quiet: partitions that the sample has to the log's end and that had brought nothing for ``--idle`` then.
        now: when that was, microseconds since the epoch.
    """

    past: Records
    starts: dict[int, int] = field(default_factory=dict)
    since: int = NEVER
    quiet: tuple[int, ...] = ()
    now: int = 0

    def begin(self, processor: LanedProcessor, spec: StreamSpec) -> None:
        """Bring a processor to where a service is that has read the past and comes to the sample.

        A lookback knows the past as history. Windows that are complete before the sample were given before it; the
        others have their rows of the past.
        """
        own = {number: np.flatnonzero(self.past.partitions == number) for number in self.starts}
        for number, start in self.starts.items():
            first = int(self.past.offsets[own[number]].min(initial=start)) if spec.window else start
            processor.begin(number, start=first)
        for number, places in own.items():
            if len(places):
                processor.restore(number, self.past.take(places))
        for number in self.starts:
            processor.restored(number)
        processor.windows.since = self.since

    def end(self, processor: LanedProcessor) -> BatchResult | None:
        """Let time pass in the quiet partitions, as a service does that has nothing to read."""
        return processor.advance(self.now, list(self.quiet)) if self.quiet else None

    def save(self, folder: Path) -> None:
        """Write all of it into a folder."""
        self.past.save(folder / _PAST)
        facts = {"starts": list(self.starts.items()), "since": self.since, "quiet": self.quiet, "now": self.now}
        (folder / _FACTS).write_bytes(orjson.dumps(facts))

    @classmethod
    def load(cls, folder: Path) -> Edges | None:
        """Return what :meth:`save` wrote, or ``None`` where nothing is."""
        if not (folder / _FACTS).exists():
            return None
        facts = orjson.loads((folder / _FACTS).read_bytes())
        starts = {int(number): int(start) for number, start in facts["starts"]}
        return cls(Records.load(folder / _PAST), starts, facts["since"], tuple(facts["quiet"]), facts["now"])


def waiting_rows(processor: LanedProcessor) -> Places:
    """Return the rows that wait: a record that has not come yet may still belong before them."""
    pieces = [piece for lane in processor.lanes() for piece in lane.waiting.pieces]
    if not pieces:
        return Places()
    partitions = np.concatenate([piece.partitions for piece in pieces]).astype(np.int64)
    return Places(partitions, np.concatenate([piece.offsets for piece in pieces]))


def open_windows(processor: LanedProcessor) -> int:
    """Return how many windows are not complete, those that lack records of before the sample among them."""
    found = set(processor.windows.cut)
    for lane in processor.lanes():
        if lane.windows is None:
            continue
        left = lane.windows.close_all()
        counts = lane.windows.hashes()  # that are not reached
        lane.windows.rollback()
        found |= {(NEVER, key) for key in counts.tolist()}
        if left is not None:
            hashes = left.rows.hashes.tolist() if processor.windows.by_key else [0] * len(left.rows)
            found |= set(zip(left.starts.tolist(), hashes, strict=True))
    return len(found)

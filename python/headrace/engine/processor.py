"""What takes a stream's records through the step, whatever the stream remembers."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from headrace.engine.batch import BatchProcessor
from headrace.engine.codecs import Codecs, make_codecs
from headrace.engine.memo import Memo
from headrace.engine.result import BatchResult
from headrace.engine.sides import PinnedSides, Sides
from headrace.engine.stream import Stream
from headrace.errors import UsageError
from headrace.kafka.records import Records

if TYPE_CHECKING:
    import pandas as pd

    from headrace.engine.history import MemoryBudget
    from headrace.engine.kept import KeptRecords
    from headrace.engine.state import States

MEMORY_MB = 512
"""How much of histories and windows is kept in memory; the rest goes to disk."""

MEMORY_VARIABLE = "HEADRACE_MEMORY_MB"
"""Names another limit than :data:`MEMORY_MB`, a whole number above zero."""


class Processor(Protocol):
    """Takes batches of records; what it remembers of them is settled by ``commit`` or undone by ``rollback``."""

    def begin(self, partition: int, memo: Memo | None = None, *, start: int = 0) -> None:
        """Take on a partition, as its last commit left it, or from offset ``start`` on."""

    def recall(self, partition: int, committed: int) -> int | None:
        """After :meth:`begin`, take on what this machine's disk has; return where the log has to be read from."""

    def checkpoint(self, offsets: dict[int, int]) -> None:
        """Have what is remembered written to this machine's disk, as of committed offsets."""

    def drop(self, partition: int) -> None:
        """Forget a partition."""

    def holds(self, partition: int, committed: int) -> bool:
        """Return whether this machine's disk has all that the changelog says of a partition; else it is loaded."""

    def load(self, partition: int, records: Records) -> None:
        """Take records of the stream's changelog, in their order."""

    def loaded(self, partition: int) -> None:
        """All of the changelog has been taken."""

    def kept_since(self, partition: int) -> int | None:
        """Return from which offset on the changelog has all that is needed of a partition; ``None``: it has not."""

    def restore_kept(self, partition: int, first: int) -> bool:
        """Take some of what the changelog has from offset ``first`` on; return whether there is more."""

    def restore(self, partition: int, records: Records) -> None:
        """Take records of before the committed offset once more; nothing is emitted."""

    def restored(self, partition: int) -> None:
        """All of a partition's past that is needed has been restored."""

    def process(self, records: Records) -> BatchResult:
        """Process a batch: every record ends in outputs, filtered, kept for later, late or among the failures."""

    def advance(self, now: int, quiet: list[int]) -> BatchResult | None:
        """Let time pass in partitions that have nothing to read; ``None`` when that changes nothing."""

    def finish(self) -> BatchResult:
        """Process what still waits: nothing more comes."""

    def touched(self) -> list[int]:
        """Return the partitions whose memo the batch changed."""

    def memo(self, partition: int, offset: int) -> Memo | None:
        """Return what to commit beside ``offset``; ``None`` when the stream remembers nothing."""

    def commit(self) -> None:
        """The batch is committed."""

    def rollback(self) -> None:
        """The batch is not committed, and will come again."""

    def size(self) -> tuple[int, int]:
        """Return how many rows are remembered, and how many bytes of memory they take."""

    def states(self) -> dict[str, pd.DataFrame]:
        """Return all rows of each state, indexed by the text of their key; only where there are few."""

    def close(self) -> None:
        """Let go of files and memory."""


def make_processor(  # noqa: PLR0913  all by name
    stream: Stream,
    *,
    codecs: Codecs | None = None,
    folder: Path | None = None,
    sides: Sides | None = None,
    one_lane: bool = False,
    sources: int | None = None,
    keeps: bool = False,
    clock: Callable[[], float] = time.time,
    memory: int | None = None,
) -> Processor:
    """Return what processes ``stream``.

    Args:
        stream: what to run.
        codecs: how records are read and outputs written; by default as a sample's are.
        folder: where to put what does not fit into memory, and states; ``None``: a temporary folder, states in memory.
        sides: gives the side inputs; by default those pinned with the stream's sample.
        one_lane: all partitions are one lane even where the stream has a key: its records do not stand by that key.
        sources: partitions of the source, when the records come from the stream's repartition topic.
        keeps: keep in the changelog what the log may forget before it is no longer needed.
        clock: seconds since the epoch.
        memory: bytes for histories and windows; by default what ``$HEADRACE_MEMORY_MB`` says, else 512 MB.

    Raises:
        UsageError: ``$HEADRACE_MEMORY_MB`` is no whole number above zero.
    """
    spec = stream.document.spec
    codecs = codecs or make_codecs(stream)
    if not (spec.remembers or spec.sides):
        return BatchProcessor(stream, codecs)
    from headrace.engine.history import MemoryBudget  # noqa: PLC0415  most streams remember nothing
    from headrace.engine.laned import LanedProcessor  # noqa: PLC0415

    said = declaration(stream)
    budget = MemoryBudget(memory or _memory_bytes(), folder)
    return LanedProcessor(
        stream,
        codecs=codecs,
        budget=budget,
        folder=folder,
        sides=sides or stream.sides or PinnedSides(stream.document, {}),
        one_lane=one_lane or spec.key is None,
        declaration=said,
        states=_states(stream, folder, said) if spec.states else None,
        sources=sources,
        kept=_kept(stream, budget) if keeps else None,
        clock=clock,
    )


def _states(stream: Stream, folder: Path | None, said: str) -> States:
    from headrace.engine.state import MemoryStore, RocksStore, States  # noqa: PLC0415  few streams have some

    return States(stream.document, MemoryStore() if folder is None else RocksStore(folder), said)


def _kept(stream: Stream, budget: MemoryBudget) -> KeptRecords:
    from headrace.engine.kept import KeptRecords  # noqa: PLC0415  few streams keep any

    return KeptRecords(budget.place, cleans=stream.document.spec.counts_rows)


def _memory_bytes() -> int:
    text = os.environ.get(MEMORY_VARIABLE, str(MEMORY_MB))
    if not text.isdigit() or not int(text):
        message = f"${MEMORY_VARIABLE} is `{text}`, not a number of megabytes."
        raise UsageError(message, hint=f"Set a whole number above zero, or unset it for {MEMORY_MB}.")
    return int(text) * 1024 * 1024


def declaration(stream: Stream) -> str:
    """Return a short digest of what the stream needs to see; what was kept for another one is of no use to it."""
    spec = stream.document.spec
    said: tuple[object, ...] = (spec.key, stream.document.repartition)  # a state outlives changes of all else
    if spec.in_event_time:
        said = (spec.key, spec.time, spec.lookback, spec.window, spec.grace, stream.document.repartition)
    if spec.window and spec.counts_rows:  # closed rows are known by the value of their key, among others
        said = (*said, stream.document.input.get(spec.key or ""))
    return hashlib.sha256(repr(said).encode()).hexdigest()[:8]

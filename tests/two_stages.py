"""Both stages of a repartition in one process; lists play the part of the topic in between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headrace.engine.codecs import make_codecs
from headrace.engine.memo import Memo
from headrace.engine.processor import declaration, make_processor
from headrace.engine.repartition import Repartitioner
from headrace.engine.result import BatchResult
from headrace.engine.service.outbox import Outbox
from headrace.engine.service.repartition_outbox import RepartitionOutbox
from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster
from headrace.kafka.partitioning import partition_of
from headrace.kafka.records import Headers, Records

_Line = tuple[bytes | None, bytes | None, int, Headers | None]
"""Key, value, timestamp, headers."""


class TwoStages:
    """Runs a stream by way of its repartition topic, which has two partitions.

    Args:
        stream: with a key.
        sources: partitions of the source.
        clock: seconds since the epoch.
    """

    def __init__(self, stream: Stream, sources: int, clock: Callable[[], float]) -> None:
        self._stream, self._sources, self._clock = stream, sources, clock
        self.topic: list[list[_Line]] = [[], []]
        self.taken = [0, 0]
        self._memos: dict[int, Memo | None] = dict.fromkeys(range(sources))
        self._later: dict[int, Memo | None] = {0: None, 1: None}
        self._start()

    def process(self, records: Records) -> list[BatchResult]:
        """Take records of the source through both stages, and commit."""
        return self._on(records, self.first.process(records))

    def send(self, records: Records, *, arrive: Callable[[int], list[bool]], commits: bool) -> bool:
        """Take records of the source through stage one; return whether they are committed, else they come again.

        Args:
            records: of the source.
            arrive: is told how many records are sent, marks included, and says which of them arrive.
            commits: the commit goes through, when all have arrived.
        """
        lines = self._lines(records, self.first.process(records))
        arrived = arrive(len(lines))
        for (number, line), is_there in zip(lines, arrived, strict=True):
            if is_there:
                self.topic[number].append(line)
        if not (commits and all(arrived)):
            self.first.rollback()
            return False
        self._commit_first()
        return True

    def advance(self, now: int, quiet: list[int]) -> list[BatchResult]:
        """Let time pass in partitions of the source."""
        result = self.first.advance(now, quiet)
        return [] if result is None else self._on(Records.empty("in"), result)

    def restart(self) -> None:
        """Be in another process's place: all it has is the commits and the topic."""
        self.second.close()
        self._start()

    def read(self) -> list[BatchResult]:
        """Take what is new in the topic through stage two, and commit."""
        batches = [self.lines(number, self.taken[number]) for number in range(2)]
        results = [self.second.process(batch) for batch in batches if len(batch)]
        for number in range(2):
            self.taken[number] = len(self.topic[number])
        self._later = {number: self.second.memo(number, self.taken[number]) for number in range(2)}
        self.second.commit()
        return results

    def lines(self, number: int, first: int, end: int | None = None) -> Records:
        """Return records of a partition of the topic in between."""
        there = self.topic[number][first:end]
        count = len(there)
        return Records(
            "by-k",
            [key for key, _, _, _ in there],
            [value for _, value, _, _ in there],
            np.full(count, number, np.int32),
            np.arange(first, first + count, dtype=np.int64),
            np.array([stamp for _, _, stamp, _ in there], np.int64),
            [headers for _, _, _, headers in there],
        )

    def _start(self) -> None:
        codecs = make_codecs(self._stream)
        links = 2 if self._stream.document.spec.delivery == "at-least-once" else None
        self.first = Repartitioner(self._stream, codecs, declaration(self._stream), self._clock, links=links)
        nowhere = Outbox(self._stream, Cluster.at("127.0.0.1:1"), codecs.refusals)
        self._outbox = RepartitionOutbox("by-k", 2, self.first, nowhere, "skip")
        self.second = make_processor(self._stream, codecs=codecs, sources=self._sources, clock=self._clock)
        for number, memo in self._memos.items():
            self.first.begin(number, memo)
        for number, memo in self._later.items():
            self.second.begin(number, memo)
            first = 0 if memo is None or memo.lowest is None else memo.lowest
            end = self.taken[number] if memo is None or memo.lowest is not None else 0
            if end > first:
                self.second.restore(number, self.lines(number, first, end))
            self.second.restored(number)

    def _on(self, records: Records, result: BatchResult) -> list[BatchResult]:
        for number, line in self._lines(records, result):
            self.topic[number].append(line)
        self._commit_first()
        return self.read()

    def _commit_first(self) -> None:
        self._memos = {number: self.first.memo(number, 0) for number in range(self._sources)}
        self.first.commit()

    def _lines(self, records: Records, result: BatchResult) -> list[tuple[int, _Line]]:
        """Return what stage one sends, with the partition of each."""
        lines: list[tuple[int, _Line]] = []
        for outgoing in self._outbox.pack(records, result):
            places = outgoing.partitions or [-1] * len(outgoing.values)
            headers = outgoing.headers or [None] * len(outgoing.values)
            columns = outgoing.keys, outgoing.values, outgoing.timestamps.tolist(), headers, places
            for key, value, stamp, header, place in zip(*columns, strict=True):
                lines.append((place if place >= 0 else partition_of(key or b"", 2), (key, value, stamp, header)))
        return lines

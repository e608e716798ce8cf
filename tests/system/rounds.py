"""A round: a stream of some kind, its input, faults at points of it, and the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .arena import Arena
from .broker import Broker
from .data import flights, levels, marks, messages
from .faults import Fault
from .feeder import Feeder
from .fleet import Fleet
from .schedule import Strike
from .streams import Kind, side_topic, write_folder
from .verifier import Verdict, read, verify
from .watcher import Watcher, create_topics

PARTITIONS = 6
_AHEAD = 1.5
"""How many pieces of the input, between two faults, are produced before they are needed."""
_QUIET_SECONDS = 2.0


@dataclass
class Outcome:
    """What came of a round.

    Attributes:
        kind: of stream.
        delivery: what it promised.
        faults: how many there were, by name.
        verdict: of the verifier.
        ends: the last words of replicas that ended by themselves.
        seconds: how long it took.
    """

    kind: str
    delivery: str
    verdict: Verdict
    faults: Counter[str]
    ends: list[str] = field(default_factory=list)
    strays: int = 0
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return self.verdict.holds(self.delivery) and not self.strays


@dataclass(frozen=True)
class Round:
    """One stream through one schedule.

    Attributes:
        kind: of stream.
        delivery: exactly-once or at-least-once.
        records: of the input.
        seed: of the input.
        schedule: what happens.
        replicas: how many there are at first.
        rate: records a second of all replicas together at most; 0: as fast as it goes.
        last: what happens after the verdict, or nothing.
        say: told what goes on, in lines.
    """

    kind: Kind
    delivery: str
    records: int
    seed: int
    schedule: list[Strike]
    replicas: int = 2
    rate: int = 6_000
    last: Fault | None = None
    say: Callable[[str], None] = print

    def run(self, broker: Broker, folder: Path) -> Outcome:
        """Run it on a broker; ``folder`` takes the stream folder, the data folder and the logs.

        Raises:
            AssertionError: the service stood still, or did what it never may.
        """
        began = time.monotonic()
        name = folder.name
        source, sink = f"{name}.in", f"{name}.out"
        extra = [f"headrace.{name}.by-tailnum"] if self.kind.repartition else []
        side = side_topic(name) if self.kind.side else None
        extra += [side] if side else []
        topics = [source, sink, f"{sink}.dlq", f"{sink}.late", f"headrace.{name}.state", *extra]
        create_topics(broker.address, topics, PARTITIONS)
        stream = write_folder(folder, self.kind, name, source, sink, self.delivery)
        small = {"HEADRACE_MEMORY_MB": "1"}  # so that histories do go to disk
        rate = self.rate // self.replicas
        fleet = Fleet(stream, broker.address, folder / "home", rate, small)
        watcher = Watcher(broker.address, f"headrace.{name}", source, PARTITIONS)
        feeder = Feeder(broker.address, source)
        arena = Arena(broker, fleet, watcher, feeder, source, PARTITIONS, folder)
        faults = Counter(strike.fault.name for strike in self.schedule)
        try:
            if side:
                feeder_of_side = Feeder(broker.address, side)
                feeder_of_side.send(levels(flights(self.records, self.seed), self.seed))
                feeder_of_side.flush()
            fleet.scale(self.replicas)
            self._go_through(arena)
            self._finish(arena, sink)
            verdict = verify(broker.address, self.kind.name, source, sink, side)
            strays = sum(len(read(broker.address, f"{sink}.{topic}")) for topic in ("dlq", "late"))
            if self.last is not None:
                self.say(f"  at the end: {self.last}")
                self.last.strike(arena)
                faults[self.last.name] += 1
        finally:
            fleet.stop()
            watcher.close()
        return Outcome(self.kind.name, self.delivery, verdict, faults, fleet.ends, strays, time.monotonic() - began)

    def _go_through(self, arena: Arena) -> None:
        """Produce the input piece by piece, and let each fault come at its point."""
        frame = flights(self.records, self.seed)
        ahead = int(_AHEAD * self.records / (len(self.schedule) + 1))
        sent = 0
        for number, strike in enumerate(self.schedule, 1):
            wanted = min(self.records, strike.after + ahead)
            arena.feeder.send(messages(frame.iloc[sent:wanted], keyed=self.kind.keyed))
            sent = wanted
            arena.until_committed(strike.after)
            arena.wait(strike.delay)
            began = time.monotonic()
            strike.fault.strike(arena)
            self.say(f"  {number:3}/{len(self.schedule)} {strike} ({time.monotonic() - began:.1f} s)")
        arena.feeder.send(messages(frame.iloc[sent:], keyed=self.kind.keyed))
        if self.kind.marked:
            arena.feeder.send(marks(frame, PARTITIONS))
        arena.feeder.flush()

    def _finish(self, arena: Arena, sink: str) -> None:
        """Wait until every record is committed and no replica has anything left to do."""
        records = self.records + (PARTITIONS if self.kind.marked else 0)
        arena.until_committed(records, 600)
        self._until_idle(arena)
        before, deadline = -1, time.monotonic() + 300
        while (now := sum(arena.watcher.end(sink, number) for number in range(PARTITIONS))) != before:
            assert time.monotonic() < deadline, "outputs go on and on"
            before = now
            arena.wait(_QUIET_SECONDS)
            self._until_idle(arena)

    def _until_idle(self, arena: Arena) -> None:
        def idle() -> bool:
            told = [arena.fleet.status(replica) for replica in arena.fleet.replicas]
            held = {number for status in told for number in status.get("partitions", [])}
            done = all(status and not status["lag"] and not status["restoring"] for status in told)
            return done and held == set(range(PARTITIONS))

        arena.until(idle, "all replicas are idle", 600)

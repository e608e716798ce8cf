"""Retention that was faster than the service."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from ..data import Flight  # noqa: TID252  the system tests are one package
from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


_MORE = 200


@dataclass(frozen=True)
class Expire(Fault):
    """Records are gone before they were read: the service stops, says so and skips nothing. The end of a round.

    Attributes:
        kept: how many of the newest records of each partition are left.
    """

    name: ClassVar[str] = "expire"
    kept: int

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(random.randint(0, 5))

    def strike(self, arena: Arena) -> None:
        """Stop all replicas, bring records, delete them from the log, and start the first replica."""
        arena.fleet.scale(0)
        before = arena.watcher.committed()
        value = b'{"number": -1, "tailnum": "late", "time": "2030-01-01T00:00:00Z", "delay": 0, "distance": 1}'
        arena.feeder.send([Flight(b"late", value, number % arena.partitions) for number in range(_MORE)])
        arena.feeder.flush()
        admin = AdminClient({"bootstrap.servers": arena.broker.address, "log_level": 0})
        ends = {number: arena.watcher.end(arena.source, number) for number in before}
        gone = [TopicPartition(arena.source, number, end - self.kept) for number, end in ends.items()]
        for deleted in admin.delete_records(gone).values():
            deleted.result()
        process = arena.fleet.launch(0, arena.fleet.home)
        try:
            status = process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
            status = None
        said = arena.fleet.log_file(0).read_text(encoding="utf-8", errors="replace")[-5_000:]
        assert status == 1, f"with expired offsets the service ended with {status}"
        assert "records are gone" in said, f"the service does not say what has expired: {said[-300:]}"
        assert arena.watcher.committed() == before, "the service skipped expired records"

"""Two processes that take themselves for the same replica."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class Zombie(Fault):
    """A replica stands still, is started again on another machine, and wakes up: it must find itself fenced.

    It has its partitions when it stands still: one that has not yet joined is the newer of the two once it wakes up,
    and rightly takes the other's place.

    Attributes:
        replica: which one, as a share of those that run.
    """

    name: ClassVar[str] = "zombie"
    weight: ClassVar[int] = 1
    replica: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(random.random())

    def strike(self, arena: Arena) -> None:
        """Stop the one, start the other with a data folder of its own, wake the first."""
        fleet, number = arena.fleet, arena.chosen(self.replica)
        arena.until(lambda: _works(fleet.status(number), fleet.process(number).pid), "the replica works")
        zombie = fleet.process(number)
        os.kill(zombie.pid, signal.SIGSTOP)
        fleet.start(number, arena.folder / "another-machine")
        other = fleet.process(number)
        arena.until(lambda: _works(fleet.status(number), other.pid), "the other machine takes over")
        os.kill(zombie.pid, signal.SIGCONT)
        try:
            assert zombie.wait(60) == 1, f"the zombie ended with status {zombie.returncode}"
        finally:
            if zombie.poll() is None:
                zombie.kill()
                zombie.wait(30)
        assert other.poll() is None, "the zombie fenced its successor"
        fleet.kill(number)
        fleet.start(number)


def _works(status: dict[str, Any], pid: int) -> bool:
    """Tell whether a status is that of process ``pid``, and it has partitions."""
    return status.get("pid") == pid and bool(status.get("partitions"))

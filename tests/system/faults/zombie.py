"""Two processes that take themselves for the same replica."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class Zombie(Fault):
    """A replica stands still, is started again on another machine, and wakes up: it must find itself fenced.

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
        zombie = fleet.process(number)
        os.kill(zombie.pid, signal.SIGSTOP)
        fleet.start(number, arena.folder / "another-machine")
        arena.until(lambda: bool(fleet.status(number).get("partitions")), "the other machine takes over")
        os.kill(zombie.pid, signal.SIGCONT)
        try:
            assert zombie.wait(60) == 1, f"the zombie ended with status {zombie.returncode}"
        finally:
            if zombie.poll() is None:
                zombie.kill()
                zombie.wait(30)
        assert fleet.process(number).poll() is None, "the zombie fenced its successor"
        fleet.kill(number)
        fleet.start(number)

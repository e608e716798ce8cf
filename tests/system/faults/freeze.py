"""SIGSTOP of a replica past its session."""

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
class Freeze(Fault):
    """A replica stands still until the group has given its partitions away, then goes on as if nothing had been.

    Attributes:
        replica: which one, as a share of those that run.
        seconds: how long; more than 20 is longer than its transaction may stay open.
    """

    name: ClassVar[str] = "freeze"
    weight: ClassVar[int] = 2
    replica: float
    seconds: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one; its session times out after ten seconds."""
        longest = random.random() < 0.4
        return cls(random.random(), round(random.uniform(21, 25) if longest else random.uniform(11, 14), 1))

    def strike(self, arena: Arena) -> None:
        """Stop it, let it go on."""
        process = arena.fleet.process(arena.chosen(self.replica))
        os.kill(process.pid, signal.SIGSTOP)
        arena.wait(self.seconds)
        os.kill(process.pid, signal.SIGCONT)

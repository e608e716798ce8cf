"""SIGKILL of a replica."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class Kill(Fault):
    """A replica is gone in the middle of whatever it does, and comes back after a pause.

    Attributes:
        replica: which one, as a share of those that run.
        pause: seconds until it is started again; after more than ten the others have its partitions.
    """

    name: ClassVar[str] = "kill"
    weight: ClassVar[int] = 5
    replica: float
    pause: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one; every tenth stays away for longer than its session."""
        return cls(random.random(), 12.0 if random.random() < 0.1 else round(random.random(), 2))

    def strike(self, arena: Arena) -> None:
        """Kill it, start it."""
        replica = arena.chosen(self.replica)
        arena.fleet.kill(replica)
        arena.wait(self.pause)
        arena.fleet.start(replica)

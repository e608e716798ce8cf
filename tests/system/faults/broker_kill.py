"""kill -9 of the broker."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class BrokerKill(Fault):
    """The broker is gone in the middle of whatever it does, and comes back with its data.

    Attributes:
        pause: seconds until it is started again.
    """

    name: ClassVar[str] = "broker-kill"
    weight: ClassVar[int] = 2
    pause: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(round(random.uniform(0, 5), 1))

    def strike(self, arena: Arena) -> None:
        """Kill it, start it."""
        arena.broker.kill()
        arena.wait(self.pause)
        arena.broker.restart()

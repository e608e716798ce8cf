"""A broker that does not answer for some seconds."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class BrokerFreeze(Fault):
    """The broker stands still for less than anybody's patience.

    Attributes:
        seconds: how long.
    """

    name: ClassVar[str] = "broker-freeze"
    weight: ClassVar[int] = 2
    seconds: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(round(random.uniform(1, 9), 1))

    def strike(self, arena: Arena) -> None:
        """Stop it, let it go on."""
        arena.broker.freeze(self.seconds)

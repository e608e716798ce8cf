"""A transaction coordinator that does not answer in time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class CoordinatorTimeout(Fault):
    """The broker stands still for longer than a commit waits: nobody knows then what became of the transaction.

    Attributes:
        seconds: how long; a delivery waits for 30.
    """

    name: ClassVar[str] = "coordinator-timeout"
    weight: ClassVar[int] = 1
    seconds: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(round(random.uniform(32, 36), 1))

    def strike(self, arena: Arena) -> None:
        """Stop it, let it go on."""
        arena.broker.freeze(self.seconds)

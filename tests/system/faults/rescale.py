"""Another number of replicas."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class Rescale(Fault):
    """Replicas come or go; partitions move.

    Attributes:
        count: how many there are afterwards.
    """

    name: ClassVar[str] = "rescale"
    weight: ClassVar[int] = 3
    count: int

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(random.choice([1, 2, 3]))

    def strike(self, arena: Arena) -> None:
        """Start or stop what that takes."""
        arena.fleet.scale(self.count)

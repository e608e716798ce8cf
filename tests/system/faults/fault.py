"""What all faults have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


class Fault(ABC):
    """Something that goes wrong at a point in a round; its figures are drawn with the schedule."""

    name: ClassVar[str]
    weight: ClassVar[int] = 1
    """How often it is drawn, in proportion to the others."""

    @classmethod
    @abstractmethod
    def draw(cls, random: Random) -> Self:
        """Return one with random figures."""

    @abstractmethod
    def strike(self, arena: Arena) -> None:
        """Do it, and undo it; an AssertionError says that the service did what it never may."""

"""SIGTERM of a replica."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


_MOST_SECONDS = 8.0
"""Five are promised to a machine that is not shared."""


@dataclass(frozen=True)
class Terminate(Fault):
    """A replica is asked to stop: it does, soon and with status 0.

    Attributes:
        replica: which one, as a share of those that run.
    """

    name: ClassVar[str] = "terminate"
    weight: ClassVar[int] = 2
    replica: float

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(random.random())

    def strike(self, arena: Arena) -> None:
        """Stop it, start it."""
        replica = arena.chosen(self.replica)
        status, seconds = arena.fleet.terminate(replica)
        arena.fleet.start(replica)
        assert status == 0, f"replica {replica} ended with status {status} after SIGTERM"
        assert seconds < _MOST_SECONDS, f"replica {replica} took {seconds:.1f} s to stop"

"""A disk without room."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar, Self

from .fault import Fault

if TYPE_CHECKING:
    from ..arena import Arena  # noqa: TID252  the system tests are one package


@dataclass(frozen=True)
class FullDisk(Fault):
    """The kernel refuses a replica every byte that it writes to a file, for a while or until it is stopped.

    Attributes:
        replica: which one, as a share of those that run.
        seconds: how long.
        stopped: it is stopped, with status 0, before there is room again.
    """

    name: ClassVar[str] = "full-disk"
    weight: ClassVar[int] = 2
    replica: float
    seconds: float
    stopped: bool

    @classmethod
    def draw(cls, random: Random) -> Self:
        """Return one."""
        return cls(random.random(), round(random.uniform(1, 5), 1), random.random() < 0.5)

    def strike(self, arena: Arena) -> None:
        """Take the room away by a limit of nought bytes a file, and give it back."""
        number = arena.chosen(self.replica)
        process = arena.fleet.process(number)
        limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        arena.wait(self.seconds)
        if process.poll() is not None:
            return  # ended by itself: it is started again with room
        if self.stopped:
            status, _ = arena.fleet.terminate(number)
            arena.fleet.start(number)
            assert status == 0, f"replica {number} ended with status {status} after SIGTERM with a full disk"
        else:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)

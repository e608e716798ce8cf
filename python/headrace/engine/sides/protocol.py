"""What gives a step its side inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Sides(Protocol):
    """Gives the side inputs."""

    def frames(self, first: int, last: int) -> dict[str, pd.DataFrame]:
        """Return each side input under its name, for rows from ``first`` to ``last`` (microseconds, both included).

        Raises:
            SidesBehindError: a side topic is not read so far yet; try again.
        """


class SidesBehindError(BaseException):
    """The rows have to wait for a side input; what was begun with them is undone and comes again.

    It is no :class:`Exception`, so that nothing takes it for a failure of the function.
    """

"""The side inputs of a step: frames by name, for the time of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from headrace.engine.stream import Stream

if TYPE_CHECKING:
    import pandas as pd


class Sides(Protocol):
    """Gives the side inputs."""

    def frames(self, first: int, last: int) -> dict[str, pd.DataFrame]:
        """Return each side input under its name, for rows from ``first`` to ``last`` (microseconds, both included)."""


class _NoSides:
    def frames(self, first: int, last: int) -> dict[str, pd.DataFrame]:
        """Return nothing."""
        del first, last
        return {}


def pinned_sides(stream: Stream) -> Sides:
    """Return the side inputs that are pinned with a stream's sample: none, since no spec of this version has any."""
    del stream
    return _NoSides()

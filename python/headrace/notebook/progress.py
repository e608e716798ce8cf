"""One line that says what takes long, and that becomes the result."""

from __future__ import annotations

import secrets
import time
from types import TracebackType
from typing import Any, Self

from headrace.notebook.outputs import clear, publish

PATIENCE = 1.0
"""Seconds before anything is shown."""
EVERY = 0.25
"""Seconds between two updates."""


class Progress:
    """A display that appears only when the work takes longer than :data:`PATIENCE`.

    Args:
        what: what is being done, ``Reading flights``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._display: str | None = None
        self._next = time.monotonic() + PATIENCE

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._display is not None:
            clear()

    def say(self, what: str) -> None:
        """Go on to something else."""
        self._what = what
        self._show(f"{what} …")

    def records(self, count: int) -> None:
        """Say how many records were read so far."""
        self._show(f"{self._what}: {count:,} records …")

    def finish(self, data: dict[str, Any]) -> None:
        """Show the result, in the place of the line where there is one."""
        publish(data, display_id=self._display, update=self._display is not None)

    def _show(self, text: str) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        shown = self._display is not None
        self._display = self._display or secrets.token_hex(8)
        publish({"text/plain": text}, display_id=self._display, update=shown)

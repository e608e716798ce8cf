"""Calls that may never return, made from a thread that can be left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

_Answer = queue.SimpleQueue[BaseException | None]
_Task = tuple[Callable[[], object], _Answer]


class TimedCalls:
    """Makes calls, one at a time, and stops waiting for one that takes too long.

    librdkafka's `send_offsets_to_transaction` does not keep its own time-out (its issues 5456 and 5511): where the
    group's coordinator goes away at a bad moment it blocks for good. A call cannot be broken off, so its thread is left
    to it, with all that the call holds on to; the next call gets a new one.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[_Task | None] | None = None

    def call(self, function: Callable[[], object], seconds: float) -> None:
        """Call ``function`` and wait until it returns; what it raises is raised here.

        Args:
            function: called without arguments; must hold whatever must not end before it does.
            seconds: how long to wait.

        Raises:
            TimeoutError: it has not returned; nobody knows what it will have done, and it may go on.
        """
        if self._tasks is None:
            self._tasks = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._tasks,), name="calls", daemon=True).start()
        answer: _Answer = queue.SimpleQueue()
        self._tasks.put((function, answer))
        try:
            problem = answer.get(timeout=seconds)
        except queue.Empty:
            self.close()
            message = f"A call has not returned after {seconds:.0f} s."
            raise TimeoutError(message) from None
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Let the thread end when its call has returned."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.put(None)


def _work(tasks: queue.SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        function, answer = task
        try:
            function()
        except BaseException as error:  # noqa: BLE001  it is the caller's
            answer.put(error)
        else:
            answer.put(None)
        del task, function, answer  # what a call holds must not wait for the next one

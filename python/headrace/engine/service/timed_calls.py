"""Calls that may never return, made from a thread that can be left behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

_Ended = queue.SimpleQueue[BaseException | None]
_Task = tuple[Callable[[], object], _Ended]


class TimedCalls:
    """Makes calls, one at a time, and stops waiting for one that takes too long.

    librdkafka's `send_offsets_to_transaction` does not keep its own time-out (its issues 5456 and 5511): where the
    group's coordinator goes away at a bad moment it blocks for good. A call cannot be broken off, so its thread is left
    to it, with all that the call holds on to; the next call gets a new one.
    """

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[_Task | None] | None = None

    def call(self, function: Callable[[], object], seconds: float) -> None:
        """Call ``function`` and wait until it returns; what it raises is raised here. See :meth:`begin`."""
        self.begin(function, seconds).wait()

    def begin(self, function: Callable[[], object], seconds: float) -> Answer:
        """Call ``function`` without waiting for it; one call at a time.

        Args:
            function: called without arguments; must hold whatever must not end before it does.
            seconds: how long to wait for its end, from now.
        """
        if self._tasks is None:
            self._tasks = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._tasks,), name="calls", daemon=True).start()
        ended: _Ended = queue.SimpleQueue()
        self._tasks.put((function, ended))
        return Answer(self, ended, seconds)

    def close(self) -> None:
        """Let the thread end when its call has returned."""
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.put(None)


class Answer:
    """What a call will have come to.

    Args:
        calls: who makes the call.
        ended: has what it raised, or ``None``, when it has ended.
        seconds: how long it may take, from now.
    """

    def __init__(self, calls: TimedCalls, ended: _Ended, seconds: float) -> None:
        self._calls = calls
        self._ended = ended
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def wait(self) -> None:
        """Wait until the call returns; what it raises is raised here.

        Raises:
            TimeoutError: it has not returned; nobody knows what it will have done, and it may go on.
        """
        try:
            problem = self._ended.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            self._calls.close()
            message = f"A call has not returned after {self._seconds:.0f} s."
            raise TimeoutError(message) from None
        if problem is not None:
            raise problem


def _work(tasks: queue.SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        function, ended = task
        try:
            function()
        except BaseException as error:  # noqa: BLE001  it is the caller's
            ended.put(error)
        else:
            ended.put(None)
        del task, function, ended  # what a call holds must not wait for the next one

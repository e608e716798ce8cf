"""Stopping in time: SIGTERM and SIGINT, and the end of the parent."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Self

PARENT_VARIABLE = "HEADRACE_DIE_WITH_PARENT"
PATIENCE_SECONDS = 4.0
"""How long a batch may still take after SIGTERM; the whole stop stays under five seconds."""

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


class Stopping:
    """Turns signals into an event, also while the main thread waits inside a Kafka client.

    After a signal the batch in hand may finish within :data:`PATIENCE_SECONDS`; then the process ends without it.
    That loses nothing: what is not committed is processed again by the next start.

    Args:
        last_act: called before such an end; must be quick.
        patience: seconds.
    """

    def __init__(self, last_act: Callable[[], None], *, patience: float = PATIENCE_SECONDS) -> None:
        self.event = threading.Event()
        self._last_act = last_act
        self._patience = patience
        self._finished = threading.Event()
        self._parent = os.getppid() if os.environ.get(PARENT_VARIABLE) == "1" else None

    def __enter__(self) -> Self:
        reader, writer = socket.socketpair()
        writer.setblocking(False)  # noqa: FBT003  the socket's own interface
        for number in _SIGNALS:
            signal.signal(number, _do_nothing)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(reader, writer), name="stopping", daemon=True).start()
        if self._parent is not None:
            self._end_with_parent()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def requested(self) -> bool:
        """Return whether to stop: a signal came, or the parent that this process belongs to has ended."""
        if self._parent is not None and os.getppid() != self._parent and not self.event.is_set():
            logger.warning("the supervising process has ended; stopping")
            self.event.set()
        return self.event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait, at most ``seconds``, and return whether to stop."""
        self.event.wait(seconds)
        return self.requested()

    def _watch(self, reader: socket.socket, writer: socket.socket) -> None:
        with reader, writer:
            while reader.recv(1)[0] not in _SIGNALS:
                pass
            self.event.set()
            if not self._finished.wait(self._patience):
                logger.warning("stopped without waiting for the batch in hand; it will be processed again")
                self._last_act()
                sys.stderr.flush()
                os._exit(0)

    def _end_with_parent(self) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        self.requested()  # the parent may have ended before the line above


def _do_nothing(_number: int, _frame: object) -> None:
    """The watching thread acts; Python only has to notice the signal."""

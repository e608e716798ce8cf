"""A replica's place in the data folder: its lock, and the file that says where it listens."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from headrace.errors import RefusedError
from headrace.home import home

_LOCK_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Place:
    """Lets one process at a time run as this replica of the service.

    In ``services/NAME`` of the data folder are ``replica-N.lock`` and ``replica-N.json`` (``{"pid", "port",
    "started", "error"}``; ``error`` says why the replica stopped by itself). The lock ends with the process.

    Args:
        service: the service's name.
        replica: its number, from 0.
    """

    def __init__(self, service: str, replica: int) -> None:
        self._service = service
        self._replica = replica
        self._folder = home("services", service)
        self._lock: IO[bytes] | None = None
        self._status: dict[str, object] = {}
        self._unwritten = False

    @property
    def status_file(self) -> Path:
        """Where the replica's pid and port stand."""
        return self._folder / f"replica-{self._replica}.json"

    def take(self, *, patience: float = _LOCK_SECONDS) -> None:
        """Take the lock, waiting a while for a predecessor to end.

        Raises:
            RefusedError: another process runs as this replica.
        """
        lock = (self._folder / f"replica-{self._replica}.lock").open("ab")
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise self._refusal() from None
                time.sleep(0.05)
            else:
                self._lock = lock
                return

    def announce(self, port: int) -> None:
        """Write pid and port for those who look for this replica."""
        self._status = {"pid": os.getpid(), "port": port, "started": _now(), "error": None}
        self._write()

    def refresh(self) -> None:
        """Write what could not be written before, a full disk for example; cheap when there is nothing of it."""
        if self._unwritten:
            self._write()

    def leave(self, error: str | None = None) -> None:
        """Say that the replica has stopped, and why when it did so by itself; then let the lock go."""
        if self._status:
            self._status |= {"port": None, "stopped": _now(), "error": error}
            self._write()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _write(self) -> None:
        draft = self.status_file.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(self._status), encoding="utf-8")
            draft.replace(self.status_file)
            self._unwritten = False
        except OSError as error:  # a full disk: records go on, and a replica that stops still stops well
            if not self._unwritten:
                logger.warning("the status file cannot be written", extra={"file": str(draft), "reason": str(error)})
            self._unwritten = True
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _refusal(self) -> RefusedError:
        try:
            pid = json.loads(self.status_file.read_text(encoding="utf-8"))["pid"]
        except (OSError, ValueError, KeyError):
            pid = "unknown"
        message = f"Replica {self._replica} of `{self._service}` runs already (process {pid})."
        return RefusedError(message, hint=f"Stop it first: headrace stop {self._service}.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

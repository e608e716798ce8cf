"""A contestant's process with all its children: processor time, memory, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

import psutil

_END_SECONDS = 8.0


class ProcessTree:
    """A program in a session of its own, so that nothing of it stays behind.

    A context manager: leaving it ends the whole tree, by SIGTERM, then by SIGKILL.
    """

    def __init__(self, command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as sink:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self._process = psutil.Process(self._child.pid)
        self._seen: dict[int, psutil.Process] = {self._child.pid: self._process}
        self._cpu: dict[int, float] = {}
        self.peak_rss = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def status(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._child.poll()

    def look(self) -> float:
        """Return the processor time of the tree so far, in seconds; notes the memory (RSS, shared pages each time)."""
        with contextlib.suppress(psutil.Error):
            for child in self._process.children(recursive=True):
                self._seen.setdefault(child.pid, child)
        resident = 0
        for pid, process in self._seen.items():
            # What a process used stays counted after its end.
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                self._cpu[pid] = float(times.user + times.system)
                resident += process.memory_info().rss
        self.peak_rss = max(self.peak_rss, resident)
        return sum(self._cpu.values())

    def end(self) -> None:
        """End every process of the session."""
        for way, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _END_SECONDS)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, way)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def last_words(self, characters: int = 600) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace").strip()[-characters:]

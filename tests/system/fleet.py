"""The replicas of a service as real processes, kept running as a supervisor keeps them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

_END_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_START_SECONDS = 20.0


@dataclass
class _Member:
    """A replica: its process and since when it is down."""

    process: subprocess.Popen[bytes]
    home: Path


class Fleet:
    """Runs ``headrace run FOLDER --replica N`` for N from 0 up.

    A replica that ends by itself is started again, and its last word is kept.

    Args:
        folder: the stream folder.
        address: ``HOST:PORT`` of the broker.
        home: the data folder of the processes.
        rate: records a second of each replica at most.
        environment: variables of the processes.
    """

    def __init__(
        self, folder: Path, address: str, home: Path, rate: int, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.home = home
        self.rate = rate
        self.ends: list[str] = []
        self._address = address
        self._members: dict[int, _Member] = {}
        self._environment = environment or {}
        self._down: dict[int, float] = {}
        self._deployment = folder.parent / "deployment.json"
        told = {"service": folder.name, "deploy": "system-test", "cluster": address}
        self._deployment.write_text(json.dumps(told), encoding="utf-8")

    @property
    def replicas(self) -> list[int]:
        """The numbers of the replicas that run."""
        return sorted(self._members)

    @property
    def name(self) -> str:
        """The service's."""
        return self.folder.name

    def process(self, replica: int) -> subprocess.Popen[bytes]:
        """Return a replica's process."""
        return self._members[replica].process

    def start(self, replica: int, home: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a replica; with another data folder it is as on another machine."""
        where = home or self.home
        process = self.launch(replica, where)
        self._members[replica] = _Member(process, where)
        return process

    def launch(self, replica: int, home: Path) -> subprocess.Popen[bytes]:
        """Start a process as a replica, without keeping it running."""
        command = [sys.executable, "-m", "headrace", "run", str(self.folder), "--replica", str(replica)]
        command += ["--cluster", self._address]
        command += ["--max-rate", str(self.rate)] if self.rate else []
        environment = {**os.environ, **self._environment, "HEADRACE_HOME": str(home)}
        environment |= {"HEADRACE_DEPLOYMENT": str(self._deployment), "HEADRACE_DIE_WITH_PARENT": "1"}
        with self.log_file(replica).open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=log)

    def log_file(self, replica: int) -> Path:
        """Return where a replica's log goes."""
        return self.folder.parent / f"{self.name}-{replica}.log"

    def kill(self, replica: int) -> None:
        """SIGKILL a replica and wait until it is gone; it stays down until it is started."""
        member = self._members.pop(replica)
        member.process.kill()
        member.process.wait(_END_SECONDS)

    def terminate(self, replica: int) -> tuple[int, float]:
        """SIGTERM a replica that is past its start; return its exit status and how long it took."""
        process = self._members[replica].process
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and self._place(replica).get("pid") != process.pid:  # its imports still run
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        del self._members[replica]
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        return process.wait(_END_SECONDS), time.monotonic() - began

    def scale(self, count: int) -> None:
        """Stop replicas from ``count`` on, or start those that are missing."""
        for replica in [number for number in self.replicas if number >= count]:
            status, _ = self.terminate(replica)
            assert status == 0, f"replica {replica} ended with status {status} after SIGTERM"
        for replica in range(count):
            if replica not in self._members:
                self.start(replica)

    def tend(self) -> None:
        """Start again what has ended by itself."""
        for replica, member in list(self._members.items()):
            if member.process.poll() is not None and replica not in self._down:
                self.ends.append(f"replica {replica}, status {member.process.returncode}: {self._last_word(replica)}")
                self._down[replica] = time.monotonic()
            if replica in self._down and time.monotonic() - self._down[replica] > _PAUSE_SECONDS:
                del self._down[replica]
                self.start(replica)

    def status(self, replica: int) -> dict[str, Any]:
        """Return what a replica says of itself; empty when it does not answer."""
        try:
            address = f"http://127.0.0.1:{self._place(replica)['port']}/status"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return dict(json.loads(answer.read()))
        except (OSError, ValueError, KeyError, HTTPException):  # it may just be stopping
            return {}

    def stop(self) -> None:
        """Kill what is left."""
        for replica in self.replicas:
            process = self._members[replica].process
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                self.kill(replica)
        self._members.clear()

    def _place(self, replica: int) -> dict[str, Any]:
        """Return what a replica has written of where it listens."""
        try:
            file = self._members[replica].home / "services" / self.name / f"replica-{replica}.json"
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _last_word(self, replica: int) -> str:
        lines = self.log_file(replica).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:400] if lines else "nothing"

"""A broker of the system tests' own, which they may kill and freeze."""

from __future__ import annotations

import os
import signal
import time

import psutil

from headrace.kafka import broker

_ANSWER_SECONDS = 60.0


class Broker:
    """The one real Kafka node of the data folder that ``HEADRACE_HOME`` names."""

    def __init__(self) -> None:
        status = broker.start(0)
        assert status.address is not None
        self.address = status.address

    @property
    def pid(self) -> int:
        """Its process."""
        pid = broker.status().pid
        assert pid is not None, "the broker does not run"
        return pid

    def kill(self) -> None:
        """SIGKILL it, and wait until it is gone."""
        process = psutil.Process(self.pid)
        process.kill()
        process.wait(_ANSWER_SECONDS)

    def restart(self) -> None:
        """Start it again after a kill, at the same address with the same data."""
        assert broker.start().address == self.address

    def freeze(self, seconds: float) -> None:
        """SIGSTOP it for a while."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop it; its data stay until somebody removes the folder."""
        broker.stop()

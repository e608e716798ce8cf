"""The broker's process: started apart from its caller, found again, and ended."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ValidationError

from headrace.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAIN_CLASS = "kafka.Kafka"


class RunningNode(BaseModel):
    """What is written down about a started broker.

    Attributes:
        pid: its process.
        properties: the path of its ``server.properties``, which its command line names, so that another
            process that got the same number is not taken for it.
        port: where clients connect.
        version: Apache Kafka's version.
    """

    pid: int
    properties: str
    port: int
    version: str


def read_running(path: Path) -> RunningNode | None:
    """Return the broker that ``path`` tells of if that very process still runs, else None."""
    try:
        node = RunningNode.model_validate_json(path.read_bytes())
        process = psutil.Process(node.pid)
        same = process.cmdline()[-2:] == [MAIN_CLASS, node.properties]
        alive = process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValidationError, psutil.Error):
        return None
    return node if same and alive else None


def write_running(path: Path, node: RunningNode) -> None:
    """Write ``node`` down at ``path``, in one step."""
    partial = path.with_suffix(".partial")
    partial.write_text(node.model_dump_json(), encoding="utf-8")
    partial.replace(path)


def spawn(command: Sequence[str], output: Path, folder: Path) -> psutil.Process:
    """Start ``command`` in a session of its own, so that it outlives its caller and the caller's terminal.

    Args:
        command: the program and its arguments.
        output: file for what it prints.
        folder: its working directory.
    """
    with output.open("wb") as stream:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    process = psutil.Process(child.pid)
    child.returncode = 0  # it is to outlive us: no warning about a child that nobody waited for
    return process


def run_to_end(command: Sequence[str], folder: Path, *, seconds: float) -> None:
    """Run ``command`` and wait for it.

    Raises:
        BrokerError: it fails or takes longer than ``seconds``; the message has what it printed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        message = f"Preparing the broker's data folder took longer than {seconds:.0f} s."
        raise BrokerError(message, hint="Is the machine short of memory or disk?") from error
    if done.returncode:
        message = f"The broker's data folder could not be prepared: {(done.stderr or done.stdout).strip()[-1000:]}"
        raise BrokerError(message, hint="`headrace broker reset` makes a new one, without the old records.")


def end(pid: int, *, seconds: float) -> bool:
    """Ask a process to end (SIGTERM), wait, and kill it if it has not ended after ``seconds``.

    Returns:
        Whether it ended by itself.
    """
    try:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        if _has_ended(process, seconds):
            return True
        process.kill()
        _has_ended(process, seconds)
    except psutil.NoSuchProcess:
        return True
    return False


def _has_ended(process: psutil.Process, seconds: float) -> bool:
    """Wait for a process; one that nobody reaps (its parent is gone, and no init is there) has ended too."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            process.wait(0.1)
        except psutil.TimeoutExpired:
            if process.status() != psutil.STATUS_ZOMBIE:
                continue
        return True
    return False

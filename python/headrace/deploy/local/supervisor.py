"""The one supervisord of a data folder: started when it is needed, spoken to over its unix socket alone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from headrace.deploy.local import places
from headrace.deploy.local.configuration import STOP_SECONDS, write_own_configuration
from headrace.deploy.waiting import wait_for
from headrace.errors import ToolError
from headrace.home import home

_START_SECONDS = 20.0
_NOT_OURS = ("JPY_", "JUPYTER", "IPYTHON", "PYTEST_", "HEADRACE_DEPLOYMENT", "HEADRACE_DIE_WITH_PARENT", "GIT_")
"""Variables of whoever calls that mean nothing to a service, or are its token."""
_ENDED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True, slots=True)
class Process:
    """One program as supervisor sees it.

    Attributes:
        state: supervisor's word for it: RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED, FATAL.
        pid: of its process, or None.
    """

    state: str
    pid: int | None


def answers() -> bool:
    """Whether the data folder's supervisor runs and answers."""
    if not places.socket_path().exists():
        return False
    try:
        with _calls() as supervisor:
            supervisor.getState()
    except ToolError:
        return False
    return True


def ensure() -> None:
    """Start the data folder's supervisor unless it answers; it then runs on after the caller has ended.

    A supervisor that was killed left no replicas (they end with their parent), and the new one starts every
    program there is.

    Raises:
        ToolError: it does not come up.
    """
    if answers():
        return
    with (home("supervisor") / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if answers():
            return
        write_own_configuration()
        _start()
        if not wait_for(answers, _START_SECONDS, every=0.05):
            message = f"supervisor does not answer within {_START_SECONDS:.0f} s."
            raise ToolError(message, hint=f"Look into {places.log_path()}.")


def end_when_idle() -> bool:
    """End the data folder's supervisor when no service is to run; the next one that is starts it again.

    Returns:
        Whether it was ended.

    Raises:
        ToolError: it refused, or did not end.
    """
    with (home("supervisor") / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any(places.programs_folder().glob("*.conf")) or not answers():
            return False
        with _calls() as supervisor:
            supervisor.shutdown()
        if not wait_for(lambda: not answers(), STOP_SECONDS, every=0.05):
            message = f"supervisor did not end within {STOP_SECONDS} s."
            raise ToolError(message, hint=f"Look into {places.log_path()}.")
        return True


def processes() -> dict[str, Process]:
    """Return all programs by name; none when the supervisor does not run.

    Raises:
        ToolError: it refused the question.
    """
    if not places.socket_path().exists():
        return {}
    try:
        with _calls() as supervisor:
            found = supervisor.getAllProcessInfo()
    except _NoAnswerError:
        return {}
    return {str(item["name"]): Process(str(item["statename"]), int(item["pid"]) or None) for item in found}


def add(names: Iterable[str]) -> None:
    """Take the programs ``names`` from the configuration and start them.

    Raises:
        ToolError: supervisor does not know one, or refuses.
    """
    with _calls() as supervisor:
        supervisor.reloadConfig()
        for name in names:
            with _unless(Faults.ALREADY_ADDED):
                supervisor.addProcessGroup(name)


def remove(names: Iterable[str]) -> None:
    """End the programs ``names`` (SIGTERM, after ten seconds SIGKILL) and forget them.

    Raises:
        ToolError: one does not end, or supervisor refuses.
    """
    leaving = sorted(set(names) & set(processes()))
    if not leaving:
        return
    with _calls() as supervisor:
        for name in leaving:
            with _unless(Faults.NOT_RUNNING):
                supervisor.stopProcess(name, False)  # noqa: FBT003 (XML-RPC knows no keywords)
        if not wait_for(lambda: _ended(leaving), STOP_SECONDS + 5.0, every=0.05):
            message = f"{', '.join(leaving)} did not end."
            raise ToolError(message, hint=f"Look into {places.log_path()}.")
        for name in leaving:
            with _unless(Faults.BAD_NAME):
                supervisor.removeProcessGroup(name)
        supervisor.reloadConfig()


def _ended(names: Iterable[str]) -> bool:
    found = processes()
    return all(name not in found or found[name].state in _ENDED for name in names)


def _start() -> None:
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(places.configuration_path())]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    started = subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd=home("supervisor"),
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    if started.returncode:
        message = f"supervisor does not start: {(started.stderr or started.stdout).strip()}"
        raise ToolError(message)


class _NoAnswerError(ToolError):
    """Nothing answers at the socket."""


@contextmanager
def _calls() -> Iterator[Any]:
    """Give supervisor's methods, and turn what goes wrong into a :class:`ToolError`."""
    transport = SupervisorTransport(None, None, f"unix://{places.socket_path()}")
    try:
        yield xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
    except (OSError, HTTPException) as error:
        message = f"supervisor does not answer: {error}."
        raise _NoAnswerError(message, hint="Try again; `headrace services` starts it.") from error
    except xmlrpc.client.Error as error:
        reason = error.faultString if isinstance(error, xmlrpc.client.Fault) else str(error)
        message = f"supervisor refused: {reason}."
        raise ToolError(message, hint=f"Look into {places.log_path()}.") from error
    finally:
        transport.close()


@contextmanager
def _unless(code: int) -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise

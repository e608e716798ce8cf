"""What a kernel knows of its streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.errors import MissingStreamError
from headrace.kafka.records import Records
from headrace.proof.chain import Upstream, in_topic, outputs_to
from headrace.proof.preview_model import Preview


@dataclass(frozen=True, slots=True)
class KernelStream:
    """A stream of which a cell was run in this kernel.

    Attributes:
        stream: ready to run.
        preview: what the last run showed.
        renew: runs the cell again on a newly taken sample.
        records: the sample of the last run.
        whole: what it gave.
        partitions: of the source topic, and so of a sink that a deploy makes.
    """

    stream: Stream
    preview: Preview
    renew: Callable[[], None]
    records: Records
    whole: BatchResult
    partitions: int


class Streams(Mapping[str, KernelStream]):
    """The kernel's streams by name; read only for everybody but the magic."""

    def __init__(self) -> None:
        self._streams: dict[str, KernelStream] = {}

    def __getitem__(self, name: str) -> KernelStream:
        if name not in self._streams:
            known = ", ".join(f"`{other}`" for other in self._streams)
            message = f"No cell with a stream `{name}` was run in this kernel."
            raise MissingStreamError(message, hint=f"Run its cell; known are {known}." if known else "Run its cell.")
        return self._streams[name]

    def __contains__(self, name: object) -> bool:
        return name in self._streams

    def __iter__(self) -> Iterator[str]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: KernelStream) -> None:
        """Take a stream, in place of one with the same name."""
        self._streams[stream.stream.name] = stream

    def giving(self, topic: str) -> Upstream | None:
        """Return what the stream of this kernel that writes ``topic`` gave in its last run; ``None`` without one."""
        for known in reversed(self._streams.values()):
            spec = known.stream.document.spec
            if topic in spec.sinks:
                outputs = in_topic(outputs_to(topic, spec, known.whole), known.partitions)
                return Upstream(spec.name, outputs, known.partitions)
        return None

    def columns(self, source: str) -> list[str]:
        """Return the columns of the topic ``source`` as far as a cell of this kernel has seen them."""
        documents = (known.stream.document for known in self._streams.values())
        return list(
            dict.fromkeys(name for document in documents if document.spec.source == source for name in document.input)
        )


streams = Streams()
"""The streams of this kernel: ``streams["late_flights"].preview``."""


def resample(name: str) -> None:
    """Take a new sample for a stream of this kernel and show its preview: its pin moves on.

    Args:
        name: the stream's name.

    Raises:
        MissingStreamError: no cell with that stream was run in this kernel.
    """
    streams[name].renew()

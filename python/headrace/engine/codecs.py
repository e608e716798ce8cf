"""The decoder and encoders of a stream, by its format and where it runs."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster, resolve_cluster
from headrace.kafka.codec import Decoder, Encoder, KeyDecoder, make_decoder, make_encoder
from headrace.kafka.registry import Registry, registry_of
from headrace.spec import StreamSpec

_REGISTERED = {"avro", "protobuf", "jsonschema"}


@dataclass(frozen=True, slots=True)
class Codecs:
    """What reads a stream's records and writes its outputs.

    Attributes:
        decoder: of the source.
        keys: of the source's record keys.
        encoders: one for each topic, at least one; those of a stream without a cluster write JSON.
    """

    decoder: Decoder
    keys: KeyDecoder
    encoders: tuple[Encoder, ...]

    def encoder(self, sink: int) -> Encoder:
        """Return the encoder of a topic, by its position among the stream's."""
        return self.encoders[sink]


def registry_for(spec: StreamSpec, cluster: Cluster | None) -> Registry | None:
    """Return the registry that a stream's format needs, or ``None``.

    Args:
        spec: the stream's declaration.
        cluster: whose registry it is; the one that the spec names by default.

    Raises:
        MissingClusterError: none is known, and the format needs one.
        UsageError: the cluster names no registry, and the format needs one.
    """
    if spec.format not in _REGISTERED:
        return None
    return registry_of(cluster if cluster is not None else resolve_cluster(spec.cluster))


def make_codecs(stream: Stream, *, cluster: Cluster | None = None, registers: bool = False) -> Codecs:
    """Return the codecs of a stream.

    Args:
        stream: the stream.
        cluster: whose registry knows the schemas; the one that the spec names by default.
        registers: outputs are written to their topics, so that their schemas are registered.
    """
    spec = stream.document.spec
    registry = registry_for(spec, cluster)
    topics: list[str | None] = [*spec.sinks] or [None]
    return Codecs(
        make_decoder(spec.format, stream.document.input, registry=registry, topic=spec.source),
        KeyDecoder(spec.format, registry=registry),
        tuple(make_encoder(spec.format, registry=registry, topic=topic if registers else None) for topic in topics),
    )

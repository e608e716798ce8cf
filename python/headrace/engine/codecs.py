"""The decoder and encoders of a stream, by its format and where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headrace.engine.context import Part
from headrace.engine.refusals import Refusals
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
        sinks: the topics, by the position of their encoder.
        refusals: outputs that their topic did not accept.
    """

    decoder: Decoder
    keys: KeyDecoder
    encoders: tuple[Encoder, ...]
    sinks: tuple[str, ...] = ()
    refusals: Refusals = field(default_factory=Refusals)

    def encode(
        self, part: Part, partitions: npt.NDArray[np.integer], offsets: npt.NDArray[np.integer]
    ) -> Sequence[bytes]:
        """Return a part's outputs as they are written.

        Args:
            part: the outputs; their sources are positions in the columns that follow.
            partitions: int[n], the partition of each source row's record.
            offsets: int[n], its offset there.

        Raises:
            EncodeError: rows that cannot be written, or that their topic did not accept before.
        """
        values = self.encoders[part.sink].encode(part.rows)
        if self.refusals and self.sinks:
            known = part.source >= 0
            rows = part.source[known]
            places = np.full((2, len(known)), -1, np.int64)
            places[:, known] = partitions[rows], offsets[rows]
            self.refusals.check(self.sinks[part.sink], values, *places)
        return values


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


def make_codecs(
    stream: Stream, *, cluster: Cluster | None = None, registers: bool = False, refusals: Refusals | None = None
) -> Codecs:
    """Return the codecs of a stream.

    Args:
        stream: the stream.
        cluster: whose registry knows the schemas; the one that the spec names by default.
        registers: outputs are written to their topics, so that their schemas are registered.
        refusals: outputs that a topic did not accept.
    """
    spec = stream.document.spec
    registry = registry_for(spec, cluster)
    topics: list[str | None] = [*spec.sinks] or [None]
    return Codecs(
        make_decoder(spec.format, stream.document.input, registry=registry, topic=spec.source),
        KeyDecoder(spec.format, registry=registry),
        tuple(make_encoder(spec.format, registry=registry, topic=topic if registers else None) for topic in topics),
        tuple(spec.sinks),
        Refusals() if refusals is None else refusals,
    )

"""Whether a side topic can be shared out among replicas: each reads the partitions that it reads of the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headrace.engine.arrivals import Arrived
from headrace.engine.frames import key_texts
from headrace.engine.result import BatchResult
from headrace.engine.sides import PinnedSides
from headrace.engine.stream import Stream
from headrace.engine.trial import joined, process
from headrace.kafka.partitioning import partition_of
from headrace.kafka.records import Records
from headrace.proof.compare import Run, compare
from headrace.proof.quiet import quiet

if TYPE_CHECKING:
    from headrace.kafka.registry import Registry

FEWEST_KEYS = 5
"""So many keys that are in both topics, each in the same partition, show that both are divided alike."""

Places = npt.NDArray[np.int64]


def places_of(column: Sequence[bytes | None], partitions: npt.NDArray[np.int32], count: int | None) -> Places:
    """Return in which partition a service reads each record, int64[n]; -1 where its key is null.

    Args:
        column: n texts of the stream's key.
        partitions: int32[n], where the records are in the source.
        count: partitions of the stream's repartition topic, or ``None`` where it needs none.
    """
    if count is None:
        return partitions.astype(np.int64)
    return np.array([-1 if key is None else partition_of(key, count) for key in column], np.int64)


def divided_alike(texts: Sequence[bytes | None], places: Places, side: Records, count: int) -> bool:
    """Return whether the records of a side topic stand, by their own keys, where a stream's do by its key.

    No key may be seen in two partitions of the side topic, nor in another one than its records of the stream; and
    there must be keys enough in both, or every key of the side topic stands where Java's producers put it.

    Args:
        texts: n texts of the stream's key in its sample.
        places: int64[n], see :func:`places_of`.
        side: the side topic's records.
        count: partitions of both.
    """
    if None in side.keys:
        return False
    own, stream = _by_key(side.keys, side.partitions), _by_key(texts, places)
    if own is None or stream is None:
        return False
    shared = [key for key in stream if key in own]
    if any(stream[key] != own[key] for key in shared) or len({own[key] for key in shared}) < 2:  # noqa: PLR2004
        return False
    if len(shared) >= FEWEST_KEYS:
        return True
    return all(partition_of(key, count) == place for known in (own, stream) for key, place in known.items())


def _by_key(keys: Sequence[bytes | None], places: npt.NDArray[np.integer]) -> dict[bytes, int] | None:
    """Return where each key is, or ``None`` when one is in two places."""
    found: dict[bytes, int] = {}
    for key, place in zip(keys, places.tolist(), strict=True):
        if key is not None and found.setdefault(bytes(key), place) != place:
            return None
    return found


def shared_out(
    stream: Stream, records: Records, arrived: Arrived, candidates: Mapping[str, int], registry: Registry | None
) -> dict[str, int]:
    """Return the side topics that can be shared out: the cell gives each partition's records the same without the rest.

    A cell may use rows of any key, so it is run on each partition's records with that partition's side rows alone.

    Args:
        stream: the stream, with its side inputs pinned.
        records: the sample.
        arrived: its rows.
        candidates: topics that are divided as the stream is, see :func:`divided_alike`, with their partitions.
        registry: where the schemas are.
    """
    sides, key = stream.sides, stream.document.spec.key
    if not candidates or key is None or not isinstance(sides, PinnedSides):
        return {}
    stream = replace(stream, edges=None)
    pinned = sides.records
    repartitioned = next(iter(candidates.values())) if stream.document.repartition else None
    places = np.full(len(records), -1, np.int64)
    places[arrived.positions] = places_of(key_texts(arrived.rows.frame[key]), arrived.rows.partitions, repartitioned)
    if len(np.unique(places)) < 2:  # noqa: PLR2004  then nothing would be left out
        return {}
    with quiet():
        whole = process(stream, records)
        parts = []
        for place in np.unique(places).tolist():
            own = np.flatnonzero(places == place)
            rows = {topic: _part(side, place) if topic in candidates else side for topic, side in pinned.items()}
            few = replace(stream, sides=PinnedSides(stream.document, rows, registry))
            parts.append((own, process(few, records.take(own))))
    return dict(candidates) if _same(stream, records, whole, parts) else {}


def _part(side: Records, place: int) -> Records:
    return side.take(np.flatnonzero(side.partitions == place))


def _same(stream: Stream, records: Records, whole: BatchResult, parts: list[tuple[Places, BatchResult]]) -> bool:
    if stream.document.spec.window:
        return sorted(_windows(whole)) == sorted(_windows(joined([result for _, result in parts])))
    everything = np.arange(len(records), dtype=np.int64)
    runs = Run.of([(everything, whole)]), Run.of(parts)
    return all(run.traced for run in runs) and compare(*runs, records).difference is None


def _windows(result: BatchResult) -> Iterator[tuple[int, int, bytes, bytes]]:
    zeros = np.zeros(len(result.values), np.int64)
    starts, sinks = (zeros if column is None else column for column in (result.starts, result.sinks))
    for start, sink, key, value in zip(starts.tolist(), sinks.tolist(), result.keys, result.values, strict=True):
        yield start, sink, key or b"", bytes(value)


def same_counts(counts: Mapping[str, int], source: str) -> list[str]:
    """Return the topics that have as many partitions as ``source``, and more than one."""
    return [topic for topic, count in counts.items() if topic != source and count == counts[source] > 1]

"""The records of a bounded run's range, in batches, after what comes before them is restored."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from headrace.engine.bounded.past import first_offsets
from headrace.engine.bounded.ranges import Offsets
from headrace.engine.processor import Processor
from headrace.engine.service.pace import MOST_RECORDS, Pace
from headrace.engine.stream import Stream
from headrace.errors import ClusterError
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records

_POLL_SECONDS = 0.1
_SILENT_SECONDS = 60.0


def batches_of(
    stream: Stream, cluster: Cluster, processor: Processor, offsets: Offsets, lows: dict[int, int], pace: Pace | None
) -> Iterator[tuple[Records, int, int]]:
    """Yield the range in batches, each with how many offsets are read, of how many.

    Args:
        stream: what to run.
        cluster: where.
        processor: restores what comes before the range.
        offsets: the range of each partition.
        lows: where the log of each begins.
        pace: bounds the batches, where there is a highest rate; what is restored has none.

    Raises:
        ClusterError: the cluster refuses or falls silent.
    """
    spec = stream.document.spec
    firsts = first_offsets(stream.document, cluster, offsets, lows)
    for number, (first, _) in offsets.items():
        processor.begin(number, start=first)
    left = {number: (firsts[number], last) for number, (_, last) in offsets.items() if firsts[number] < last}
    whole = sum(last - first for first, last in left.values())
    reader = clients.consumer(
        cluster,
        purpose=f"{spec.name}-bounded",
        **{"enable.partition.eof": True, "queued.max.messages.kbytes": 64 * 1024},
    )
    try:
        reader.assign([TopicPartition(spec.source, number, first) for number, (first, _) in left.items()])
        heard = time.monotonic()
        while left:
            messages = reader.consume(MOST_RECORDS, _POLL_SECONDS)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > _SILENT_SECONDS:
                raise ClusterError(f"`{spec.source}` has sent nothing for {_SILENT_SECONDS:.0f} s.")
            kept = _sorted_out(reader, cluster, spec.source, messages, left)
            if kept:
                records = Records.from_messages(spec.source, kept)
                starts = np.array([offsets[number][0] for number in records.partitions.tolist()], np.int64)
                past = records.offsets < starts
                if past.any():
                    for number in np.unique(records.partitions[past]).tolist():
                        processor.restore(number, records.take(np.flatnonzero(past & (records.partitions == number))))
                    records = records.take(np.flatnonzero(~past))
                read = whole - sum(last - first for first, last in left.values())
                for batch, after in _cut(records, pace):
                    yield batch, read - after, whole
                heard = time.monotonic()  # the work between is no silence of the cluster's
    finally:
        reader.close()


def _sorted_out(
    reader: Consumer, cluster: Cluster, topic: str, messages: list[Message], left: dict[int, tuple[int, int]]
) -> list[Message]:
    """Return the messages of the ranges, and note in ``left`` what is still to come."""
    kept = []
    for message in messages:
        number, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  confluent-kafka's own name
            if clients.is_final(error):
                raise clients.cluster_error(cluster, error)
            continue
        if number not in left:
            continue
        last = left[number][1]
        if error is None and offset < last:
            kept.append(message)
            left[number] = (offset + 1, last)
        if error is not None or offset + 1 >= last:
            del left[number]
            reader.pause([TopicPartition(topic, number)])
    return kept


def _cut(records: Records, pace: Pace | None) -> Iterator[tuple[Records, int]]:
    """Yield records in pieces as large as the pace allows, each with how many come after it."""
    done = 0
    while done < len(records):
        count = min(len(records) - done, pace.limit) if pace is not None else len(records)
        yield (
            records.take(np.arange(done, done + count)) if count < len(records) else records,
            len(records) - done - count,
        )
        done += count

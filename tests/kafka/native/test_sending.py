"""What one way sends the other does too; failures are told, a full queue takes what it can."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from batch_ways import Reading
from headrace.kafka import clients
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import BatchWriter, batch_writer, producer_settings
from headrace.kafka.native.plain import PlainWriter
from headrace.kafka.native.writer import NativeWriter
from headrace.kafka.records import Headers, Records
from waiting import eventually

OpenWriter = Callable[..., tuple[Producer, BatchWriter]]
OpenReader = Callable[..., Reading]


def read_all(open_reader: OpenReader, topic: str, count: int, partitions: int = 4) -> Records:
    """All records of a topic."""
    reading = open_reader("plain", topic)
    reading.assign(dict.fromkeys(range(partitions), 0))
    return reading.until(count)


def test_both_ways_send_the_same(
    make_topic: Callable[..., str], open_writer: OpenWriter, open_reader: OpenReader
) -> None:
    count = 5_000
    stamp: Headers = [("commit", b"abc")]
    values: list[bytes | None] = [None if row % 97 == 0 else b"v%d" % row for row in range(count)]
    keys: list[bytes | None] = [None if row % 89 == 0 else b"k%d" % (row % 500) for row in range(count)]
    keys[3], values[4] = b"", b""
    headers: list[Headers | None] = [None if row % 3 == 0 else stamp for row in range(count)]
    headers[5] = [("twice", b"1"), ("twice", b"2"), ("none", None), ("empty", b""), ("gr\u00f6\u00dfe", b"\0")]
    timestamps = 1_700_000_000_000 + np.arange(count, dtype=np.int64)
    found = {}
    for way in ("native", "plain"):
        topic = make_topic(way)
        producer, writer = open_writer(way)
        own_values = BytesColumn.of(values) if way == "native" else values
        own_keys = BytesColumn.of(keys) if way == "native" else keys
        assert writer.send(topic, own_values[:9], own_keys[:9], timestamps[:9], headers[:9], first=4) == 5
        assert writer.send(topic, own_values, own_keys, timestamps, headers) == count
        assert writer.send(topic, [b"no key"] * 3, None, timestamps[:3]) == 3
        chosen = np.arange(3, dtype=np.int32)
        assert writer.send(topic, values[:3], keys[:3], timestamps[:3], partitions=chosen) == 3
        assert producer.flush(30) == 0
        assert writer.failure() is None
        records = read_all(open_reader, topic, count + 11)
        keyed = [row for row, key in enumerate(records.keys) if key]  # murmur2 places these, chance the others
        found[way] = (
            [(int(records.partitions[r]), records.keys[r], records.values[r], records.headers[r]) for r in keyed],
            sorted(zip(records.timestamps.tolist(), records.keys, records.values, strict=True), key=repr),
        )
    assert found["native"] == found["plain"]
    by_time = {int(time): row for row, time in enumerate(records.timestamps)}
    assert records.headers[by_time[int(timestamps[5])]] == headers[5]


def test_a_full_queue_takes_what_it_can(
    way: str, make_topic: Callable[..., str], open_writer: OpenWriter, open_reader: OpenReader
) -> None:
    topic = make_topic("full", 1)
    producer, writer = open_writer(way, **{"queue.buffering.max.messages": 1_000, "linger.ms": 100})
    values: list[bytes | None] = [b"%d" % row for row in range(3_000)]
    times = np.zeros(3_000, np.int64) + 1_000
    taken = writer.send(topic, values, None, times)
    assert 0 < taken <= 1_000

    def go_on() -> bool:
        nonlocal taken
        producer.poll(0.05)
        taken += writer.send(topic, values, None, times, first=taken)
        return taken == 3_000

    eventually(go_on)
    assert producer.flush(30) == 0
    assert [*read_all(open_reader, topic, 3_000, 1).values] == values


def test_a_record_that_fails_is_told_once(way: str, make_topic: Callable[..., str], open_writer: OpenWriter) -> None:
    topic = make_topic("too-large", 1, {"max.message.bytes": "1000"})
    fine = make_topic("fine", 1)
    settings = {"message.max.bytes": 2_000_000, "delivery.report.only.error": True}
    producer, writer = open_writer(way, **settings)
    large = np.random.default_rng(1).bytes(5_000)
    assert writer.send(fine, [b"small"], None, np.full(1, 1_000)) == 1
    assert writer.send(topic, [large, b"small"], None, np.full(2, 1_000)) == 2
    assert producer.flush(30) == 0
    failure = writer.failure()
    assert failure is not None
    assert (failure[0].code(), failure[1]) == (KafkaError.MSG_SIZE_TOO_LARGE, topic)
    assert writer.failure() is None
    with pytest.raises(KafkaException) as refused:
        writer.send(topic, [b"x" * 3_000_000], None, np.full(1, 1_000))
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_transactions_hold_what_was_sent_and_tell_what_failed(
    way: str, make_topic: Callable[..., str], open_writer: OpenWriter, open_reader: OpenReader
) -> None:
    topic, small = make_topic("transactions", 1), make_topic("small", 1, {"max.message.bytes": "1000"})
    producer, writer = open_writer(way, **{"transactional.id": f"id-{topic}"})
    producer.init_transactions(30)
    large = np.random.default_rng(1).bytes(5_000)
    for round_ in range(6):
        producer.begin_transaction()
        assert writer.send(topic, [b"%d" % round_] * 100, None, np.full(100, 1_000)) == 100
        if round_ == 3:
            writer.send(small, [large], None, np.full(1, 1_000))
            with pytest.raises(KafkaException):
                producer.commit_transaction(30)
            failure = writer.failure()
            assert failure is not None
            assert failure[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
            producer.abort_transaction(30)
            writer.failure()
        elif round_ % 2:
            producer.flush(30)  # the broker may not know yet of a transaction that is aborted at once, and refuses it
            producer.abort_transaction(30)
            writer.failure()  # what was purged
        else:
            producer.commit_transaction(30)
            assert writer.failure() is None
    assert set(read_all(open_reader, topic, 300, 1).values) == {b"0", b"2", b"4"}


def test_a_producer_that_is_not_watched_is_written_to_by_python(cluster: Cluster) -> None:
    watched = clients.producer(cluster, purpose="test", **producer_settings())
    assert isinstance(batch_writer(watched), NativeWriter)
    assert isinstance(batch_writer(clients.producer(cluster, purpose="test")), PlainWriter)


def test_a_writer_without_records_takes_none(way: str, open_writer: OpenWriter) -> None:
    _, writer = open_writer(way)
    assert writer.send("nowhere", [], [], np.empty(0, np.int64), []) == 0

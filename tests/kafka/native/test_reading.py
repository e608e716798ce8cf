"""What one way reads the other does too, whatever the records are and whatever is done to the consumer."""

from __future__ import annotations

import gc
from collections.abc import Callable

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from batch_ways import Reading, plain_list
from headrace.kafka import clients
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import batch_reader
from headrace.kafka.native.reader import NativeReader
from waiting import eventually

Open = Callable[..., Reading]
ODD: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]] | None]] = [
    (b"key", b'{"a": 1}', None),
    (None, b"no key", None),
    (b"deleted", None, None),
    (None, None, None),
    (b"", b"", None),
    (b"zero \0 inside", b"\0\1\2", [("h", b"1"), ("h", b"2"), ("gr\u00f6\u00dfe", b""), ("none", None)]),
    (b"big", b"x" * 990_000, [("one", b"y" * 1000)]),
]


def fill(producer: Producer, topic: str, count: int, partitions: int = 4, size: int = 20) -> None:
    """Records ``0`` to ``count`` by turns in the partitions, padded to a size."""
    for number in range(count):
        value = b"%d" % number
        while True:
            try:
                producer.produce(
                    topic, value.ljust(size), value, number % partitions, timestamp=1_700_000_000_000 + number
                )
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_both_ways_read_the_same(
    codec: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("odd", 2)
    producer = clients.producer(cluster, purpose="test", **{"compression.type": codec})
    for partition in range(2):
        for number, (key, value, headers) in enumerate(ODD * 5):
            given: list[tuple[str, str | bytes | None]] = [*headers] if headers else []
            producer.produce(topic, value, key, partition, timestamp=1_000 + number, headers=given)
    assert producer.flush(30) == 0
    found = {}
    for way in ("native", "plain"):
        reading = open_reader(way, topic)
        reading.assign({0: 0, 1: 0})
        found[way] = plain_list(reading.until(2 * 5 * len(ODD)))
    assert found["native"] == found["plain"]
    expected = [(key, value, headers) for key, value, headers in ODD * 5] * 2
    assert [row[3:] for row in found["native"]] == expected


def test_limits_hold(way: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open) -> None:
    topic = make_topic("limits", 1)
    producer = clients.producer(cluster, purpose="test")
    fill(producer, topic, 3_000, 1)
    fill(producer, topic, 40, 1, size=900_000)
    reading = open_reader(way, topic)
    reading.assign({0: 0})
    assert len(eventually(lambda: reading.once(most=7))) == 7
    assert isinstance(reading.reader, NativeReader) == (way == "native")
    while reading.count() < 3_000:
        assert len(reading.once(most=1_000)) <= 1_000
    while reading.count() < 3_040:
        records = reading.once(most_bytes=5_000_000)
        assert sum(map(len, filter(None, records.values))) <= 7_000_000
    assert [int(value or b"") for value in reading.all().values] == [*range(3_000), *range(40)]


def test_seeking_brings_every_record_from_there_once(
    way: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("seek", 2)
    fill(clients.producer(cluster, purpose="test"), topic, 40_000, 2)
    reading = open_reader(way, topic, **{"queued.min.messages": 100_000})
    reading.assign({0: 0, 1: 0})
    for place in (100, 7, 15_000, 0):
        reading.parts.clear()
        reading.until(500, most=500)  # the queue is full of later records by now
        reading.parts.clear()
        for partition in (0, 1):
            reading.consumer.seek(TopicPartition(topic, partition, place))
        records = reading.until(2 * (20_000 - place))
        assert len(records) == 2 * (20_000 - place)
        assert records.offsets.tolist() == 2 * list(range(place, 20_000))
        for partition in (0, 1):
            reading.consumer.seek(TopicPartition(topic, partition, 0))


def test_a_paused_partition_is_silent_and_goes_on_where_it_was(
    way: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("pause", 2)
    fill(clients.producer(cluster, purpose="test"), topic, 20_000, 2)
    reading = open_reader(way, topic)
    reading.assign({0: 0, 1: 0})
    reading.until(100, most=100)
    reading.consumer.pause([TopicPartition(topic, 1)])
    before = reading.all()
    silent = int((before.partitions == 1).sum())
    reading.until(10_000 + silent)
    for _ in range(5):
        reading.once(seconds=0.05)
    assert int((reading.all().partitions == 1).sum()) == silent
    reading.consumer.resume([TopicPartition(topic, 1)])
    assert reading.until(20_000).offsets.tolist() == 2 * list(range(10_000))


def test_aborted_records_are_not_read_and_ends_are_told(
    way: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("aborted", 1)
    producer = clients.producer(cluster, purpose="test", **{"transactional.id": f"aborting-{topic}"})
    producer.init_transactions(30)
    for number in range(10):
        producer.begin_transaction()
        for row in range(100):
            producer.produce(topic, b"%d %d" % (number, row), partition=0)
        producer.flush(30)
        (producer.abort_transaction if number % 2 else producer.commit_transaction)(30)
    reading = open_reader(way, topic, **{"enable.partition.eof": True})
    reading.assign({0: 0})
    reading.until(500)
    eventually(lambda: reading.once(seconds=0.05) is not None and reading.problems)
    assert [value for value in reading.all().values if value and int(value.split()[0]) % 2] == []
    assert {(problem.error.code(), problem.partition) for problem in reading.problems} == {
        (KafkaError._PARTITION_EOF, 0)
    }
    assert max(problem.offset for problem in reading.problems) == 1_010  # a mark after each transaction


def test_an_offset_that_is_not_there_is_a_problem(way: str, make_topic: Callable[..., str], open_reader: Open) -> None:
    reading = open_reader(way, make_topic("expired", 1))
    reading.assign({0: 1_000})
    eventually(lambda: reading.once(seconds=0.1) is not None and reading.problems)
    problem = reading.problems[0]
    assert (problem.error.code(), problem.partition) == (KafkaError._AUTO_OFFSET_RESET, 0)
    assert "out of range" in problem.error.str().lower()


def join(reading: Reading, mine: set[int]) -> Reading:
    """Subscribe; ``mine`` holds the partitions of the moment."""

    def on_assign(consumer: Consumer, given: list[TopicPartition]) -> None:
        places = consumer.committed(given, timeout=10)
        reading.assign({place.partition: max(place.offset, 0) for place in places})
        mine.update(place.partition for place in given)

    def on_revoke(consumer: Consumer, given: list[TopicPartition]) -> None:
        gone = [place.partition for place in given]
        reading.reader.revoked(gone)
        consumer.incremental_unassign(given)
        mine.difference_update(gone)

    reading.consumer.subscribe([reading.topic], on_assign=on_assign, on_revoke=on_revoke)
    return reading


def test_partitions_come_and_go_with_a_second_member(
    way: str, cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    """Every record is read by at least one, and none before its member's place or after the partition went away."""
    topic = make_topic("rebalance", 6)
    total = 60_000
    fill(clients.producer(cluster, purpose="test"), topic, total, 6)
    group = {
        "group.id": f"group-{topic}",
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "heartbeat.interval.ms": 300,
    }
    owned: list[set[int]] = [set(), set()]
    members = [open_reader(way, topic, **group) for _ in owned]

    def turn(number: int) -> bool:
        """Always true."""
        reading = members[number]
        records = reading.once(most=500, seconds=0.05)
        assert set(records.partitions.tolist()) <= owned[number]
        ends = dict(zip(records.partitions.tolist(), (records.offsets + 1).tolist(), strict=True))
        if ends:
            places = [TopicPartition(topic, partition, end) for partition, end in ends.items()]
            try:
                reading.consumer.commit(offsets=places, asynchronous=False)
            except KafkaException:  # a rebalance is on: what is not committed is read once more
                reading.parts.pop()
                for partition in ends:
                    first = int(records.offsets[records.partitions == partition][0])
                    reading.consumer.seek(TopicPartition(topic, partition, first))
        return True

    join(members[0], owned[0])
    eventually(lambda: turn(0) and len(owned[0]) == 6, 30, interval=0)
    join(members[1], owned[1])
    eventually(lambda: turn(0) and turn(1) and len(owned[1]) == 3, 30, interval=0)
    eventually(lambda: turn(0) and turn(1) and members[0].count() + members[1].count() >= total, 150, interval=0)
    assert members[1].count() > 0
    places = [place for member in members for place in zip(member.all().partitions, member.all().offsets, strict=True)]
    assert len(places) == total
    assert len(set(places)) == total
    members[1].reader.close()
    members[1].consumer.close()
    owned[1].clear()
    eventually(lambda: turn(0) and len(owned[0]) == 6, 30, interval=0)


def test_after_close_the_consumer_reads_as_before(
    cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("given-back", 1)
    producer = clients.producer(cluster, purpose="test")
    fill(producer, topic, 10, 1)
    reading = open_reader("native", topic)
    reading.assign({0: 0})
    reading.until(10)
    reading.reader.close()
    fill(producer, topic, 3, 1)
    values: list[bytes | None] = []

    def consume() -> bool:
        values.extend(message.value() for message in reading.consumer.consume(10, 0.1))
        return len(values) == 3

    eventually(consume)
    with pytest.raises(RuntimeError, match="closed"):
        reading.reader.read(10, 0)


def test_records_that_came_before_the_reader_are_not_lost(
    cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("early", 1)
    fill(clients.producer(cluster, purpose="test"), topic, 5_000, 1)
    reading = open_reader("native", topic)
    reading.consumer.assign([TopicPartition(topic, 0, 0)])
    message = eventually(lambda: reading.consumer.poll(0.5))
    assert message is not None
    assert message.offset() == 0
    reading.reader.assigned([0])
    assert reading.until(4_999).offsets.tolist() == list(range(1, 5_000))


def test_the_consumer_is_asked_before_it_is_believed(cluster: Cluster) -> None:
    consumer = clients.consumer(cluster, purpose="test")
    reader = batch_reader(consumer, "topic")
    assert isinstance(reader, NativeReader)
    reader.close()
    consumer.close()
    assert not isinstance(batch_reader(consumer, "topic"), NativeReader)
    assert not isinstance(batch_reader(object(), "topic"), NativeReader)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="closed"):
        NativeReader(consumer, "topic")


def test_memory_stays_flat_over_a_million_records(
    cluster: Cluster, make_topic: Callable[..., str], open_reader: Open
) -> None:
    topic = make_topic("flat", 1)
    producer = clients.producer(cluster, purpose="test", **{"queue.buffering.max.messages": 200_000})
    headers: list[tuple[str, str | bytes | None]] = [("name", b"value" * 10)]
    for number in range(50_000):
        producer.produce(topic, b"%d" % number * 20, b"key", 0, headers=headers)
    assert producer.flush(30) == 0
    reading = open_reader("native", topic, **{"queued.max.messages.kbytes": 16_384})
    reading.assign({0: 0})
    process = psutil.Process()
    sizes = []
    for _ in range(20):
        reading.until(50_000)
        assert isinstance(reading.parts[0].values, BytesColumn)
        reading.parts.clear()
        reading.consumer.seek(TopicPartition(topic, 0, 0))
        gc.collect()
        sizes.append(process.memory_info().rss)
    assert max(sizes[10:]) - max(sizes[2:10]) < 20 * 2**20

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from headrace.errors import ExpiredOffsetError, MissingTopicError, UsageError
from headrace.kafka.clients import admin, producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.pins import pinned_sample
from headrace.kafka.records import Records
from headrace.kafka.sampling import SampleLimits, SamplePin, read_pin, take_sample
from headrace.kafka.topics import list_topics, watermarks
from waiting import eventually

MakeTopic = Callable[..., str]


def fill(cluster: Cluster, topic: str, counts: dict[int, int], *, start: int = 0) -> None:
    sender = producer(cluster, purpose="test")
    for partition, count in counts.items():
        for number in range(start, start + count):
            sender.produce(topic, f"{partition}/{number}", f"key {partition}", partition, timestamp=1000 + number)
    assert sender.flush(10) == 0


def values(records: Records, partition: int) -> list[str]:
    return [
        value.decode()
        for value, number in zip(records.values, records.partitions, strict=True)
        if number == partition and value is not None
    ]


def test_latest_is_taken_evenly_and_in_order(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("even")
    fill(cluster, topic, {0: 100, 1: 3, 3: 100})
    sample = take_sample(cluster, topic, "latest:43")
    assert Counter(sample.records.partitions.tolist()) == {0: 20, 1: 3, 3: 20}
    assert values(sample.records, 0) == [f"0/{number}" for number in range(80, 100)]
    assert sample.pin.ranges == ((0, 80, 100), (1, 0, 3), (3, 80, 100))
    assert sample.pin.complete
    assert sample.records.timestamps.tolist() == sorted(sample.records.timestamps.tolist())


def test_first_begins_at_the_beginning(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("first", partitions=2)
    fill(cluster, topic, {0: 10, 1: 10})
    sample = take_sample(cluster, topic, "first:5")
    assert len(sample.records) == 5
    assert values(sample.records, 0) == ["0/0", "0/1", "0/2"][: len(values(sample.records, 0))]


def test_fewer_records_than_asked_are_all(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("few")
    assert len(take_sample(cluster, topic, "latest:500").records) == 0
    fill(cluster, topic, {1: 2})
    assert len(take_sample(cluster, topic, "latest:500").records) == 2


def test_a_span_of_time(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("time", partitions=2)
    fill(cluster, topic, {0: 50, 1: 50})
    moments = [datetime.fromtimestamp((1000 + number) / 1000, UTC).isoformat() for number in (10, 20)]
    sample = take_sample(cluster, topic, "..".join(moments))
    assert values(sample.records, 1) == [f"1/{number}" for number in range(10, 20)]
    assert sample.pin.ranges == ((0, 10, 20), (1, 10, 20))
    assert len(take_sample(cluster, topic, "last:1m").records) == 0


def test_ranges_are_read_again_exactly(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("ranges", partitions=2)
    fill(cluster, topic, {0: 200, 1: 200})
    sample = take_sample(cluster, topic, "0:5-8,0:150-152,1:199-900")
    assert values(sample.records, 0) == ["0/5", "0/6", "0/7", "0/150", "0/151"]
    assert values(sample.records, 1) == ["1/199"]
    fill(cluster, topic, {0: 50, 1: 50}, start=200)
    again = read_pin(cluster, sample.pin)
    assert again.pin == sample.pin
    assert again.records.values == sample.records.values


def test_a_pinned_sample_stays_the_same_until_renewed(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("pinned")
    fill(cluster, topic, {0: 10})
    before = pinned_sample(cluster, topic, "latest:4")
    fill(cluster, topic, {0: 10}, start=10)
    kept = pinned_sample(cluster, topic, "latest:4")
    assert kept.pin == before.pin
    assert kept.records.values == before.records.values
    assert values(pinned_sample(cluster, topic, "latest:4", renew=True).records, 0)[-1] == "0/19"


def test_transactions_leave_gaps_and_aborted_records_are_not_there(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("transactions", partitions=2)
    sender = producer(cluster, purpose="test", **{"transactional.id": f"test.{topic}"})
    sender.init_transactions(20)
    for number in range(30):
        sender.begin_transaction()
        for partition in (0, 1):
            sender.produce(topic, f"{partition}/{number}", partition=partition)
        assert sender.flush(10) == 0  # aborted records are in the log too
        if number % 3:
            sender.commit_transaction(20)
        else:
            sender.abort_transaction(20)
    committed = [f"0/{number}" for number in range(30) if number % 3]
    high = 30 * 2  # a record and a marker each; the markers come a moment after the commit's answer
    eventually(lambda: set(watermarks(cluster, topic).values()) == {(0, high)})
    started = time.monotonic()
    sample = take_sample(cluster, topic, "latest:16")
    assert values(sample.records, 0) == committed[-8:]
    assert values(sample.records, 1) == [value.replace("0/", "1/") for value in committed[-8:]]
    assert values(take_sample(cluster, topic, "latest:500").records, 0) == committed
    assert values(take_sample(cluster, topic, "first:10").records, 0) == committed[:5]
    assert values(take_sample(cluster, topic, "last:10m").records, 0) == committed
    assert values(read_pin(cluster, sample.pin).records, 0) == committed[-8:]
    assert time.monotonic() - started < 15


def test_an_open_transaction_is_not_waited_for(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("open", partitions=1)
    fill(cluster, topic, {0: 3})
    sender = producer(cluster, purpose="test", **{"transactional.id": f"test.{topic}"})
    sender.init_transactions(20)
    sender.begin_transaction()
    sender.produce(topic, "unfinished", partition=0)
    sender.flush(10)
    started = time.monotonic()
    assert values(take_sample(cluster, topic, "latest:10").records, 0) == ["0/0", "0/1", "0/2"]
    assert time.monotonic() - started < 5
    sender.abort_transaction(20)


def test_limits_cut_and_say_so(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("limits", partitions=1)
    fill(cluster, topic, {0: 100})
    by_bytes = take_sample(cluster, topic, "first:100", limits=SampleLimits(bytes=40))
    assert 0 < sum(len(value or b"") for value in by_bytes.records.values) <= 40
    assert not by_bytes.pin.complete
    assert by_bytes.pin.ranges == ((0, 0, len(by_bytes.records)),)
    by_records = take_sample(cluster, topic, "0:0-100", limits=SampleLimits(records=7))
    assert by_records.pin.ranges == ((0, 0, 7),)
    with pytest.raises(UsageError, match="more than 7 records"):
        take_sample(cluster, topic, "latest:8", limits=SampleLimits(records=7))


def test_expired_offsets_are_refused(cluster: Cluster, make_topic: MakeTopic) -> None:
    from confluent_kafka import TopicPartition  # noqa: PLC0415

    topic = make_topic("expired", partitions=1)
    fill(cluster, topic, {0: 10})
    for future in admin(cluster).delete_records([TopicPartition(topic, 0, 5)]).values():
        future.result()
    with pytest.raises(ExpiredOffsetError, match="begins at 5"):
        read_pin(cluster, SamplePin(cluster=cluster.name, topic=topic, text="", ranges=((0, 2, 8),)))
    assert len(take_sample(cluster, topic, "latest:100").records) == 5


def test_partitions_that_are_not_there(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("partitions", partitions=2)
    with pytest.raises(UsageError, match="no partition 2"):
        take_sample(cluster, topic, "2:0-5")


def test_a_sample_leaves_no_group_offset_or_topic_behind(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("trace")
    fill(cluster, topic, {0: 50, 1: 50})
    client = admin(cluster)

    def state() -> tuple[set[str], set[str]]:
        groups = client.list_consumer_groups().result()
        assert not groups.errors
        return {group.group_id for group in groups.valid}, {info.name for info in list_topics(cluster)}

    before = state()
    for text in ("latest:20", "first:20", "last:1h", "0:5-10"):
        take_sample(cluster, topic, text)
    pinned_sample(cluster, topic, "latest:20", renew=True)
    with pytest.raises(MissingTopicError):
        take_sample(cluster, f"{topic}-missing")
    assert state() == before


def test_keys_are_looked_for_backwards_and_found_again(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("keys", partitions=3)
    sender = producer(cluster, purpose="test")
    for number in range(9_000):
        key = "rare" if number % 3_000 == 7 else f"k{number % 10}"
        sender.produce(topic, str(number), key, number % 3, timestamp=1000 + number)
    assert sender.flush(10) == 0
    rare = take_sample(cluster, topic, "keys:rare")
    assert [value for value in rare.records.values if value is not None] == [b"7", b"3007", b"6007"]
    assert (rare.pin.complete, rare.pin.looked_at) == (True, 9_000)
    assert read_pin(cluster, rare.pin).records.values == rare.records.values
    several = take_sample(cluster, topic, "keys:k1,k2")
    assert len(several.records) == 500
    assert {(value or b"0")[-1:] for value in several.records.values} == {b"1", b"2"}
    assert several.records.timestamps.tolist() == sorted(several.records.timestamps.tolist())
    assert several.records.timestamps.min() > 1000 + 9_000 - 2_600
    again = read_pin(cluster, several.pin)
    assert again.records.values == several.records.values
    assert len(take_sample(cluster, topic, "keys:nobody").records) == 0


def test_every_so_many_offsets(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("every", partitions=2)
    fill(cluster, topic, {0: 12_000, 1: 10})
    sample = take_sample(cluster, topic, "every:3000")
    assert values(sample.records, 0) == ["0/0", "0/3000", "0/6000", "0/9000"]
    assert values(sample.records, 1) == ["1/0"]
    assert len(take_sample(cluster, topic, "every:7").records) == 1_715 + 2
    with pytest.raises(UsageError, match=r"has 12,010 records, and 10,000 are the most.*every:2 or more"):
        take_sample(cluster, topic, "every:1")


def test_steps_that_fall_into_gaps_are_passed_over(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("gaps", partitions=1)
    sender = producer(cluster, purpose="test", **{"transactional.id": topic})
    sender.init_transactions(10)
    for number in range(40):
        sender.begin_transaction()
        sender.produce(topic, str(number), partition=0)
        sender.commit_transaction(10)
    assert values(take_sample(cluster, topic, "every:2").records, 0) == [str(number) for number in range(40)]
    assert len(take_sample(cluster, topic, "every:10").records) == 8
    sample = take_sample(cluster, topic, "0:0-1,0:1-2,0:3-5,0:78-80")
    assert values(sample.records, 0) == ["0", "2", "39"]


def test_what_fails_is_asked_of_a_cell(cluster: Cluster, make_topic: MakeTopic) -> None:
    with pytest.raises(UsageError, match="needs a cell"):
        take_sample(cluster, make_topic("failing"), "failing:3")

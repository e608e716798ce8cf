"""What Kafka's own Java clients read of ours, and where they put the same keys."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from headrace.kafka.clusters import Cluster
from headrace.kafka.partitioning import partition_of
from headrace.spec import ColumnType
from java_console import consume, produce
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "n": "int64"}
COUNT = 8_000
PARTITIONS = 4


def abort(cluster: Cluster, topic: str, value: bytes) -> None:
    """Produce ``value`` in a transaction that is aborted."""
    producer = Producer({"bootstrap.servers": cluster.address, "transactional.id": f"aborts-{topic}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, value)
    assert producer.flush(20) == 0
    producer.abort_transaction(30)


@pytest.mark.timeout(240)
def test_java_reads_what_was_committed_once_with_all_that_belongs_to_it(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service("return df.assign(m=df.n * 2)", types=TYPES, arguments=("--max-rate", "3000"))
    values: list[bytes | None] = [
        json.dumps({"k": "ä · 🚕", "n": n}, ensure_ascii=False).encode() for n in range(COUNT)
    ]
    keys: list[bytes | None] = [None if n % 10 == 0 else f"schlüssel {n % 97}".encode() for n in range(COUNT)]
    fill(cluster, service.source, values, keys=keys, headers=[("trace", "größe=1"), ("empty", b"")])
    service.start()
    eventually(service.progressed_past(1_000), 60, interval=0.02)
    service.kill()  # perhaps amid a transaction
    service.arguments = ()
    service.start().caught_up()
    abort(cluster, service.sink, b"never")

    found = consume(cluster, service.sink)

    sent = {json.loads(message.value() or b"")["n"]: message for message in read_all(cluster, service.source)}
    assert sorted(json.loads(record.value or b"")["n"] for record in found) == list(range(COUNT))
    for record in found:
        row = json.loads(record.value or b"")
        assert row == {"k": "ä · 🚕", "n": row["n"], "m": row["n"] * 2}
        message = sent[row["n"]]
        assert (record.key, record.timestamp) == (message.key(), message.timestamp()[1])
        assert record.headers == ("trace:größe=1".encode(), b"empty:")
    assert b"never" in {record.value for record in consume(cluster, service.sink, isolation="read_uncommitted")}


def some_keys() -> list[str]:
    """Return keys of every length up to 40 bytes, in scripts of one to four bytes a character, and the empty one."""
    chance = random.Random(7)
    letters = "abcXYZ019 _-/äöüßéñ€·漢字かな🚕🛠"
    made = {"".join(chance.choices(letters, k=length)) for length in range(1, 13) for _ in range(40)}
    return sorted(made | {"a" * length for length in range(41)} | {"\u00e9", "e\u0301", "nan", "None", "null", "0"})


@pytest.mark.timeout(240)
def test_java_and_a_service_put_a_key_into_the_same_partition(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], make_topic: Callable[..., str]
) -> None:
    service = make_service("return df", types=TYPES, key="k")
    keys = some_keys()
    assert "" in keys
    fill(cluster, service.source, [json.dumps({"k": key, "n": 1}).encode() for key in keys])
    service.start().caught_up()
    theirs = make_topic("java", partitions=PARTITIONS)
    produce(cluster, theirs, [(key, "value") for key in keys])

    by_java = {message.key() or b"": message.partition() for message in read_all(cluster, theirs)}

    assert by_java.keys() == {key.encode() for key in keys}
    assert set(by_java.values()) == set(range(PARTITIONS))
    assert {message.key(): message.partition() for message in read_all(cluster, service.sink)} == by_java
    assert {key: partition_of(key, PARTITIONS) for key in by_java} == by_java


@pytest.mark.timeout(240)
def test_records_without_a_key_stay_without_and_are_spread_by_both(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], make_topic: Callable[..., str]
) -> None:
    count = 2_000
    service = make_service("return df", types=TYPES, key="k", arguments=("--max-rate", "2000"))
    fill(cluster, service.source, [json.dumps({"k": None, "n": n}).encode() for n in range(count)])
    service.start().caught_up()
    theirs = make_topic("java", partitions=PARTITIONS)
    produce(cluster, theirs, [(None, f"{n:01000}") for n in range(count)])
    for topic in (service.sink, theirs):
        messages = read_all(cluster, topic)
        assert len(messages) == count
        assert {message.key() for message in messages} == {None}
        assert len({message.partition() for message in messages}) > 1

"""What a window does not take: late records, and those of a window that fails, byte for byte where they belong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.engine.service import lookup
from headrace.engine.service.delivery import UndeliveredError
from headrace.engine.service.lookup import find_records
from headrace.kafka.clusters import Cluster
from headrace.kafka.reading import SampleLimits
from headrace.kafka.records import Records
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, headers_of, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}
WINDOWS: dict[str, object] = {"types": TYPES, "key": "k", "time": "t", "window": "tumbling=1min", "idle": "1h"}
SUMS = 'return df.groupby(["window_start", "k"])["x"].sum().reset_index()'
SUMS_BUT_ONE = f"""
if (df.window_start == pd.Timestamp("2026-01-01T00:02:00Z")).any():
    raise ValueError("the third minute")
{SUMS}
"""
AHEAD = b"ahead"
HEADERS: list[tuple[str, str | bytes | None]] = [("trace", b"\xff\x00"), ("empty", None), ("trace", b"2")]


@dataclass(frozen=True)
class Sent:
    """What a record has that must not change."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int


def sent(message: Message, own: int = len(HEADERS)) -> Sent:
    headers: list[tuple[str, bytes | None]] = message.headers() or []  # type: ignore[assignment]  # stubs allow a dict
    return Sent(message.key(), message.value(), headers[:own], message.timestamp()[1])


def at(second: int, x: int = 1) -> bytes:
    return json.dumps({"k": "a", "t": f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z", "x": x}).encode()


def feed(cluster: Cluster, service: ServiceProcess, seconds: list[int], key: bytes = b"a") -> None:
    fill(cluster, service.source, [at(second) for second in seconds], keys=[key] * len(seconds), headers=HEADERS)


def fill_others(cluster: Cluster, service: ServiceProcess) -> None:
    """Give the source's other partitions a record far ahead: a watermark is the minimum over all of them."""
    taken = {message.partition() for message in read_all(cluster, service.source)}
    producer = Producer({"bootstrap.servers": cluster.address})
    for number in {0, 1, 2, 3} - taken:
        producer.produce(service.source, at(3_500), AHEAD, number)
    assert producer.flush(20) == 0


def fed(cluster: Cluster, service: ServiceProcess) -> list[Message]:
    return [message for message in read_all(cluster, service.source) if message.key() != AHEAD]


def make(make_service: Callable[..., ServiceProcess], cluster: Cluster, body: str, **options: object) -> ServiceProcess:
    service = make_service(body, **(WINDOWS | options))
    if options.get("repartition"):
        create_topic(cluster, names.repartition_topic(service.name, "k"), 4)
    return service


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
def test_late_records_are_in_the_late_topic_as_they_were_also_after_a_restart(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    repartition: bool,  # noqa: FBT001
) -> None:
    service = make(make_service, cluster, SUMS, repartition=repartition)
    key = b"elsewhere" if repartition else b"a"
    late = f"{service.sink}.late"
    feed(cluster, service, [0, 30, 90, 59, 150, 10], key)
    fill_others(cluster, service)
    service.start()
    eventually(lambda: len(read_all(cluster, late)) == 2, 30)
    service.kill()
    feed(cluster, service, [160, 20, 151], key)
    service.start()
    eventually(lambda: len(read_all(cluster, late)) == 4, 40)
    eventually(lambda: service.status()["late"] == 4, 10)
    records = [sent(message) for message in fed(cluster, service)]
    assert [sent(message) for message in read_all(cluster, late)] == [records[place] for place in (3, 5, 7, 8)]
    assert {record.key for record in records} == {key}
    assert records[3].headers == HEADERS
    sums = [json.loads(message.value() or b"")["x"] for message in read_all(cluster, service.sink)]
    assert sums == [2, 1]
    assert read_all(cluster, f"{service.sink}.dlq") == []


def test_a_bounded_run_has_its_own_late_topic(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make(make_service, cluster, SUMS)
    feed(cluster, service, [0, 90, 30, 150])
    out = f"{service.sink}-again"
    command = [sys.executable, "-m", "headrace", "run", str(service.folder), "--cluster", cluster.address]
    command += ["--from", "earliest", "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["late"] == 1
    records = [sent(message) for message in read_all(cluster, service.source)]
    assert [sent(message) for message in read_all(cluster, f"{out}.late")] == [records[2]]
    assert read_all(cluster, f"{service.sink}.late") == []


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
def test_all_records_of_a_window_that_fails_are_dead_letters_though_they_came_in_many_batches(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    repartition: bool,  # noqa: FBT001
) -> None:
    service = make(make_service, cluster, SUMS_BUT_ONE, repartition=repartition, arguments=("--max-rate", "200"))
    key = b"elsewhere" if repartition else b"a"
    seconds = [second for minute in range(5) for second in range(60 * minute, 60 * minute + 60) for _ in range(3)]
    feed(cluster, service, seconds[:400], key)
    fill_others(cluster, service)
    service.start()
    eventually(service.progressed_past(380), 40)
    service.kill()  # what the open window had is read again
    feed(cluster, service, seconds[400:], key)
    service.start()
    letters = eventually(lambda: read_all(cluster, f"{service.sink}.dlq"), 60)
    records = fed(cluster, service)
    failed = records[360:540]
    assert [sent(letter) for letter in letters] == [sent(record) for record in failed]
    for letter, record in zip(letters, failed, strict=True):
        said = headers_of(letter)
        assert said["headrace-error"] == b"ValueError: the third minute"
        assert b"the third minute" in said["headrace-traceback"]
        assert (said["headrace-stream"], said["headrace-topic"]) == (service.name.encode(), service.source.encode())
        assert said["headrace-partition"] == b"%d" % (record.partition() or 0)
        assert said["headrace-offset"] == b"%d" % (record.offset() or 0)
        assert "headrace-gone" not in said
    eventually(lambda: len(read_all(cluster, service.sink)) == 3, 30)


def test_a_record_that_is_gone_from_the_log_has_a_letter_that_says_so(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service, cluster, SUMS_BUT_ONE)
    feed(cluster, service, list(range(150)))
    service.start().caught_up()
    cut_off(cluster, service, 130)
    feed(cluster, service, [200])
    letters = eventually(lambda: read_all(cluster, f"{service.sink}.dlq"), 30)
    letters.sort(key=lambda letter: headers_of(letter)["headrace-offset"])
    assert [headers_of(letter)["headrace-offset"] for letter in letters] == [b"%d" % place for place in range(120, 150)]
    assert [letter.value() for letter in letters] == [None] * 10 + [at(second) for second in range(130, 150)]
    assert ["headrace-gone" in headers_of(letter) for letter in letters] == [True] * 10 + [False] * 20


def test_records_are_looked_up_in_slices_and_never_given_up(
    cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_SLICE", SampleLimits(records=70, bytes=100_000, seconds=10.0))
    topic = make_topic(partitions=2)
    values = [b"%d " % number + b"x" * (number % 5) * 1_000 for number in range(1_000)]
    fill(cluster, topic, values, keys=[b"%d" % number for number in range(1_000)], headers=HEADERS)
    messages = read_all(cluster, topic)
    wanted = [messages[place] for place in np.random.default_rng(2).permutation(1_000)[:600].tolist()]
    batch = Records.from_messages(topic, messages[:50])
    places = [(message.partition() or 0, message.offset() or 0) for message in wanted]
    found = find_records(cluster, batch, places)
    assert found.gone == []
    assert list(found.records.values) == [message.value() for message in wanted]
    assert list(found.records.keys) == [message.key() for message in wanted]
    assert found.records.headers == [message.headers() for message in wanted]
    with pytest.raises(UndeliveredError, match="cannot be read again"):
        find_records(Cluster.at("127.0.0.1:1"), batch, places)


def test_windows_whose_records_are_gone_from_the_log_are_not_given_as_complete(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service, cluster, SUMS)
    feed(cluster, service, list(range(60)))
    service.start().caught_up()
    feed(cluster, service, list(range(60, 90)))
    service.caught_up()
    service.kill()
    number = cut_off(cluster, service, 80)
    feed(cluster, service, [200])
    assert service.start().ended() == 1
    assert f"Open windows need {service.source}[{number}] from offset 60 on" in service.log
    assert "but the log begins at 80: their results would lack 20 records" in service.log
    assert "--from earliest" in service.log
    sums = [json.loads(message.value() or b"")["x"] for message in read_all(cluster, service.sink)]
    assert sums == [60]


def cut_off(cluster: Cluster, service: ServiceProcess, offset: int) -> int:
    """Delete what is before ``offset`` in the partition that has records, and return its number."""
    (number,) = {message.partition() or 0 for message in read_all(cluster, service.source)}
    admin = AdminClient({"bootstrap.servers": cluster.address})
    place = TopicPartition(service.source, number, offset)
    admin.delete_records([place])[place].result()
    return number

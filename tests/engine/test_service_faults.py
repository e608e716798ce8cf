"""A service process under kills, stops and refusals: nothing is lost, and exactly-once nothing is doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from headrace.spec import names
from service_process import fill, read_all
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from confluent_kafka import Message

    from headrace.kafka.clusters import Cluster
    from service_process import ServiceProcess


def numbered(numbers: range) -> list[bytes | None]:
    return [json.dumps({"id": number, "x": 0.5}).encode() for number in numbers]


def ids(messages: list[Message]) -> Counter[int]:
    return Counter(json.loads(message.value() or b"{}")["id"] for message in messages)


def once(numbers: range) -> Counter[int]:
    return Counter(dict.fromkeys(numbers, 1))


def test_sigterm_stops_within_five_seconds_and_changes_nothing(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(arguments=("--max-rate", "3000"))
    fill(cluster, service.source, numbered(range(6_000)))
    for stop in (signal.SIGTERM, signal.SIGINT):
        before = service.progress()
        service.start()
        eventually(service.progressed_past(before), 30)
        service.running.send_signal(stop)
        assert service.ended(5) == 0
        assert service.progress() < 6_000
    service.start().caught_up()
    status, seconds = service.terminate()
    assert (status, seconds < 5) == (0, True)
    assert ids(read_all(cluster, service.sink)) == once(range(6_000))


def test_sigterm_does_not_wait_for_a_slow_function(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    marker = tmp_path / "entered"
    body = f"""
    import pathlib
    import threading
    if not pathlib.Path({str(marker)!r}).exists():
        pathlib.Path({str(marker)!r}).touch()
        threading.Event().wait(60)
    return df
    """
    service = make_service(body)
    fill(cluster, service.source, numbered(range(100)))
    service.start()
    eventually(marker.exists, 30)
    status, seconds = service.terminate()
    assert (status, seconds < 5) == (0, True)
    assert service.progress() == 0
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == once(range(100))


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_kills_lose_nothing_and_exactly_once_doubles_nothing(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], delivery: str
) -> None:
    service = make_service(delivery=delivery, arguments=("--max-rate", "4000"))
    fill(cluster, service.source, numbered(range(12_000)))
    for _ in range(3):
        before = service.progress()
        service.start()
        eventually(service.progressed_past(before), 30, interval=0.01)
        service.kill()
        assert service.progress() < 12_000
    service.start().caught_up()
    found = ids(read_all(cluster, service.sink))
    if delivery == "exactly-once":
        assert found == once(range(12_000))
    else:
        assert found.keys() == set(range(12_000))


def test_a_producer_fenced_by_another_with_its_id_stops_the_zombie(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service()
    fill(cluster, service.source, numbered(range(100)))
    service.start().caught_up()
    usurper = Producer(
        {"bootstrap.servers": cluster.address, "transactional.id": names.transactional_id(service.name, 0)}
    )
    usurper.init_transactions(30)
    fill(cluster, service.source, numbered(range(100, 200)))
    assert service.ended() == 1
    assert "Another process runs as this replica" in service.log
    assert ids(read_all(cluster, service.sink)) == once(range(100))
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == once(range(200))


def test_a_second_process_of_the_replica_is_refused(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service()
    fill(cluster, service.source, numbered(range(10)))
    service.start().caught_up()
    command = [sys.executable, "-m", "headrace", "run", str(service.folder), "--cluster", cluster.address]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"runs already (process {service.running.pid})" in second.stderr


def test_an_expired_offset_is_a_clear_stop(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service()
    fill(cluster, service.source, numbered(range(10)), keys=[b"k"] * 10)
    service.start().caught_up()
    service.terminate()
    fill(cluster, service.source, numbered(range(10, 30)), keys=[b"k"] * 20)
    (place,) = {message.partition() or 0 for message in read_all(cluster, service.source)}
    admin = AdminClient({"bootstrap.servers": cluster.address})
    (deleted,) = admin.delete_records([TopicPartition(service.source, place, 25)]).values()
    deleted.result()
    assert service.start().ended() == 1
    assert f"Offset 10 of {service.source}[{place}]" in service.log
    assert "the log begins at 25: 15 records are gone" in service.log
    assert "--from earliest" in service.log
    assert service.progress() == 10


def test_a_missing_sink_is_named_and_not_created(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service()
    admin = AdminClient({"bootstrap.servers": cluster.address})
    admin.delete_topics([service.sink])[service.sink].result()
    assert service.start().ended() == 1
    assert f"no topic `{service.sink}`" in service.log


def test_a_replica_ends_with_its_supervisor(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service()
    fill(cluster, service.source, numbered(range(10)))
    child = [sys.executable, "-m", "headrace", "run", str(service.folder), "--cluster", cluster.address]
    launch = f"import subprocess; subprocess.Popen({child!r}).wait()"
    environment = {**os.environ, "HEADRACE_DIE_WITH_PARENT": "1"}
    parent = subprocess.Popen([sys.executable, "-c", launch], env=environment, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: service.progress() == 10, 30)
        pid = int(service.status()["pid"])
    finally:
        parent.kill()
        parent.wait(10)
    eventually(lambda: not _alive(pid), 10)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""A service process on a real broker: what goes in comes out once, with what belongs to it."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

from headrace.home import home
from headrace.kafka.topics import committed
from headrace.spec import names
from service_process import fill, headers_of, read_all
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from confluent_kafka import Message

    from headrace.kafka.clusters import Cluster
    from service_process import ServiceProcess


def numbered(numbers: range, x: object = 0.5) -> list[bytes | None]:
    return [json.dumps({"id": number, "x": x}).encode() for number in numbers]


def ids(messages: list[Message]) -> Counter[int]:
    return Counter(json.loads(message.value() or b"{}")["id"] for message in messages)


def once(numbers: range) -> Counter[int]:
    return Counter(dict.fromkeys(numbers, 1))


def counted(cluster: Cluster, service: ServiceProcess) -> Counter[str]:
    total: Counter[str] = Counter()
    for place in committed(cluster, names.group_id(service.name), service.source).values():
        content = json.loads(place.metadata)
        total.update({name: content[name] for name in ("in", "out", "failed", "late")})
    return total


def has_taken(cluster: Cluster, service: ServiceProcess, records: int) -> bool:
    return counted(cluster, service)["in"] == records


@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_outputs_have_value_key_time_and_headers_of_their_record(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], delivery: str
) -> None:
    service = make_service(delivery=delivery, key="id")
    fill(cluster, service.source, numbered(range(300)), headers=[("trace", b"\xff\x00")])
    service.start().caught_up()
    came, went = read_all(cluster, service.source), read_all(cluster, service.sink)
    stamps = {json.loads(message.value() or b"")["id"]: message.timestamp() for message in came}
    assert ids(went) == once(range(300))
    for message in went:
        row = json.loads(message.value() or b"")
        assert row == {"id": row["id"], "x": 0.5, "twice": 1.0}
        assert message.key() == str(row["id"]).encode()
        assert message.timestamp() == stamps[row["id"]]
        assert message.headers() == [("trace", b"\xff\x00")]
    assert counted(cluster, service) == Counter({"in": 300, "out": 300})


def test_stamped_outputs_name_their_commit(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service(stamp=True)
    deployment = tmp_path / "deployment.json"
    deployment.write_text(json.dumps({"service": service.name, "commit": "c0ffee", "deploy": "d1", "start": {}}))
    service.environment["HEADRACE_DEPLOYMENT"] = str(deployment)
    fill(cluster, service.source, numbered(range(10)))
    service.start().caught_up()
    assert {str(message.headers()) for message in read_all(cluster, service.sink)} == {
        str([("headrace-commit", b"c0ffee")])
    }


def test_exactly_the_broken_records_become_dead_letters(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service()
    values = numbered(range(10_000))
    broken: dict[int, bytes] = {}
    for place in range(100):
        number = place * 97 + 5
        kind = place % 3
        if kind == 0:
            broken[number] = b'{"id": %d, "x":' % number
        elif kind == 1:
            broken[number] = b'{"id": %d, "x": "text"}' % number
        else:
            broken[number] = b'{"id": %d, "x": 13}' % number
        values[number] = broken[number]
    keys = [b"\x00key-%d" % number for number in range(10_000)]
    fill(cluster, service.source, values, keys=keys, headers=[("own", b"1")])
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == once(range(10_000)) - Counter(broken.keys())
    letters = read_all(cluster, f"{service.sink}.dlq")
    assert {message.key(): message.value() for message in letters} == {
        b"\x00key-%d" % number: value for number, value in broken.items()
    }
    assert len(letters) == 100
    origins = {(m.partition(), m.offset()): m.value() for m in read_all(cluster, service.source)}
    for letter in letters:
        headers = headers_of(letter)
        assert headers["own"] == b"1"
        assert headers["headrace-stream"] == service.name.encode()
        assert headers["headrace-topic"] == service.source.encode()
        assert origins[int(headers["headrace-partition"]), int(headers["headrace-offset"])] == letter.value()
    errors = Counter(headers_of(letter)["headrace-error"].split(b":")[0] for letter in letters)
    assert errors == Counter({b"DecodeError": 34, b"TypeMismatchError": 33, b"ValueError": 33})
    raised = next(headers_of(m) for m in letters if b"13}" in (m.value() or b""))
    assert raised["headrace-error"] == b"ValueError: thirteen"
    assert b"transform.py" in raised["headrace-traceback"]
    assert counted(cluster, service) == Counter({"in": 10_000, "out": 9_900, "failed": 100})


def test_skip_drops_failing_records_and_counts_them(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(on_error="skip")
    fill(cluster, service.source, [*numbered(range(50)), *numbered(range(50, 53), x=13)])
    service.start().caught_up()
    assert ids(read_all(cluster, service.sink)) == once(range(50))
    assert read_all(cluster, f"{service.sink}.dlq") == []
    assert counted(cluster, service) == Counter({"in": 53, "out": 50, "failed": 3})


def test_fail_commits_what_comes_before_the_record_and_stops(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(on_error="fail")
    keys: list[bytes | None] = [b"same partition"] * 60
    fill(cluster, service.source, [*numbered(range(40)), *numbered(range(40, 60), x=13)], keys=keys)
    assert service.start().ended() == 1
    assert "offset 40 failed (line" in service.log
    assert "ValueError: thirteen" in service.log
    assert ids(read_all(cluster, service.sink)) == once(range(40))
    assert service.progress() == 40
    status = json.loads((home("services", service.name) / "replica-0.json").read_text())
    assert "thirteen" in status["error"]


def test_status_and_metrics_say_what_was_done(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service()
    fill(cluster, service.source, [*numbered(range(500)), b"not JSON"])
    service.start().caught_up()
    status = eventually(lambda: (s := service.status())["records_in"] == 501 and s)
    assert status["state"] == "running"
    assert (status["records_out"], status["failed"], status["late"], status["lag"]) == (500, 1, 0, 0)
    assert status["in_per_s"] > 0
    assert 0 < status["p50_ms"] <= status["p95_ms"] <= status["p99_ms"]
    assert json.loads(service.get("/healthz"))["state"] == "running"
    metrics = service.get("/metrics").decode()
    labels = f'{{replica="0",service="{service.name}"}}'
    assert f"headrace_records_in_total{labels} 501.0" in metrics
    assert f"headrace_records_failed_total{labels} 1.0" in metrics
    for name in ("headrace_batch_records", "headrace_transaction_seconds", "headrace_processing_seconds"):
        assert f"{name}_count{labels}" in metrics
    for name in ("headrace_lag_records", "headrace_latency_seconds", "headrace_state", "headrace_in_per_second"):
        assert f"\n{name}{{" in metrics
    lines = [json.loads(line) for line in service.log.splitlines()]
    assert all({"time", "level", "service", "replica", "message"} <= line.keys() for line in lines)


def test_counts_start_again_with_another_deployment_and_its_start_is_used(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service()
    keys: list[bytes | None] = [b"same partition"] * 20
    fill(cluster, service.source, numbered(range(20)), keys=keys)
    (place,) = {message.partition() for message in read_all(cluster, service.source)}
    deployment = tmp_path / "deployment.json"
    service.environment["HEADRACE_DEPLOYMENT"] = str(deployment)
    for deploy, start, expected in (("d1", 0, 20), ("d2", 15, 5), ("d2", 0, 6)):
        deployment.write_text(json.dumps({"service": service.name, "deploy": deploy, "start": {place: start}}))
        service.start()
        eventually(partial(has_taken, cluster, service, expected), 30)
        assert service.terminate()[0] == 0
        if expected == 5:
            fill(cluster, service.source, numbered(range(20, 21)), keys=[b"same partition"])
    assert ids(read_all(cluster, service.sink)) == once(range(21)) + once(range(15, 20))

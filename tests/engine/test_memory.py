"""Memory does not grow with the size of records, nor with how many of them wait."""

from __future__ import annotations

import json
from collections.abc import Callable

import psutil
import pytest

from headrace.kafka.clusters import Cluster
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

COUNT = 600
LENGTH = 900_000
MOST_MB = 600
"""The process itself with what batches take is about 400 MB here; all records once beside it would be 700."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("delivery", ["exactly-once", "at-least-once"])
def test_records_of_900_kb_take_no_more_memory_than_a_batch_of_them(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], delivery: str
) -> None:
    body = "return df.assign(length=df.text.str.len())"
    service = make_service(body, types={"id": "int64", "text": "str"}, delivery=delivery)
    text = "0123456789" * (LENGTH // 10)
    for first in range(0, COUNT, 100):  # a producer holds what it has not sent
        fill(cluster, service.source, [json.dumps({"id": first + n, "text": text}).encode() for n in range(100)])
    service.start()
    process = psutil.Process(service.running.pid)
    peak = 0

    def done() -> bool:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)
        return service.progress() == COUNT

    eventually(done, 180, interval=0.02)
    eventually(lambda: service.status()["records_out"] == COUNT, 10)
    ids = sorted(json.loads(message.value() or b"")["id"] for message in read_all(cluster, service.sink))
    assert ids == list(range(COUNT))
    assert peak < MOST_MB * 1024 * 1024, f"{peak / 2**20:.0f} MB"

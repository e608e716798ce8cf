"""What a service's metrics say, of real services and of counts made by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from headrace.engine.result import BatchResult
from headrace.engine.service.metrics import ServiceMetrics
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic, watermarks
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}
SUMS = """
if (df.x < 0).any():
    raise ValueError("below nothing")
return df.groupby(["window_start", "k"]).agg(x=("x", "sum")).reset_index()
"""
IDLE_SECONDS = 2
MARKS = 40
"""Offsets that an idle first stage writes in a few seconds."""


def samples(text: bytes) -> dict[tuple[str, str, str], float]:
    """Return Prometheus' samples by name, topic and partition or quantile."""
    return {
        (
            sample.name,
            sample.labels.get("topic", ""),
            sample.labels.get("partition", sample.labels.get("quantile", "")),
        ): (sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if "_bucket" not in sample.name and sample.name != "headrace_state"
    }


def at(minute: int, x: int, key: str = "a") -> bytes:
    return json.dumps({"k": key, "t": f"2026-01-01T00:{minute:02}:30Z", "x": x}).encode()


def send_to_each(cluster: Cluster, topic: str, value: bytes) -> None:
    """Produce ``value`` to each of the four partitions."""
    producer = Producer({"bootstrap.servers": cluster.address})
    for number in range(4):
        producer.produce(topic, value, b"a", partition=number)
    assert producer.flush(20) == 0


def result_of(timestamps: list[int]) -> BatchResult:
    count = len(timestamps)
    return BatchResult(
        parts=[],
        source=np.arange(count),
        values=[b"{}"] * count,
        keys=[None] * count,
        timestamps=np.array(timestamps, np.int64),
        headers=None,
        failures=[],
        dropped=Counter(),
        before=pd.DataFrame(),
        before_positions=np.arange(count),
    )


@pytest.mark.timeout(120)
def test_windows_that_the_clock_closes_are_counted_and_were_as_slow_as_they_were(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(
        SUMS, types=TYPES, key="k", time="t", window="tumbling=1min", grace="0s", idle=f"{IDLE_SECONDS}s"
    )
    create_topic(cluster, f"{service.sink}.late", 4)
    # two keys of two partitions: no record closes their windows, only the clock
    fill(cluster, service.source, [at(1, 1), at(1, 2), at(1, -1, key="b")], keys=[b"a", b"a", b"b"])
    assert len({message.partition() for message in read_all(cluster, service.source)}) == 2
    service.start().caught_up()
    status = eventually(lambda: (found := service.status())["failed"] == 1 and found["records_out"] == 1 and found)
    assert len(read_all(cluster, service.sink)) == 1
    assert len(read_all(cluster, f"{service.sink}.dlq")) == 1
    found = samples(service.get("/metrics"))
    assert found["headrace_records_out_total", "", ""] == 1
    assert found["headrace_records_failed_total", "", ""] == 1
    assert found["headrace_batch_records_sum", "", ""] == 3  # time that passes is no batch of records
    assert found["headrace_transaction_seconds_count", "", ""] > found["headrace_batch_records_count", "", ""]
    assert status["out_per_s"] > 0
    assert status["p50_ms"] >= IDLE_SECONDS * 1000
    assert found["headrace_latency_seconds", "", "0.5"] >= IDLE_SECONDS
    assert status["transaction_ms"] > 0
    assert 1 <= status["batch_records"] <= 3


@pytest.mark.timeout(120)
def test_a_row_that_waits_for_the_grace_is_as_slow_as_it_was(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service("return df", types=TYPES, key="k", time="t", lookback="1h", grace="10min", idle="1h")
    send_to_each(cluster, service.source, at(1, 1))
    service.start().caught_up()
    status = eventually(lambda: (found := service.status())["records_in"] == 4 and found)
    assert (status["records_out"], status["p50_ms"]) == (0, None)
    send_to_each(cluster, service.source, at(30, 2))
    status = eventually(lambda: (found := service.status())["records_out"] == 4 and found)
    came = [message.timestamp()[1] for message in read_all(cluster, service.source)]
    assert status["p50_ms"] >= max(came) - min(came) > 0
    assert status["remembered_rows"] == 8
    assert status["remembered_bytes"] > 0
    assert status["watermark_delay_s"] > 0


@pytest.mark.timeout(120)
def test_both_stages_of_a_repartition_say_how_far_behind_they_are(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service("return df", types=TYPES, key="k", time="t", lookback="1h", idle="1s", repartition=True)
    between = names.repartition_topic(service.name, "k")
    create_topic(cluster, between, 2)
    fill(cluster, service.source, [at(minute, minute) for minute in range(50)])
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == 50, 60)
    eventually(lambda: service.status()["lag"] == 0)
    found = samples(service.get("/metrics"))
    lags = {key[1:]: value for key, value in found.items() if key[0] == "headrace_lag_records"}
    places = [(service.source, str(number)) for number in range(4)] + [(between, "0"), (between, "1")]
    assert lags == dict.fromkeys(places, 0.0)
    assert found["headrace_records_in_total", "", ""] == 50
    assert found["headrace_records_out_total", "", ""] == 50


@pytest.mark.timeout(120)
@pytest.mark.parametrize("spec", [{"lookback": "1h"}, {"window": "tumbling=1min"}], ids=["lookback", "window"])
def test_an_idle_service_of_two_stages_has_no_lag(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], spec: dict[str, str]
) -> None:
    """Its first stage goes on telling the second by marks how late it is: each leaves that of its transaction."""
    service = make_service("return df", types=TYPES, key="k", time="t", idle="1s", repartition=True, **spec)
    between = names.repartition_topic(service.name, "k")
    create_topic(cluster, between, 4)
    fill(cluster, service.source, [at(minute, minute, key=f"k{minute}") for minute in range(50)])
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == 50, 60)
    eventually(lambda: service.status()["lag"] == 0)
    before, lags = written(cluster, between), list[int]()

    def many_marks() -> bool:
        lags.append(service.status()["lag"])
        return written(cluster, between) >= before + MARKS

    eventually(many_marks, 60)
    assert set(lags) == {0}


def written(cluster: Cluster, topic: str) -> int:
    """Return how many offsets a topic has, marks of transactions included."""
    return sum(high for _, high in watermarks(cluster, topic).values())


def test_the_lag_of_both_stages_is_summed() -> None:
    metrics = ServiceMetrics("s", 0, None, "")
    metrics.lag = {"source": {0: 3, 1: 4}, "between": {0: 5}}
    assert metrics.status()["lag"] == 12
    found = samples(metrics.text())
    assert [found["headrace_lag_records", *place] for place in (("source", "1"), ("between", "0"))] == [4, 5]


def test_without_outputs_there_is_no_latency_and_without_batches_no_mean() -> None:
    metrics = ServiceMetrics("s", 0, None, "")
    assert {name: metrics.status()[name] for name in ("p99_ms", "batch_records", "transaction_ms")} == {
        "p99_ms": None,
        "batch_records": None,
        "transaction_ms": None,
    }
    for records in (100, 300, 0):
        metrics.batch(records, result_of([]), role="whole", processing_seconds=0.1, delivery_seconds=0.02)
    status = metrics.status()
    assert (status["p99_ms"], status["batch_records"], status["transaction_ms"]) == (None, 200, 20)
    metrics.batch(1, result_of([0]), role="whole", processing_seconds=0.1, delivery_seconds=0.02)
    assert metrics.status()["p99_ms"] is not None

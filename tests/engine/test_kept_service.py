"""Services whose topic forgets: killed, their disk emptied, the log gone, and still equal to pandas on the whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

import numpy as np
import orjson
import pandas as pd
import pytest
from confluent_kafka import TopicPartition

from headrace.home import home
from headrace.kafka.clients import admin
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, create_topic, list_topics, watermarks
from headrace.spec import names
from late_flights import MEAN, TYPES, flights, outputs, rolling_means, values_of
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

COUNT = 36_000
HOUR = {"retention.ms": "3600000"}
DECLARED = {"key": "tailnum", "time": "time", "grace": "2h", "idle": "2s"}
LAST_50 = """
by_tail = df.sort_values("tailnum", kind="stable")
rolling = by_tail.groupby("tailnum", dropna=False)["dep_delay"].rolling(51, min_periods=1)
return by_tail.assign(mean=rolling.mean().to_numpy()).sort_index()[["number", "tailnum", "mean"]]
"""
BY_TWENTY = """
grouped = df.groupby("tailnum", dropna=False)
return grouped.agg(first=("number", "first"), last=("number", "last"), rows=("number", "size")).reset_index()
"""

MakeService = Callable[..., ServiceProcess]


def forget(cluster: Cluster, topic: str, group: str) -> None:
    """Delete what a group has committed from its topic's log, and see to it that it is gone."""
    places = committed(cluster, group, topic)
    wanted = [TopicPartition(topic, number, place.offset) for number, place in places.items()]
    for deleted in admin(cluster).delete_records(wanted).values():
        deleted.result(30)
    lows = {number: low for number, (low, _) in watermarks(cluster, topic).items()}
    assert all(lows[number] == place.offset for number, place in places.items())
    assert sum(lows.values()) > 0


def stages(service: ServiceProcess) -> dict[str, str]:
    """Return the topic that each stage reads, by its group."""
    group, repartition = names.group_id(service.name), names.repartition_topic(service.name, "tailnum")
    found = {group: service.source}
    if repartition in {topic.name for topic in list_topics(service.cluster)}:
        found[f"{group}.by-key"] = repartition
    return found


def progress(service: ServiceProcess) -> int:
    """Return the sum of the offsets that the last stage has committed."""
    group, topic = list(stages(service).items())[-1]
    return sum(place.offset for place in committed(service.cluster, group, topic).values())


def has_passed(service: ServiceProcess, place: int) -> bool:
    return progress(service) > place


def run_and_lose_everything(service: ServiceProcess) -> None:
    """Twice: let the service go on a while, kill it, empty its disk, and let the log forget what was read of it."""
    for _ in range(2):
        enough = progress(service) + COUNT // 4
        service.start()
        eventually(partial(has_passed, service, enough), 60, interval=0.02)
        service.kill()
        for folder in home("services", service.name).glob("state-*"):
            shutil.rmtree(folder)
        for group, topic in stages(service).items():
            forget(service.cluster, topic, group)
    assert service.progress() < COUNT, "all was done before the log was gone"


def last_50(frame: pd.DataFrame, cluster: Cluster, source: str) -> pd.Series:
    """Return what pandas gives on the whole for :data:`LAST_50`, by number."""
    place = {
        orjson.loads(message.value() or b"null")["number"]: (message.partition(), message.offset())
        for message in read_all(cluster, source)
    }
    placed = frame.assign(place=pd.Series([place[number] for number in frame.number.tolist()], dtype=object))
    whole = placed.sort_values(["tailnum", "time", "place"], kind="stable", ignore_index=True)
    rolling = whole.groupby("tailnum", dropna=False)["dep_delay"].rolling(51, min_periods=1).mean()
    return pd.Series(rolling.to_numpy(), index=whole.number).sort_index()


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
@pytest.mark.parametrize(
    ("lookback", "body", "expected"),
    [("28d", MEAN, rolling_means), ("50rows", LAST_50, last_50)],
    ids=["28d", "50rows"],
)
@pytest.mark.timeout(300)
def test_a_lookback_outlives_the_log_and_the_disk(
    cluster: Cluster,
    make_service: MakeService,
    lookback: str,
    body: str,
    expected: Callable[..., pd.Series],
    repartition: bool,  # noqa: FBT001
) -> None:
    service = make_service(
        body,
        types=TYPES,
        arguments=("--max-rate", "5000"),
        source_config=HOUR,
        repartition=repartition,
        lookback=lookback,
        **DECLARED,
    )
    if repartition:
        create_topic(cluster, names.repartition_topic(service.name, "tailnum"), 4, HOUR)
    frame = flights(COUNT)
    values, keys = values_of(frame)
    keys = [b"%d" % (number // 100) for number in range(COUNT)] if repartition else keys
    fill(cluster, service.source, values, keys=keys)
    wanted = expected(frame, cluster, service.source)
    run_and_lose_everything(service)
    service.arguments = ()
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == COUNT, 60)
    found = outputs(cluster, service.sink).sort_values("number", ignore_index=True)
    assert found.number.tolist() == list(range(COUNT))
    np.testing.assert_allclose(found["mean"].astype(float), wanted, rtol=1e-9, atol=1e-9)
    assert "no longer in the log" not in service.log


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
@pytest.mark.timeout(300)
def test_counted_windows_outlive_the_log_and_the_disk(
    cluster: Cluster,
    make_service: MakeService,
    repartition: bool,  # noqa: FBT001
) -> None:
    service = make_service(
        BY_TWENTY, types=TYPES, arguments=("--max-rate", "5000"), repartition=repartition, window="count=20", **DECLARED
    )
    create_topic(cluster, f"{service.sink}.late", 4)
    if repartition:
        create_topic(cluster, names.repartition_topic(service.name, "tailnum"), 4)
    frame = flights(COUNT)
    frame = frame.assign(time=frame.time + pd.to_timedelta(frame.number, unit="ms"))  # no two at the same time
    values, keys = values_of(frame)
    values = [
        (value or b"").replace(b'Z","dep', b'.%03dZ","dep' % (number % 1000)) for number, value in enumerate(values)
    ]
    keys = [b"%d" % (number // 100) for number in range(COUNT)] if repartition else keys
    fill(cluster, service.source, values, keys=keys)
    run_and_lose_everything(service)
    service.arguments = ()
    service.start().caught_up()
    whole = frame.sort_values(["tailnum", "time"], kind="stable", ignore_index=True)
    whole["window"] = whole.groupby("tailnum", dropna=False).cumcount() // 20
    grouped = whole.groupby(["tailnum", "window"], dropna=False)
    wanted = grouped.agg(first=("number", "first"), last=("number", "last"), rows=("number", "size")).reset_index()
    wanted = wanted[wanted.rows == 20].drop(columns="window")

    def complete() -> bool:
        status = service.status()
        assert status["records_out"] >= len(wanted), f"{len(wanted)} wanted: {status}"
        return True

    eventually(complete, 120)
    found = outputs(cluster, service.sink)
    order = ["first", "last"]
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True)[wanted.columns.tolist()],
        wanted.sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    assert outputs(cluster, f"{service.sink}.late").empty


@pytest.mark.timeout(300)
def test_another_replica_takes_over_what_the_log_has_forgotten(cluster: Cluster, make_service: MakeService) -> None:
    slowly = ("--max-rate", "1500")
    service = make_service(MEAN, types=TYPES, arguments=slowly, source_config=HOUR, lookback="28d", **DECLARED)
    other = ServiceProcess(
        service.folder, cluster, ("--replica", "1", *slowly), source=service.source, sink=service.sink
    )
    frame = flights(COUNT)
    values, keys = values_of(frame)
    fill(cluster, service.source, values, keys=keys)
    wanted = rolling_means(frame, cluster, service.source)
    try:
        service.start()
        eventually(lambda: progress(service) > COUNT // 4, 60, interval=0.02)
        forget(cluster, service.source, names.group_id(service.name))
        other.start()  # takes some of the partitions
        eventually(lambda: "reading the past of a partition" in service.log, 60)
        before = progress(service)
        eventually(lambda: progress(service) > before + COUNT // 8, 60, interval=0.02)
        service.kill()
        forget(cluster, service.source, names.group_id(service.name))
        assert service.progress() < COUNT, "all was done before a replica was lost"
        other.caught_up()  # and in the end all of them
        eventually(lambda: len(outputs(cluster, service.sink)) == COUNT, 60)
    finally:
        other.kill()
    found = outputs(cluster, service.sink).sort_values("number", ignore_index=True)
    assert found.number.tolist() == list(range(COUNT))
    np.testing.assert_allclose(found["mean"].astype(float), wanted, rtol=1e-9, atol=1e-9)

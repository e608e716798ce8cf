"""Streams that remember, as services on the real broker: killed, and still equal to pandas on the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import names
from late_flights import MEAN, TYPES, flights, outputs, rolling_means, values_of
from service_process import ServiceProcess, fill
from waiting import eventually

COUNT = 60_000
TOTALS = """
grouped = df.groupby(["window_start", "tailnum"], dropna=False)
return grouped.agg(delay=("dep_delay", "sum"), flights=("number", "size")).reset_index()
"""


def run_with_kills(service: ServiceProcess, kills: int) -> None:
    progress = 0
    for _ in range(kills):
        service.start()
        eventually(service.progressed_past(progress), 60, interval=0.02)
        service.kill()
        progress = service.progress()
    service.arguments = ()
    service.start().caught_up()


@pytest.mark.timeout(300)
def test_a_lookback_of_28_days_equals_pandas_after_kills(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    declared = {"key": "tailnum", "time": "time", "lookback": "28d", "grace": "2h", "idle": "2s"}
    service = make_service(MEAN, types=TYPES, arguments=("--max-rate", "15000"), **declared)
    frame = flights(COUNT)
    values, keys = values_of(frame)
    fill(cluster, service.source, values, keys=keys)
    run_with_kills(service, 3)
    eventually(lambda: service.status()["records_out"] == COUNT, 60)
    found = outputs(cluster, service.sink).sort_values("number", ignore_index=True)
    assert found.number.tolist() == list(range(COUNT))
    np.testing.assert_allclose(
        found["mean"].astype(float), rolling_means(frame, cluster, service.source), rtol=1e-9, atol=1e-9
    )
    status = service.status()
    assert (status["records_in"], status["records_out"], status["failed"], status["late"]) == (COUNT, COUNT, 0, 0)
    assert status["remembered_rows"] > 1_000
    assert status["watermark_delay_s"] > 0
    metrics = service.get("/metrics").decode()
    names_of_metrics = {line.split("{")[0] for line in metrics.splitlines() if not line.startswith("#")}
    assert names_of_metrics >= {
        "headrace_records_late_total",
        "headrace_watermark_delay_seconds",
        "headrace_remembered_rows",
        "headrace_remembered_bytes",
        "headrace_restoring_records",
    }


@pytest.mark.timeout(300)
def test_windows_of_six_hours_equal_pandas_after_kills(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    declared = {"key": "tailnum", "time": "time", "window": "tumbling=6h", "grace": "2h", "idle": "2s"}
    service = make_service(TOTALS, types=TYPES, arguments=("--max-rate", "15000"), **declared)
    create_topic(cluster, f"{service.sink}.late", 4)
    frame = flights(COUNT)
    values, keys = values_of(frame)
    fill(cluster, service.source, values, keys=keys)
    run_with_kills(service, 3)
    wanted = frame.assign(window_start=frame.time.dt.floor("6h")).groupby(["window_start", "tailnum"], dropna=False)
    expected = wanted.agg(delay=("dep_delay", "sum"), flights=("number", "size")).reset_index()
    eventually(lambda: service.status()["records_out"] >= len(expected), 60)
    found = outputs(cluster, service.sink)
    found["window_start"] = pd.to_datetime(found.window_start, utc=True).dt.as_unit("us")
    order = ["window_start", "tailnum"]
    one, other = (
        rows.assign(tailnum=rows.tailnum.fillna("")).sort_values(order, ignore_index=True) for rows in (found, expected)
    )
    assert one[one.duplicated(order, keep=False)].empty
    pd.testing.assert_frame_equal(one, other, check_dtype=False)
    assert outputs(cluster, f"{service.sink}.late").empty


@pytest.mark.timeout(300)
def test_a_key_that_is_not_the_topics_goes_through_a_topic_of_its_own(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    declared = {"key": "tailnum", "time": "time", "lookback": "28d", "grace": "2h", "idle": "2s"}
    service = make_service(MEAN, types=TYPES, arguments=("--max-rate", "15000"), repartition=True, **declared)
    create_topic(cluster, names.repartition_topic(service.name, "tailnum"), 4)
    frame = flights(COUNT)
    values, _ = values_of(frame)
    fill(cluster, service.source, values, keys=[b"%d" % (number // 100) for number in range(COUNT)])
    run_with_kills(service, 3)
    eventually(lambda: service.status()["records_out"] == COUNT, 90)
    found = outputs(cluster, service.sink).sort_values("number", ignore_index=True)
    assert found.number.tolist() == list(range(COUNT))
    np.testing.assert_allclose(
        found["mean"].astype(float), rolling_means(frame, cluster, service.source), rtol=1e-9, atol=1e-9
    )
    status = service.status()
    assert (status["records_in"], status["records_out"], status["failed"], status["late"]) == (COUNT, COUNT, 0, 0)


def all_done(service: ServiceProcess, count: int) -> bool:
    try:
        status = service.status()
    except OSError:  # it is just starting
        return False
    assert status["records_out"] + status["failed"] == count, str(status)
    return True


COUNTED = """
if (df.distance < 0).any():
    raise ValueError(f"{int((df.distance < 0).sum())} below nothing")
return df[["number", "tailnum"]].assign(seen=df.groupby("tailnum", dropna=False).cumcount() + 1)
"""


@pytest.mark.parametrize("repartition", [False, True], ids=["one stage", "two stages"])
@pytest.mark.timeout(300)
def test_a_failed_record_stays_out_of_the_history_after_kills(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    repartition: bool,  # noqa: FBT001
) -> None:
    count = 12_000
    declared = {"key": "tailnum", "time": "time", "lookback": "3650d", "grace": "2h", "idle": "2s"}
    service = make_service(COUNTED, types=TYPES, arguments=("--max-rate", "4000"), repartition=repartition, **declared)
    if repartition:
        create_topic(cluster, names.repartition_topic(service.name, "tailnum"), 4)
    frame = flights(count)
    below = frame.number % 100 == 7
    frame = frame.assign(distance=frame.distance.where(~below, -1))
    values, keys = values_of(frame)
    keys = [b"%d" % (row // 100) for row in range(count)] if repartition else keys
    first = count * 3 // 4
    fill(cluster, service.source, values[:first], keys=keys[:first])
    run_with_kills(service, 3)  # were a failed record in a history, every later one of its key would fail
    eventually(lambda: all_done(service, first), 60)
    service.terminate()  # leaves its history on the disk
    fill(cluster, service.source, values[first:], keys=keys[first:])
    service.start().caught_up()
    eventually(lambda: all_done(service, count), 60)
    found = outputs(cluster, service.sink).sort_values("number", ignore_index=True)
    kept = frame[~below]
    assert found.number.tolist() == kept.number.tolist()
    latest = found.assign(tailnum=found.tailnum.fillna("")).groupby("tailnum").seen.max()
    assert latest.to_dict() == kept.assign(tailnum=kept.tailnum.fillna("")).groupby("tailnum").size().to_dict()
    assert service.status()["failed"] == int(below.sum())
    assert "history recalled" in service.log

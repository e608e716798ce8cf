"""A bounded run beside a service: it gives what the service gives, and touches nothing of it."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from headrace.engine.bounded import run_bounded
from headrace.engine.stream import Stream
from headrace.kafka.clients import admin
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import committed, create_topic, watermarks
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "n": "int64", "x": "int64"}
PLAIN = "return df.assign(double=df.x * 2)"
STEPS = 'return df.assign(step=df.groupby("k")["x"].diff())[["n", "k", "step"]]'
TOTALS = """
spent = df.groupby("k")["x"].cumsum()
before = totals.reindex(df["k"]).fillna(0)["sum"].to_numpy().astype("int64") if "sum" in totals else 0
out = df.assign(sum=spent + before)
return out[["n", "k", "sum"]], out.groupby("k")[["sum"]].last()
"""
KEYS = 40


def records(numbers: range) -> pd.DataFrame:
    """Return rows a second apart, of `KEYS` keys by turns that are not the turns of their values."""
    n = np.arange(numbers.start, numbers.stop)
    time = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(n, unit="s")
    return pd.DataFrame({"k": [f"k{one * 7 % KEYS}" for one in n], "t": time, "n": n, "x": n * n % 1009})


def send(service: ServiceProcess, frame: pd.DataFrame, *, by_key: bool = True) -> None:
    times = frame.t.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = zip(frame.k, times, frame.n.tolist(), frame.x.tolist(), strict=True)
    values: list[bytes | None] = [orjson.dumps({"k": k, "t": t, "n": n, "x": x}) for k, t, n, x in rows]
    keys = [k.encode() if by_key else b"%d" % (n % 11) for k, n in zip(frame.k, frame.n.tolist(), strict=True)]
    fill(service.cluster, service.source, values, keys=keys)


def lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def rows(cluster: Cluster, topic: str) -> list[dict[str, object]]:
    return [orjson.loads(message.value() or b"null") for message in read_all(cluster, topic)]


def run_range(service: ServiceProcess, out: Path, *, end: str | None = None) -> dict[str, object]:
    stream = Stream.from_folder(service.folder)
    return run_bounded(stream, service.cluster, start="earliest", end=end, out=str(out)).model_dump()


def by_number(found: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(found).sort_values("n", ignore_index=True)


def of_the_service(service: ServiceProcess) -> dict[str, object]:
    """Return all that a service has on the cluster: offsets with their metadata, topics' ends, groups."""
    cluster = service.cluster
    places = committed(cluster, names.group_id(service.name), service.source)
    topics = (service.sink, f"{service.sink}.dlq")
    groups = admin(cluster).list_consumer_groups().result().valid
    return {
        "offsets": {number: (place.offset, place.metadata) for number, place in places.items()},
        "ends": {topic: watermarks(cluster, topic) for topic in topics},
        "groups": sorted(group.group_id for group in groups),
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("runs", [True, False], ids=["idle service", "stopped service"])
def test_nothing_of_a_service_changes(
    cluster: Cluster,
    make_service: Callable[..., ServiceProcess],
    tmp_path: Path,
    runs: bool,  # noqa: FBT001
) -> None:
    service = make_service(STEPS, types=TYPES, key="k", time="t", lookback="1rows", idle="1s")
    send(service, records(range(4_000)))
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == 4_000, 60)
    if not runs:
        service.terminate()
    before = of_the_service(service)

    result = run_range(service, tmp_path / "again.jsonl")

    assert (result["records_in"], result["records_out"]) == (4_000, 4_000)
    assert of_the_service(service) == before
    pd.testing.assert_frame_equal(by_number(lines(tmp_path / "again.jsonl")), by_number(rows(cluster, service.sink)))


@pytest.mark.timeout(180)
def test_a_service_under_load_does_not_notice(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service(PLAIN, types=TYPES, arguments=("--max-rate", "4000"))
    first, all_of_them = range(20_000), range(40_000)
    send(service, records(first))
    service.start()
    eventually(service.progressed_past(1_000), 60)
    ends = ",".join(f"{number}:{high}" for number, (_, high) in watermarks(cluster, service.source).items())
    feeder = threading.Thread(target=send, args=(service, records(range(first.stop, all_of_them.stop))))
    feeder.start()
    at_first = service.progress()

    result = run_range(service, tmp_path / "again.jsonl", end=ends)

    assert at_first < service.progress() < all_of_them.stop  # it went on, and was not done
    feeder.join(60)
    service.caught_up()
    assert result["records_in"] == first.stop
    assert [row["n"] for row in sorted(lines(tmp_path / "again.jsonl"), key=lambda row: str(row["n"]))] == sorted(
        first, key=str
    )
    assert Counter(row["n"] for row in rows(cluster, service.sink)) == Counter(all_of_them)
    total: Counter[str] = Counter()
    for place in committed(cluster, names.group_id(service.name), service.source).values():
        content = json.loads(place.metadata)
        total.update({name: content[name] for name in ("in", "out", "failed")})
    assert total == Counter({"in": all_of_them.stop, "out": all_of_them.stop})
    said = [json.loads(line)["message"] for line in service.log.splitlines()]
    assert said.count("partitions assigned") == 1
    assert "partitions revoked" not in said


@pytest.mark.timeout(180)
def test_a_state_is_the_services(cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    service = make_service(TOTALS, types=TYPES, key="k", states=("totals",), states_types={"totals": {"sum": "int64"}})
    frame = records(range(6_000))
    send(service, frame)
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == len(frame), 60)

    run_range(service, tmp_path / "again.jsonl")

    found = by_number(lines(tmp_path / "again.jsonl"))
    pd.testing.assert_frame_equal(found, by_number(rows(cluster, service.sink)))
    assert found["sum"].tolist() == frame.groupby("k")["x"].cumsum().tolist()


@pytest.mark.timeout(180)
def test_a_key_that_is_not_the_topics_needs_no_topic_of_its_own(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service(STEPS, types=TYPES, key="k", time="t", lookback="1rows", idle="1s", repartition=True)
    between = names.repartition_topic(service.name, "k")
    create_topic(cluster, between, 4)
    frame = records(range(6_000))
    send(service, frame, by_key=False)

    run_range(service, tmp_path / "again.jsonl")

    assert all(low == high for low, high in watermarks(cluster, between).values())
    found = by_number(lines(tmp_path / "again.jsonl"))
    assert found.n.tolist() == frame.n.tolist()
    steps = frame.groupby("k")["x"].diff()
    np.testing.assert_array_equal(found.step.astype("float64"), steps)
    service.start().caught_up()
    eventually(lambda: service.status()["records_out"] == len(frame), 60)
    pd.testing.assert_frame_equal(found, by_number(rows(cluster, service.sink)))


@pytest.mark.timeout(180)
def test_the_end_of_a_range_closes_its_windows_with_what_is_in_it(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    body = 'return df.groupby(["window_start", "k"]).agg(x=("x", "sum"), n=("n", "max")).reset_index()'
    service = make_service(body, types=TYPES, key="k", time="t", window="tumbling=1min", grace="10s")
    frame = records(range(600))
    send(service, frame)
    ends = {number: (low + high) // 2 for number, (low, high) in watermarks(cluster, service.source).items()}

    result = run_range(
        service, tmp_path / "half.jsonl", end=",".join(f"{number}:{end}" for number, end in ends.items())
    )

    inside = [
        orjson.loads(message.value() or b"")["n"]
        for message in read_all(cluster, service.source)
        if (message.offset() or 0) < ends[message.partition() or 0]
    ]
    part = frame[frame.n.isin(inside)].assign(window_start=frame.t.dt.floor("1min"))
    wanted = part.groupby(["window_start", "k"]).agg(x=("x", "sum"), n=("n", "max")).reset_index()
    assert 0 < len(part) < len(frame)
    assert (result["records_in"], result["records_out"], result["late"]) == (len(part), len(wanted), 0)
    found = by_number(lines(tmp_path / "half.jsonl"))
    found["window_start"] = pd.to_datetime(found.window_start, utc=True).dt.as_unit("us")
    pd.testing.assert_frame_equal(found[wanted.columns], wanted.sort_values("n", ignore_index=True), check_dtype=False)

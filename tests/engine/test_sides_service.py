"""Side inputs of services on the real broker: a replay gives what live gave, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from headrace.engine.bounded import run_bounded
from headrace.engine.stream import Stream
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, fill, read_all, stream_folder
from waiting import eventually

TYPES: dict[str, ColumnType] = {"place": "str", "time": "datetime64[us, UTC]", "number": "int64"}
SIDE: dict[str, ColumnType] = {"place": "str", "seen": "datetime64[us, UTC]", "degrees": "float64"}
START = pd.Timestamp("2026-03-01T00:00:00", tz="UTC")
COUNT = 6_000
ASOF = """
joined = pd.merge_asof(
    df.sort_values("time", kind="stable"), weather, left_on="time", right_on="seen", by="place",
    tolerance=pd.Timedelta("1h"),
)
return joined.drop(columns=["seen"])
"""
TABLE = """
return df.merge(weather, on="place", how="left").drop(columns=["seen"])
"""


def visits() -> pd.DataFrame:
    """One visit a second at one of ten places."""
    numbers = np.arange(COUNT)
    return pd.DataFrame(
        {
            "place": pd.array([f"p{number % 10}" for number in numbers], dtype="str"),
            "time": (START + pd.to_timedelta(numbers, unit="s")).as_unit("us"),
            "number": numbers,
        }
    )


def weather() -> pd.DataFrame:
    """A reading of each place every ten minutes, and one long before and after."""
    rows = [
        (f"p{place}", START + pd.Timedelta(minutes=minute, seconds=place), minute + place / 10)
        for minute in range(-60, COUNT // 60 + 60, 10)
        for place in range(10)
    ]
    frame = pd.DataFrame(rows, columns=["place", "seen", "degrees"])
    return frame.assign(place=frame.place.astype("str"), seen=frame.seen.dt.as_unit("us"))


def produce(cluster: Cluster, topic: str, frame: pd.DataFrame) -> None:
    times = frame.select_dtypes("datetimetz").columns
    plain = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in times})
    values = [orjson.dumps(row) for row in plain.to_dict("records")]
    fill(cluster, topic, values, keys=[place.encode() for place in frame.place])


def as_of(readings: pd.DataFrame | None = None) -> pd.Series:
    """What plain pandas gives on the whole, by number."""
    whole = pd.merge_asof(
        visits(),
        (weather() if readings is None else readings).sort_values("seen", kind="stable"),
        left_on="time",
        right_on="seen",
        by="place",
        tolerance=pd.Timedelta("1h"),
    )
    return whole.set_index("number").degrees


def degrees(cluster: Cluster, topic: str) -> pd.Series:
    rows = [orjson.loads(message.value() or b"null") for message in read_all(cluster, topic)]
    frame = pd.DataFrame(rows, columns=["number", "degrees"])
    assert frame.number.is_unique
    return frame.set_index("number").sort_index().degrees.astype(float)


@pytest.fixture
def make(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> Callable[..., ServiceProcess]:
    """``make(body, declared, **spec)``: a service, not started; its side topic is ``environment["SIDE"]``."""

    def made(body: str, declared: str, **spec: object) -> ServiceProcess:
        source, sink, side = make_topic("in"), make_topic("out"), make_topic("weather", 3)
        name = f"s{source.replace('-', '_')}"
        create_topic(cluster, f"{sink}.dlq", 4)
        create_topic(cluster, names.state_topic(name), 4, {"cleanup.policy": "compact"})
        argument = side.replace("-", "_")
        folder = stream_folder(
            tmp_path,
            body.replace("weather", argument),
            TYPES,
            name=name,
            source=source,
            sinks=(sink,),
            sides=(f"{side}{declared}",),
            sides_types={side: SIDE},
            matching="row-id",
            **{"key": "place", "time": "time", **spec},
        )
        return ServiceProcess(folder, cluster, source=source, sink=sink, environment={"SIDE": side})

    return made


def all_out(service: ServiceProcess, count: int = COUNT) -> bool:
    try:
        status = service.status()
    except OSError:
        return False
    assert status["records_out"] == count, str(status)
    return True


@pytest.mark.timeout(120)
def test_a_replay_joins_what_live_joined(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    live = make(ASOF, ":1h@seen", wait="60s")
    side, seen = live.environment["SIDE"], weather().sort_values("seen", kind="stable")
    produce(cluster, side, seen[seen.seen < START])
    live.start()
    try:
        eventually(lambda: "partitions assigned" in live.log, 30)
        for part in np.array_split(np.arange(COUNT), 6):  # the weather of a time comes just before its visits
            chosen = visits().iloc[part]
            now = (seen.seen >= chosen.time.min()) & (seen.seen <= chosen.time.max())
            produce(cluster, side, seen[now])
            produce(cluster, live.source, chosen)
        eventually(lambda: all_out(live), 60)
        assert live.status()["sides"]["late"] == 0
        assert live.status()["sides"]["unmet"] == 0
        produce(cluster, side, seen[seen.seen < START].head(7))  # what comes now, live did not join
        eventually(lambda: live.status()["sides"]["late"] == 7, 30)
        assert "a replay would join them" in live.log
    finally:
        live.kill()
    pd.testing.assert_series_equal(degrees(cluster, live.sink), as_of(), check_names=False)


@pytest.mark.timeout(120)
def test_kills_change_nothing(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(ASOF, ":1h@seen")
    service.arguments = ("--max-rate", "2500")
    produce(cluster, service.environment["SIDE"], weather().sort_values("seen", kind="stable"))
    produce(cluster, service.source, visits())
    progress = 0
    try:
        for _ in range(2):
            service.start()
            eventually(service.progressed_past(progress), 60, interval=0.02)
            service.kill()
            progress = service.progress()
        service.start().caught_up()
        eventually(lambda: len(read_all(cluster, service.sink)) == COUNT, 30)
    finally:
        service.kill()
    pd.testing.assert_series_equal(degrees(cluster, service.sink), as_of(), check_names=False)
    out = service.folder.parent / "out.jsonl"
    run_bounded(Stream.from_folder(service.folder), cluster, start="earliest", end=None, out=str(out))
    rows = pd.DataFrame([orjson.loads(line) for line in out.read_bytes().splitlines()])
    found = rows.set_index("number").sort_index().degrees.astype(float)
    pd.testing.assert_series_equal(found, as_of(), check_names=False)


@pytest.mark.timeout(90)
def test_nobody_waits_longer_than_told(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(ASOF, ":1h@seen", wait="1s")
    seen = weather().sort_values("seen", kind="stable")
    side = service.environment["SIDE"]
    produce(cluster, side, seen[seen.seen < START])
    sender = clients.producer(cluster, purpose="test", **{"transactional.id": side})
    sender.init_transactions(30)
    sender.begin_transaction()
    sender.produce(side, b"{}")  # there is more, and nobody knows when it can be read
    sender.flush(30)
    produce(cluster, service.source, visits().head(100))
    service.start()
    try:
        eventually(lambda: all_out(service, 100), 60)
        assert service.status()["sides"]["unmet"] > 0
        assert "going on without it" in service.log
    finally:
        service.kill()
        sender.abort_transaction(30)
    found = degrees(cluster, service.sink)
    assert found.tolist() == as_of(seen[seen.seen < START]).head(100).tolist()


@pytest.mark.timeout(90)
def test_a_table_gives_the_newest_row_of_each_key(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    service = make(TABLE, "")
    side, seen = service.environment["SIDE"], weather()
    first = seen.groupby("place", as_index=False).first()
    produce(cluster, side, seen.sort_values("seen", kind="stable"))
    produce(cluster, side, first.assign(degrees=1.0))
    service.start()
    try:
        produce(cluster, service.source, visits().head(200))
        eventually(lambda: all_out(service, 200), 60)
        produce(cluster, side, first.assign(degrees=2.0))
        fill(cluster, side, [None], keys=[b"p3"])  # a tombstone: the key has no row any more
        produce(cluster, service.source, visits().iloc[200:400])
        eventually(lambda: all_out(service, 400), 60)
    finally:
        service.kill()
    found = degrees(cluster, service.sink)
    assert set(found.loc[:199]) == {1.0}
    later = found.loc[200:]
    assert set(later[later.index % 10 != 3]) == {2.0}
    assert later[later.index % 10 == 3].isna().all()


def shares(service: ServiceProcess, partitions: int) -> bool:
    try:
        return len(service.status()["partitions"]) == partitions
    except OSError:  # it is just starting
        return False


@pytest.mark.timeout(120)
def test_every_replica_has_all_of_a_side_topic(cluster: Cluster, make: Callable[..., ServiceProcess]) -> None:
    one = make(TABLE, "")
    other = ServiceProcess(one.folder, cluster, source=one.source, sink=one.sink, replica=1)
    readings = weather().groupby("place", as_index=False).first()
    produce(cluster, one.environment["SIDE"], readings)
    services = (one, other)
    try:
        for service in services:
            service.start()
        eventually(lambda: all(shares(service, 2) for service in services), 60)
        produce(cluster, one.source, visits().head(400))
        eventually(lambda: sum(service.status()["records_out"] for service in services) == 400, 60)
        told = [service.status() for service in services]
    finally:
        for service in services:
            service.kill()
    assert all(status["records_out"] > 0 for status in told)
    assert [status["sides"]["rows"] for status in told] == [10, 10]
    expected = visits().head(400).merge(readings, on="place").set_index("number").degrees
    pd.testing.assert_series_equal(degrees(cluster, one.sink), expected, check_names=False)

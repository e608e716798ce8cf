"""Side inputs of several replicas: read in full by each, or shared out as the stream is, over rescales alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from headrace.engine.function import load_folder
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import infer_types
from headrace.kafka.pins import pinned_sample
from headrace.kafka.topics import create_topic
from headrace.proof.examine import examine
from headrace.proof.room import run_clean
from headrace.proof.side_samples import pinned_sides
from headrace.spec import ColumnType, StreamDocument, names, read_document, to_yaml
from service_process import ServiceProcess, fill, read_all, stream_folder
from waiting import eventually

TYPES: dict[str, ColumnType] = {"place": "str", "time": "datetime64[us, UTC]", "number": "int64"}
SIDE: dict[str, ColumnType] = {"place": "str", "seen": "datetime64[us, UTC]", "degrees": "float64"}
START = pd.Timestamp("2026-03-01", tz="UTC")
COUNT, PLACES = 6_000, 12
WAVE = COUNT // 3
"""Visits that are there before the first replica, between the rescales, and after the last."""
ASOF = """
joined = pd.merge_asof(
    df.sort_values("time", kind="stable"), weather, left_on="time", right_on="seen", by="place",
    tolerance=pd.Timedelta("1h"),
)
return joined.drop(columns=["seen"])
"""
MEAN = """
return df.assign(degrees=weather["degrees"].mean())
"""


def visits() -> pd.DataFrame:
    """One visit a second at one of twelve places."""
    numbers = np.arange(COUNT)
    places = pd.array([f"p{number % PLACES}" for number in numbers], dtype="str")
    time = (START + pd.to_timedelta(numbers, unit="s")).as_unit("us")
    return pd.DataFrame({"place": places, "time": time, "number": numbers})


def weather() -> pd.DataFrame:
    """A reading of each place every ten minutes."""
    rows = [
        (f"p{place}", START + pd.Timedelta(minutes=minute, seconds=place), minute + place / 10 + 0.05)
        for minute in range(-60, COUNT // 60 + 60, 10)
        for place in range(PLACES)
    ]
    frame = pd.DataFrame(rows, columns=["place", "seen", "degrees"])
    return frame.assign(place=frame.place.astype("str"), seen=frame.seen.dt.as_unit("us"))


def produce(cluster: Cluster, topic: str, frame: pd.DataFrame, keys: pd.Series | None = None) -> None:
    times = frame.select_dtypes("datetimetz").columns
    plain = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in times})
    fill(
        cluster,
        topic,
        [orjson.dumps(row) for row in plain.to_dict("records")],
        keys=[key.encode() for key in (frame.place if keys is None else keys)],
    )


def as_of() -> pd.Series:
    """What plain pandas gives on the whole, by number."""
    right = weather().sort_values("seen", kind="stable")
    tolerance = pd.Timedelta("1h")
    whole = pd.merge_asof(visits(), right, left_on="time", right_on="seen", by="place", tolerance=tolerance)
    return whole.set_index("number").degrees


@pytest.fixture
def make(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> Callable[..., ServiceProcess]:
    """``make(divided, body=ASOF, **spec)``: a service over filled topics, its side topic in ``environment["SIDE"]``."""

    def made(*, divided: bool, body: str = ASOF, by_place: bool = True, **spec: object) -> ServiceProcess:
        source, sink, side = make_topic("in"), make_topic("out"), make_topic("weather", 4)
        name = f"s{source.replace('-', '_')}"
        create_topic(cluster, f"{sink}.dlq", 4)
        produce(cluster, source, visits().head(WAVE))
        rows = weather().sort_values("seen", kind="stable")
        produce(cluster, side, rows, None if by_place else rows.seen.astype("str"))
        if spec.get("lookback"):
            create_topic(cluster, names.state_topic(name), 4, {"cleanup.policy": "compact"})
        if spec.get("repartition"):
            create_topic(cluster, names.repartition_topic(name, "place"), 4)
        folder = stream_folder(
            tmp_path,
            body.replace("weather", side.replace("-", "_")),
            TYPES,
            name=name,
            source=source,
            sinks=(sink,),
            sides=(f"{side}@seen",),
            sides_types={side: SIDE},
            copartitioned={side: 4} if divided else {},
            **{"matching": "row-id", "key": "place", "time": "time", **spec},
        )
        return ServiceProcess(folder, cluster, environment={"SIDE": side}, source=source, sink=sink)

    return made


def side_rows(service: ServiceProcess) -> int:
    try:
        sides = service.status()["sides"]
    except OSError:
        return -1
    return int(sides["rows"]) if sides else -1


def partitions_of(service: ServiceProcess) -> int:
    """Return how many partitions a replica has of the stream, by its metrics."""
    try:
        metrics = service.get("/metrics").decode()
    except OSError:
        return -1
    return sum(line.startswith("headrace_lag_records{") for line in metrics.splitlines())


@pytest.mark.parametrize(
    "spec",
    [
        {"divided": False},
        {"divided": True},
        {"divided": True, "lookback": "10min"},
    ],
    ids=["in full", "shared out", "shared out with a lookback"],
)
@pytest.mark.timeout(180)
def test_two_replicas_and_rescales_equal_pandas(
    spec: dict[str, object], cluster: Cluster, make: Callable[..., ServiceProcess]
) -> None:
    first = make(**spec)
    second = ServiceProcess(first.folder, cluster, source=first.source, sink=first.sink, replica=1)
    whole = len(weather())

    def shared() -> bool:
        return side_rows(second) + (side_rows(first) if spec["divided"] else 0) == whole

    try:
        first.start()
        eventually(lambda: len(read_all(cluster, first.sink)) == WAVE, 60)
        eventually(lambda: side_rows(first) == whole, 30)
        second.start()
        eventually(lambda: partitions_of(first) == partitions_of(second) == 2, 60)
        produce(cluster, first.source, visits().iloc[WAVE : 2 * WAVE])
        eventually(shared, 60)
        assert (0 < side_rows(first) < whole) == spec["divided"]
        eventually(lambda: len(read_all(cluster, first.sink)) == 2 * WAVE, 60)
        second.kill()
        produce(cluster, first.source, visits().iloc[2 * WAVE :])
        eventually(lambda: len(read_all(cluster, first.sink)) == COUNT, 90)
        eventually(lambda: side_rows(first) == whole, 30)
    finally:
        first.kill()
        second.kill()
    rows = [orjson.loads(message.value() or b"") for message in read_all(cluster, first.sink)]
    found = pd.DataFrame(rows).set_index("number").sort_index()
    assert found.index.is_unique
    pd.testing.assert_series_equal(found.degrees.astype(float), as_of(), check_names=False)


def examined(service: ServiceProcess) -> tuple[StreamDocument, StreamDocument]:
    """Return what a preview finds of a service's cell, and what the clean room confirms."""
    given, cluster = read_document(service.folder), service.cluster
    sample = pinned_sample(cluster, service.source, "first:600")
    inferred = infer_types(cluster, service.source)
    sides = pinned_sides(cluster, given.spec, inferred, sample)
    found = examine(given.spec, load_folder(service.folder), inferred, sample.records, sides=sides)
    candidate = given.model_copy(update={"copartitioned": dict(sides.divided)})
    (service.folder / "stream.yaml").write_text(to_yaml(candidate), encoding="utf-8")
    clean = run_clean(service.folder, sample.records, sides.records)
    return found.stream.document, given.model_copy(update={"copartitioned": clean.copartitioned})


@pytest.mark.timeout(120)
def test_the_check_finds_out_whether_a_side_topic_can_be_shared_out(make: Callable[..., ServiceProcess]) -> None:
    joined = make(divided=False)
    side = joined.environment["SIDE"]
    found, confirmed = examined(joined)
    assert found.copartitioned == confirmed.copartitioned == {side: 4}
    assert StreamDocument.model_validate(found.model_dump()).copartitioned == {side: 4}


@pytest.mark.timeout(120)
def test_a_cell_that_uses_rows_of_all_keys_gets_all_of_them(make: Callable[..., ServiceProcess]) -> None:
    found, confirmed = examined(make(divided=False, body=MEAN))
    assert found.copartitioned == confirmed.copartitioned == {}


@pytest.mark.timeout(120)
def test_a_side_topic_that_stands_by_another_key_is_read_in_full(make: Callable[..., ServiceProcess]) -> None:
    found, confirmed = examined(make(divided=False, by_place=False))
    assert found.copartitioned == confirmed.copartitioned == {}

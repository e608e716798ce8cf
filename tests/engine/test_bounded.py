"""A range of the log through a stream folder, beside whatever else runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from headrace.engine.bounded.ranges import ranges_of
from headrace.errors import UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import watermarks
from headrace.spec import ColumnType
from service_process import ServiceProcess, fill, read_all

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}
SUMS = 'return df.groupby(["window_start", "k"])["x"].sum().reset_index()'
STEPS = 'return df.assign(step=df.groupby("k")["x"].diff())[["x", "step"]]'


def values(count: int) -> list[bytes | None]:
    return [
        orjson.dumps({"k": "a", "t": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z", "x": number})
        for number in range(count)
    ]


def bounded(service: ServiceProcess, *words: str) -> tuple[int, str, str]:
    command = [
        sys.executable,
        "-m",
        "headrace",
        "run",
        str(service.folder),
        "--cluster",
        service.cluster.address,
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def make(make_service: Callable[..., ServiceProcess], cluster: Cluster, body: str, **spec: str) -> ServiceProcess:
    service = make_service(body, types=TYPES, key="k", time="t", **spec)
    fill(cluster, service.source, values(200), keys=[b"a"] * 200)
    return service


def test_a_range_goes_to_a_file_and_every_window_closes(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make(make_service, cluster, SUMS, window="tumbling=1min")
    out = tmp_path / "sums.jsonl"
    status, text, errors = bounded(service, "--from", "earliest", "--out", str(out), "--json")
    assert status == 0, errors
    result = json.loads(text)
    assert (result["records_in"], result["records_out"], result["failed"], result["late"]) == (200, 4, 0, 0)
    sums = [orjson.loads(line)["x"] for line in out.read_bytes().splitlines()]
    assert sums == [sum(range(60)), sum(range(60, 120)), sum(range(120, 180)), sum(range(180, 200))]
    assert sorted(path.name for path in tmp_path.glob("sums*")) == ["sums.jsonl"]


def test_a_lookback_knows_what_came_before_the_range(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make(make_service, cluster, STEPS, lookback="1rows")
    (place,) = {message.partition() for message in read_all(cluster, service.source)}
    topic = f"{service.sink}-again"
    words = ("--from", f"{place}:50", "--to", f"{place}:60", "--out", topic, "--json")
    status, text, errors = bounded(service, *words)
    assert status == 0, errors
    assert json.loads(text)["records_in"] == 10
    found = [orjson.loads(message.value() or b"") for message in read_all(cluster, topic)]
    assert found == [{"x": number, "step": 1.0} for number in range(50, 60)]
    assert read_all(cluster, service.sink) == []


def test_a_range_that_cannot_be_is_refused(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make(make_service, cluster, STEPS, lookback="1rows")
    assert bounded(service, "--from", "earliest")[0] == 2
    assert bounded(service, "--from", "yesterday", "--out", "x.jsonl")[0] == 2
    status, _, errors = bounded(service, "--from", "9:1", "--out", "x.jsonl")
    assert status == 2
    assert "has no partition 9" in errors


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("0:10", "1:20", "--to 1:20 ends partition 1 of `{topic}`, which --from 0:10 leaves out"),
        ("0:0,0:5", None, "`0:0,0:5` names partition 0 twice"),
        ("earliest", "1:0,0:1,1:0", "`1:0,0:1,1:0` names partition 1 twice"),
    ],
)
def test_a_range_that_contradicts_itself_is_refused(
    cluster: Cluster, make_topic: Callable[..., str], start: str, end: str | None, said: str
) -> None:
    topic = make_topic("ranged")
    with pytest.raises(UsageError) as raised:
        ranges_of(cluster, topic, start, end)
    assert said.format(topic=topic) in str(raised.value)


def test_offsets_end_their_partitions_and_the_others_end_where_the_log_does(
    cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    topic = make_topic("ranged", 2)
    fill(cluster, topic, [b"{}"] * 200, keys=[b"%d" % number for number in range(200)])
    ends = {number: high for number, (_, high) in watermarks(cluster, topic).items()}
    assert ranges_of(cluster, topic, "earliest", "0:5")[0] == {0: (0, 5), 1: (0, ends[1])}
    assert ranges_of(cluster, topic, "1:3", "latest")[0] == {1: (3, ends[1])}


@pytest.mark.parametrize("start", ["latest", "2999-01-01"])
def test_a_range_without_records_is_said(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path, start: str
) -> None:
    service = make(make_service, cluster, STEPS, lookback="1rows")
    status, text, errors = bounded(service, "--from", start, "--out", str(tmp_path / "none.jsonl"), "--json")
    assert status == 0, errors
    assert json.loads(text)["records_in"] == 0
    assert f"The range holds no records: `{service.source}` has none from {start} to its end." in errors


def test_a_range_keeps_to_the_highest_rate(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make(make_service, cluster, "return df", lookback="1h")
    words = ("--from", "earliest", "--out", str(tmp_path / "all.jsonl"), "--json")
    status, text, errors = bounded(service, *words, "--max-rate", "50")
    assert status == 0, errors
    result = json.loads(text)
    assert (result["records_in"], result["records_out"]) == (200, 200)
    assert result["seconds"] > 3.5  # 200 records at 50 a second, but for the first fifth of a second's
    status, text, errors = bounded(service, *words)
    assert status == 0, errors
    assert json.loads(text)["records_in"] == 200

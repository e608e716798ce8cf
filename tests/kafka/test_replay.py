from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import confluent_kafka
import orjson
import polars as pl
import pytest

from headrace.errors import ClusterError, MissingError, UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.records import Records
from headrace.kafka.replay import replay
from headrace.kafka.replay_source import open_source
from headrace.kafka.sampling import take_sample
from headrace.kafka.topics import require_topic

MakeTopic = Callable[..., str]

CSV = """id,when,delay,share,name
1,2026-01-01T00:00:02Z,2,0.5,"a ""quoted"", name"
2,2026-01-01T00:00:00Z,NA,,é
3,2026-01-01T00:00:01Z,-3,1,NA
"""


def sent(cluster: Cluster, topic: str) -> tuple[Records, list[object]]:
    records = take_sample(cluster, topic, "latest:50000").records
    return records, [orjson.loads(value or b"null") for value in records.values]


def test_csv_becomes_json_sorted_by_time(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV, encoding="utf-8")
    topic = make_topic("csv", partitions=1)
    result = replay(cluster, path, topic, key="id", time="when")
    records, rows = sent(cluster, topic)
    assert (result.records, result.created) == (3, False)
    assert records.keys == [b"2", b"3", b"1"]
    assert rows == [
        {"id": 2, "when": "2026-01-01T00:00:00Z", "delay": None, "share": None, "name": "é"},
        {"id": 3, "when": "2026-01-01T00:00:01Z", "delay": -3, "share": 1.0, "name": None},
        {"id": 1, "when": "2026-01-01T00:00:02Z", "delay": 2, "share": 0.5, "name": 'a "quoted", name'},
    ]


def test_parquet_keeps_its_types(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> None:
    frame = pl.DataFrame({"n": [1, None], "x": [float("nan"), 0.5], "flag": [True, None], "at": [0, 1]})
    frame = frame.with_columns(pl.col("at").cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("Europe/Berlin"))
    frame.write_parquet(tmp_path / "rows.parquet")
    topic = make_topic("parquet", partitions=1)
    replay(cluster, tmp_path / "rows.parquet", topic)
    assert sent(cluster, topic)[1] == [
        {"n": 1, "x": None, "flag": True, "at": "1970-01-01T00:00:00.000000Z"},
        {"n": None, "x": 0.5, "flag": None, "at": "1970-01-01T00:00:00.001000Z"},
    ]


def test_json_lines_go_out_byte_for_byte(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> None:
    lines = [b'{"k": "b", "t": 2,  "x": 1.0}', b"not json", b'{"k": 7, "t": 1}']
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines) + b"\n\n")
    topic = make_topic("lines", partitions=1)
    replay(cluster, tmp_path / "rows.jsonl", topic)
    assert take_sample(cluster, topic).records.values == lines
    source = open_source(tmp_path / "rows.jsonl", key="k", time="t", limit=None)
    assert source.times is not None
    assert source.times.tolist() == [1, 1, 2]
    assert source.rows(0, 3) == ([b"not json", lines[2], lines[0]], [None, b"7", b"b"])


def test_the_demo_flights_are_sorted_and_complete_on_the_wire(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = f"{make_topic('flights')}-new"
    seen: list[tuple[int, int]] = []
    result = replay(
        cluster, "flights", topic, key="origin", time="time_hour", limit=10_000, progress=lambda *at: seen.append(at)
    )
    records, rows = sent(cluster, topic)
    assert (result.records, result.created, len(rows)) == (10_000, True, 10_000)
    assert require_topic(cluster, topic).partitions == 4
    assert seen[-1] == (10_000, 10_000)
    for partition in range(4):
        times = [row["time_hour"] for row, at in zip(rows, records.partitions, strict=True) if at == partition]  # type: ignore[index]
        assert all(before <= after for before, after in pairwise(times))
    keys = {(key, int(at)) for key, at in zip(records.keys, records.partitions, strict=True)}
    assert {key for key, _ in keys} == {b"EWR", b"JFK", b"LGA"}
    assert len(keys) == 3


def test_the_demo_flights_are_all_there() -> None:
    assert open_source("flights", key=None, time=None, limit=None).count == 336_776


def test_keys_go_where_java_clients_put_them(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> None:
    # murmur2 of these keys modulo 4, as org.apache.kafka.clients.producer.internals.BuiltInPartitioner has it.
    (tmp_path / "rows.csv").write_text("k\n" + "\n".join(f"key-{number}" for number in range(40)), encoding="utf-8")
    topic = make_topic("murmur2", partitions=4)
    replay(cluster, tmp_path / "rows.csv", topic, key="k")
    records = take_sample(cluster, topic).records
    for key, partition in zip(records.keys, records.partitions, strict=True):
        assert partition == (murmur2(key or b"") & 0x7FFFFFFF) % 4


def murmur2(data: bytes) -> int:
    """The hash as Kafka's protocol guide describes it: murmur2, seed 0x9747b28c, 32 bits."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = value * multiplier & mask ^ word
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


@pytest.mark.parametrize(
    ("options", "seconds"), [({"rate": 200.0}, 0.245), ({"speed": 2.0, "time": "t"}, 0.49)], ids=["rate", "speed"]
)
def test_records_go_out_at_their_pace(
    tmp_path: Path, cluster: Cluster, make_topic: MakeTopic, options: dict[str, object], seconds: float
) -> None:
    rows = "".join(f"{number * 20}\n" for number in range(50))
    (tmp_path / "rows.csv").write_text("t\n" + rows, encoding="utf-8")
    topic = make_topic("pace", partitions=1)
    result = replay(cluster, tmp_path / "rows.csv", topic, **options)  # type: ignore[arg-type]
    times = take_sample(cluster, topic).records.timestamps
    assert result.seconds >= seconds
    assert seconds * 1000 - 60 <= times[-1] - times[0] <= seconds * 1000 + 1000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": 1.0}, "--speed needs"),
        ({"speed": 1.0, "rate": 1.0, "time": "when"}, "exclude each other"),
        ({"rate": 0.0}, "not more than 0"),
        ({"key": "no"}, "no column `no`.*id, when"),
        ({"time": "name"}, "`name` of .* is not a time"),
    ],
)
def test_wrong_usage_is_explained_and_creates_nothing(
    tmp_path: Path, cluster: Cluster, options: dict[str, object], words: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(CSV, encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        replay(cluster, path, "never-made", **options)  # type: ignore[arg-type]
    assert (
        "never-made"
        not in confluent_kafka.Consumer(
            {"bootstrap.servers": cluster.address, "group.id": "unused", "enable.auto.commit": False}
        )
        .list_topics(timeout=10)
        .topics
    )


def test_a_file_that_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(MissingError, match=r"no file .*nowhere\.csv"):
        replay(cluster, "nowhere.csv", "never-made")


def test_a_record_that_the_cluster_refuses_is_an_error(tmp_path: Path, cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("small", config={"max.message.bytes": "1000"})
    (tmp_path / "rows.jsonl").write_bytes(b'"short"\n"' + os.urandom(5000).hex().encode() + b'"\n')
    with pytest.raises(ClusterError, match="MSG_SIZE_TOO_LARGE"):
        replay(cluster, tmp_path / "rows.jsonl", topic)

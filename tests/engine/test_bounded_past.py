"""A bounded run reads no more of the past than its lookback needs, where the log can say how much that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest
from confluent_kafka import Producer

from headrace.engine.bounded.past import first_offsets
from headrace.engine.bounded.run import run_bounded
from headrace.engine.stream import Stream
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import watermarks
from headrace.spec import ColumnType, StreamDocument, StreamSpec

TYPES: dict[str, ColumnType] = {"k": "str", "n": "int64", "at": "datetime64[us, UTC]"}
COUNT = 4_000
BEGAN = 1_760_000_000_000


def sums(df: pd.DataFrame) -> pd.DataFrame:
    by_key = df.assign(at=df["_timestamp"].dt.as_unit("us")).sort_values("k", kind="stable")
    last = by_key.groupby("k").rolling("6h", on="at")["n"]
    found = by_key.assign(sum=last.sum().to_numpy(), rows=last.count().to_numpy())
    return found.sort_index()[["n", "sum", "rows"]]


def document(source: str, **spec: object) -> StreamDocument:
    declared: dict[str, object] = {
        "name": "ranged",
        "source": source,
        "sinks": ("ranged.out",),
        "key": "k",
        "grace": "10min",
        "lookback": "6h",
        "meta": True,
        **spec,
    }
    return StreamDocument(spec=StreamSpec.model_validate(declared), input=TYPES)


@pytest.fixture
def source(cluster: Cluster, make_topic: Callable[..., str]) -> str:
    """A topic of two partitions with a record a minute each, up to nine minutes out of order by their timestamps."""
    topic = make_topic("ranged", 2)
    producer = Producer({"bootstrap.servers": cluster.address})
    random = np.random.default_rng(4)
    for number, late in enumerate(random.integers(0, 9 * 60_000, COUNT).tolist()):
        stamp = BEGAN + number // 2 * 60_000 - late
        value = orjson.dumps({"k": f"k{number % 10}", "n": number, "at": "2020-01-01T00:00:00Z"})
        producer.produce(topic, value, b"k%d" % (number % 10), partition=number % 2, timestamp=stamp)
    assert producer.flush(30) == 0
    return topic


@pytest.mark.parametrize("repartition", [False, True], ids=["keyed", "one lane"])
def test_a_range_gives_the_same_from_what_it_needs_of_the_past(
    cluster: Cluster,
    source: str,
    tmp_path: Path,
    repartition: bool,  # noqa: FBT001
) -> None:
    declared = document(source).model_copy(update={"repartition": repartition})
    stream = Stream(declared, sums)
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    read: list[int] = []
    run_bounded(stream, cluster, start="0:0,1:0", end=None, out=str(whole))
    run_bounded(stream, cluster, start="0:1500,1:1500", end=None, out=str(part), progress=lambda _, of: read.append(of))
    expected = {row["n"]: row for row in map(orjson.loads, whole.read_bytes().splitlines())}
    found = {row["n"]: row for row in map(orjson.loads, part.read_bytes().splitlines())}
    assert sorted(found) == list(range(3_000, COUNT))
    assert all(expected[number] == row for number, row in found.items())
    assert 2 * (500 + 360) <= read[-1] <= 2 * (500 + 360 + 30)  # six hours of a record a minute


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"time": "at"}, [0, 0]),
        ({"lookback": "50rows"}, [0, 0]),
        ({"lookback": None, "window": "tumbling=1h"}, [1_000, 1_500]),
    ],
    ids=["a --time column", "rows", "no lookback"],
)
def test_what_the_log_cannot_say_is_read_in_full(
    cluster: Cluster, source: str, spec: dict[str, object], wanted: list[int]
) -> None:
    lows = {number: low for number, (low, _) in watermarks(cluster, source).items()}
    offsets = {0: (1_000, 2_000), 1: (1_500, 2_000)}
    assert list(first_offsets(document(source, **spec), cluster, offsets, lows).values()) == wanted


def test_a_partition_without_a_past_says_nothing_of_the_others(cluster: Cluster, source: str) -> None:
    lows = {number: low for number, (low, _) in watermarks(cluster, source).items()}
    offsets = {0: (0, 2_000), 1: (1_500, 2_000)}
    keyed = first_offsets(document(source), cluster, offsets, lows)
    assert keyed[0] == 0
    assert 1_500 - 360 - 30 <= keyed[1] <= 1_500 - 360
    assert first_offsets(document(source, key=None), cluster, offsets, lows) == {0: 0, 1: 0}

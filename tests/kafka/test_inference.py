"""Types come from records all over a topic, and stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import MissingTopicError, UsageError
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.inference import (
    MOST_COLUMNS,
    InferredTypes,
    column_types,
    infer_from_values,
    infer_types,
    spread,
)
from headrace.kafka.topics import watermarks
from headrace.spec import StreamSpec

MakeTopic = Callable[..., str]


def infer(*tokens: str | None) -> str:
    """Return the type of a column with these JSON values; ``None`` is a record without the field."""
    return infer_from_values([b"{}" if token is None else f'{{"a":{token}}}'.encode() for token in tokens]).columns["a"]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["1", "-2", "9223372036854775807"], "int64"),
        (["1", "null"], "float64"),
        (["1", None], "float64"),
        (["1", "1.0"], "float64"),
        (["1.5", None], "float64"),
        (["1", "9223372036854775808"], "float64"),
        (["9223372036854775808"], "float64"),
        (["true", "false"], "bool"),
        (["true", "null"], "boolean"),
        (["true", None], "boolean"),
        (['"x"', '"2026-11-22T10:00:00Z"'], "str"),
        (['"x"', "null", None], "str"),
        (['"2026-11-22T10:00:00Z"'], "str"),
        (["[1]"], "object"),
        (['{"b":1}', "null"], "object"),
        (['"x"', "1"], "object"),
        (["true", "1"], "object"),
        (["null", None], "object"),
    ],
)
def test_rules(tokens: list[str | None], expected: str) -> None:
    assert infer(*tokens) == expected
    assert infer(*reversed(tokens)) == expected


def test_columns_never_null_counts_and_broken_records() -> None:
    values = [b'{"a":1,"b":null}', b'{"c":"x","a":2,"b":1}', b"broken", None, b"[1]"]
    inferred = infer_from_values(values)
    kinds = {"a": {"whole numbers": 2}, "b": {"null": 1, "whole numbers": 1}, "c": {"text": 1, "null": 1}}
    assert inferred == InferredTypes(
        columns={"a": "int64", "b": "float64", "c": "str"}, never_null=("a",), records=2, broken=3, kinds=kinds
    )
    assert list(inferred.columns) == ["a", "b", "c"]
    assert infer_from_values([]) == InferredTypes(columns={}, never_null=(), records=0)


def test_the_number_of_columns_is_bounded() -> None:
    wide = [json.dumps({f"c{place}": 1 for place in range(start, start + 6000)}).encode() for start in (0, 6000)]
    inferred = infer_from_values(wide)
    assert len(inferred.columns) == MOST_COLUMNS
    assert inferred.left_out == 2000


def test_time_and_types_of_the_spec_come_over_the_inferred() -> None:
    inferred = infer_from_values([b'{"at":"2026-11-22","id":1,"x":1}'])
    spec = StreamSpec(name="s", source="t", time="at", types={"id": "str", "new": "float64"})
    assert column_types(inferred, spec) == {
        "at": "datetime64[us, UTC]",
        "id": "str",
        "x": "int64",
        "new": "float64",
    }
    assert list(column_types(inferred, spec)) == ["at", "id", "x", "new"]
    with pytest.raises(UsageError, match=r"no field `when` for --time.* `at`, `id`, `x`"):
        column_types(inferred, StreamSpec(name="s", source="t", time="when"))


@pytest.mark.parametrize("memory", [{"lookback": "1h"}, {"window": "tumbling=1h"}, {"states": ("seen",)}])
def test_the_key_of_a_stream_that_remembers_is_a_field(memory: dict[str, object]) -> None:
    def types(values: list[bytes | None], **spec: object) -> dict[str, str]:
        declared = StreamSpec.model_validate({"name": "s", "source": "t", **memory, **spec})
        return dict(column_types(infer_from_values(values), declared))

    values: list[bytes | None] = [b'{"at":"2026-11-22","id":1}']
    assert list(types(values, key="id")) == ["at", "id"]
    assert list(types(values, key="new", types={"new": "str"})) == ["at", "id", "new"]
    assert list(types(values, key="_key", meta=True)) == ["at", "id"]
    for column in ("nocol", "_key", "window_start"):
        with pytest.raises(UsageError, match=rf"`t` have no field `{column}` for --key.* `at`, `id`"):
            types(values, key=column)
    with pytest.raises(UsageError, match="--type nocol=DTYPE"):
        types([], key="nocol")


def test_the_key_of_a_stream_that_remembers_nothing_may_be_made_by_its_cell() -> None:
    spec = StreamSpec(name="s", source="t", key="nocol")
    assert list(column_types(infer_from_values([b'{"id":1}']), spec)) == ["id"]


@given(
    ends=st.dictionaries(
        st.integers(0, 5), st.tuples(st.integers(0, 500), st.integers(0, 500)).map(lambda end: (end[0], sum(end)))
    ),
    wanted=st.integers(1, 600),
)
def test_ranges_are_spread_over_the_topic(ends: dict[int, tuple[int, int]], wanted: int) -> None:
    ranges = spread(ends, wanted)
    total = sum(high - low for low, high in ends.values())
    assert min(total, wanted) <= sum(end - start for _, start, end in ranges) <= wanted + len(ends) or total <= wanted
    for number, (low, high) in ends.items():
        own = [(start, end) for place, start, end in ranges if place == number]
        assert all(low <= start < end <= high for start, end in own)
        assert all(before[1] <= after[0] for before, after in pairwise(own))
        if len(own) > 1:
            assert (own[0][0], own[-1][1]) == (low, high)
        assert bool(own) == (high > low)


def fill(cluster: Cluster, topic: str, values: list[bytes], partition: int = 0) -> None:
    sender = producer(cluster, purpose="test")
    for value in values:
        while True:
            try:
                sender.produce(topic, value, partition=partition)
                break
            except BufferError:
                sender.poll(0.1)
    assert sender.flush(20) == 0


def test_a_topic_is_read_in_several_places(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("places", partitions=1)
    early, late = [b'{"a":1}'] * 24_990, [b'{"a":1.5,"b":"x"}'] * 10
    fill(cluster, topic, early + late)
    inferred = infer_types(cluster, topic)
    assert inferred.columns == {"a": "float64", "b": "str"}
    assert inferred.records == 20_000
    assert inferred.never_null == ("a",)


def test_types_of_a_small_topic_follow_it_and_then_stay(cluster: Cluster, make_topic: MakeTopic) -> None:
    topic = make_topic("grows", partitions=2)
    assert infer_types(cluster, topic) == InferredTypes(columns={}, never_null=(), records=0)
    fill(cluster, topic, [b'{"a":1}'])
    assert infer_types(cluster, topic).columns == {"a": "int64"}
    fill(cluster, topic, [b'{"a":1}', b"broken", *[b'{"a":2}'] * 10_000], partition=1)
    whole = infer_types(cluster, topic)
    assert (whole.records, whole.broken) == (10_002, 1)
    fill(cluster, topic, [b'{"a":"text"}'])
    assert infer_types(cluster, topic) == whole
    assert infer_types(cluster, topic, renew=True).columns == {"a": "object"}
    assert sum(high for _, high in watermarks(cluster, topic).values()) == 10_004


def test_a_missing_topic_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(MissingTopicError):
        infer_types(cluster, "never-made")

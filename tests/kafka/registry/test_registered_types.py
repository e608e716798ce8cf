"""The schemas of a registry decide the types of a topic's columns; and what is read from a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from headrace.errors import RefusedError, UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.codec import make_decoder
from headrace.kafka.inference import column_types, infer_types
from headrace.kafka.registry import Registry, Schema, registry_of
from headrace.kafka.sampling import take_sample
from headrace.kafka.topics import watermarks
from headrace.spec import StreamSpec

MakeTopic = Callable[..., str]


def avro(*fields: tuple[str, object]) -> Schema:
    described = [{"name": name, "type": declared} for name, declared in fields]
    return Schema("AVRO", json.dumps({"type": "record", "name": "Order", "fields": described}))


@pytest.fixture
def registered(cluster: Cluster, registry_url: str) -> Cluster:
    """The cluster, with the registry in its settings."""
    return Cluster("ours", {**cluster.settings, "schema.registry.url": registry_url})


def test_the_newest_version_decides_and_older_ones_bring_nulls(
    registered: Cluster, registry: Registry, make_topic: MakeTopic
) -> None:
    topic = make_topic("versions")
    registry.register(
        f"{topic}-value", avro(("id", "long"), ("n", "int"), ("gone", "string"), ("b", ["null", "boolean"]))
    )
    registry.register(f"{topic}-value", avro(("id", "long"), ("n", "double"), ("b", "boolean"), ("new", "long")))
    inferred = infer_types(registered, topic, format="avro")
    assert inferred.columns == {"id": "int64", "n": "float64", "b": "boolean", "new": "Int64"}
    assert inferred.never_null == ("id", "n")
    spec = StreamSpec(name="s", source=topic, format="avro", time="id", types={"new": "float64"})
    assert column_types(inferred, spec) == {
        "id": "datetime64[us, UTC]",
        "n": "float64",
        "b": "boolean",
        "new": "float64",
    }
    with pytest.raises(RefusedError, match=r"is of the kind AVRO, the stream reads PROTOBUF.*--format avro"):
        infer_types(registered, topic, format="protobuf")


def test_without_a_subject_the_records_tell(registered: Cluster, registry: Registry, make_topic: MakeTopic) -> None:
    topic = make_topic("no-subject")
    assert infer_types(registered, topic, format="avro").columns == {}
    number = registry.register(f"{topic}-Order", avro(("id", "long"), ("s", ["null", "string"])))
    sender = Producer(registered.client_settings())
    sender.produce(topic, b"\0" + number.to_bytes(4, "big") + b"\x02\0")
    sender.produce(topic, b"\0\x7f\xff\xff\xff\x02\0")
    assert sender.flush(20) == 0
    inferred = infer_types(registered, topic, format="avro")
    assert (inferred.columns, inferred.never_null) == ({"id": "int64", "s": "str"}, ("id",))


def test_a_registry_is_needed(cluster: Cluster, make_topic: MakeTopic) -> None:
    with pytest.raises(UsageError, match="names no schema registry"):
        infer_types(cluster, make_topic("none"), format="avro")


def test_formats_without_fields(cluster: Cluster) -> None:
    assert infer_types(cluster, "t", format="string").columns == {"value": "str"}
    assert infer_types(cluster, "t", format="bytes").columns == {"value": "object"}
    inferred = infer_types(cluster, "t", format="csv")
    types = {"b": "int64", "at": "datetime64[us, UTC]", "a": "str"}
    spec = StreamSpec.model_validate({"name": "s", "source": "t", "format": "csv", "types": types, "time": "at"})
    assert list(column_types(inferred, spec).items()) == list(types.items())
    with pytest.raises(UsageError, match="`when` has no place among the fields of CSV"):
        column_types(inferred, StreamSpec(name="s", source="t", format="csv", types=spec.types, time="when"))


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(
    registered: Cluster, registry: Registry, make_topic: MakeTopic, compression: str
) -> None:
    topic = make_topic(compression, partitions=1)
    number = registry.register(f"{topic}-value", avro(("id", "long"), ("s", "string")))
    value = b"\0" + number.to_bytes(4, "big") + b"\x02\x80\x04" + b"x" * 256
    sizes: list[int] = []
    settings = {"compression.type": compression, "linger.ms": 200, "stats_cb": lambda text: sizes.append(_sent(text))}
    sender = Producer({**registered.client_settings(), **settings, "statistics.interval.ms": 50})
    for _ in range(2_000):
        sender.produce(topic, value)
    assert sender.flush(20) == 0
    while not sizes or not sizes[-1]:
        sender.poll(0.1)
    assert (sizes[-1] < 2_000 * 100) == (compression != "none")
    sample = take_sample(registered, topic, "first:2000")
    decoded = make_decoder("avro", {"id": "int64", "s": "str"}, registry=registry_of(registered)).decode(sample.records)
    assert watermarks(registered, topic) == {0: (0, 2_000)}
    assert decoded.failures == []
    assert decoded.frame["s"].tolist() == ["x" * 256] * 2_000


def _sent(statistics: str) -> int:
    return int(json.loads(statistics)["tx_bytes"])

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from headrace.deploy.export import Release, export
from headrace.deploy.offsets import start_offsets
from headrace.deploy.plan import plan
from headrace.errors import ExpiredOffsetError, MissingTopicError, RefusedError, UsageError
from headrace.kafka.clients import admin, producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics, may_forget_within, size_limits_of
from headrace.spec import StreamSpec
from headrace.spec.names import group_id, state_topic
from projects import make_repository


def release_of(tmp_path: Path, source: str, *sinks: str, **options: object) -> Release:
    spec = StreamSpec.model_validate({"name": "planned", "source": source, "sinks": sinks, **options})
    return export(make_repository(tmp_path / "project", spec))


def fill(cluster: Cluster, topic: str, timestamps: list[int]) -> None:
    client = producer(cluster, purpose="test")
    for timestamp in timestamps:
        client.produce(topic, b"{}", partition=0, timestamp=timestamp)
    assert client.flush(20) == 0


def test_a_plan_says_what_it_creates_and_creates_nothing(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source = make_topic("numbers", partitions=3)

    planned = plan(release_of(tmp_path, source, f"{source}.out"), cluster)

    wanted = {topic.name: topic.partitions for topic in planned.creates}
    assert wanted.items() >= {f"{source}.out": 3, f"{source}.out.dlq": 3}.items()
    assert f"{source}.out" not in {topic.name for topic in list_topics(cluster)}
    assert planned.start == {0: 0, 1: 0, 2: 0}
    text = "\n".join(planned.lines())
    assert f"creates the topic {source}.out (3 partitions)" in text
    assert "assumes never null: id" in text

    assert set(planned.create_topics()) >= {f"{source}.out", f"{source}.out.dlq"}
    assert planned.create_topics() == []


def test_without_dead_letters_no_topic_for_them(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source = make_topic("numbers")
    planned = plan(release_of(tmp_path, source, f"{source}.out", on_error="skip"), cluster)

    assert f"{source}.out.dlq" not in {topic.name for topic in planned.creates}


def test_how_a_side_topic_that_was_divided_alike_is_read(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source, alike, grown = make_topic("numbers", 3), make_topic("alike", 3), make_topic("grown", 5)
    release = release_of(tmp_path, source, f"{source}.out", key="id", sides=(alike, grown))
    document = release.document.model_copy(update={"copartitioned": {alike: 3, grown: 3}})

    lines = plan(replace(release, document=document), cluster).lines()

    assert any(f"its own partitions of {alike} alone" in line for line in lines)
    assert any(f"all of {grown}: it has 5 partitions, {source} 3" in line for line in lines)


def test_a_missing_source_is_named(tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(MissingTopicError, match="not_there"):
        plan(release_of(tmp_path, "not_there", "out"), cluster)


def test_a_stream_without_sink_is_refused(tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(RefusedError, match="--to TOPIC"):
        plan(release_of(tmp_path, "numbers"), cluster)


def test_idle_replicas_are_refused(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> None:
    source = make_topic("numbers", partitions=2)
    with pytest.raises(RefusedError, match="at most 2"):
        plan(release_of(tmp_path, source, "out"), cluster, replicas=3)


def test_where_to_start(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic("numbers", partitions=2)
    fill(cluster, topic, [1_000_000, 2_000_000, 3_000_000])

    def where(text: str) -> dict[int, int]:
        return start_offsets(cluster, "planned", topic, text)

    assert where("committed") == {0: 0, 1: 0}
    assert where("earliest") == {0: 0, 1: 0}
    assert where("latest") == {0: 3, 1: 0}
    assert where("1970-01-01T00:33:20Z") == {0: 1, 1: 0}
    assert where("1970-01-01T00:33:21") == {0: 2, 1: 0}
    assert where("-10m") == {0: 3, 1: 0}
    assert where("0:2") == {0: 2, 1: 0}
    for wrong in ("0:4", "2:0", "soon", "-soon"):
        with pytest.raises(UsageError):
            where(wrong)


def test_committed_goes_on_and_an_expired_commit_is_refused(cluster: Cluster, make_topic: Callable[..., str]) -> None:
    topic = make_topic("numbers", partitions=2)
    fill(cluster, topic, [1_000] * 5)
    name = f"planned-{topic}"
    client = admin(cluster)
    commit = ConsumerGroupTopicPartitions(group_id(name), [TopicPartition(topic, 0, 2)])
    client.alter_consumer_group_offsets([commit])[group_id(name)].result()
    assert start_offsets(cluster, name, topic) == {0: 2, 1: 0}

    for future in client.delete_records([TopicPartition(topic, 0, 4)]).values():
        future.result()

    with pytest.raises(ExpiredOffsetError, match="skip 2 records"):
        start_offsets(cluster, name, topic)
    assert start_offsets(cluster, name, topic, "earliest") == {0: 4, 1: 0}


@pytest.mark.parametrize(
    ("options", "warns"),
    [
        ({"window": "tumbling=2h", "grace": "30m"}, True),
        ({"window": "tumbling=90m", "grace": "45m"}, True),
        ({"window": "hopping=3h,10min"}, True),
        ({"window": "tumbling=1h", "grace": "30m"}, False),
    ],
)
def test_a_retention_shorter_than_what_is_looked_at_is_said(
    tmp_path: Path,
    cluster: Cluster,
    make_topic: Callable[..., str],
    options: dict[str, str],
    warns: bool,  # noqa: FBT001
) -> None:
    source = make_topic("numbers", partitions=1, config={"retention.ms": str(2 * 60 * 60 * 1000)})
    release = release_of(tmp_path, source, f"{source}.out", key="id", time="at", **options)
    said = [warning for warning in plan(release, cluster).warnings if "keeps records for 2 hours, less than" in warning]
    assert len(said) == warns
    assert all("lengthen the topic's retention.ms" in warning for warning in said)


@pytest.mark.parametrize(
    ("options", "keeps"),
    [
        ({"lookback": "3h"}, True),
        ({"lookback": "90m", "grace": "45m"}, True),
        ({"lookback": "1h"}, False),
        ({"lookback": "50rows"}, True),
        ({"window": "count=10"}, True),
        ({"window": "tumbling=1h"}, False),
        ({}, False),
    ],
)
def test_what_the_topic_forgets_too_early_is_kept(
    tmp_path: Path,
    cluster: Cluster,
    make_topic: Callable[..., str],
    options: dict[str, str],
    keeps: bool,  # noqa: FBT001
) -> None:
    source = make_topic("numbers", partitions=1, config={"retention.ms": str(2 * 60 * 60 * 1000)})
    planned = plan(release_of(tmp_path, source, f"{source}.out", key="id", time="at", **options), cluster)
    assert planned.keeps_records == keeps
    said = [line for line in planned.lines() if line.startswith("keeps the records") and state_topic("planned") in line]
    assert len(said) == keeps
    assert (
        not keeps
        or "max.message.bytes" in {topic.name: topic.config for topic in planned.creates}[state_topic("planned")]
    )


@pytest.mark.parametrize(
    ("config", "forgets"),
    [
        ({"retention.ms": "-1"}, False),
        ({"retention.ms": str(48 * 3_600_000)}, False),
        ({"retention.ms": "-1", "retention.bytes": "100000000"}, True),
        ({"cleanup.policy": "compact", "retention.ms": "-1"}, True),
    ],
)
def test_a_topic_forgets_by_age_size_or_compaction(
    cluster: Cluster,
    make_topic: Callable[..., str],
    config: dict[str, str],
    forgets: bool,  # noqa: FBT001
) -> None:
    assert may_forget_within(cluster, make_topic("forgets", 1, config), timedelta(days=1)) == forgets


def test_topics_that_take_records_have_more_room_than_the_source(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source = make_topic("large", partitions=1, config={"max.message.bytes": "3000000"})
    out = f"{source}.out"
    planned = plan(release_of(tmp_path, source, out, key="id", time="at", window="tumbling=1h"), cluster)
    planned.create_topics()
    limits = size_limits_of(cluster, [out, f"{out}.dlq", f"{out}.late"])
    assert limits.pop(out) < 2_000_000
    assert set(limits.values()) == {3_000_000 + 64 * 1024}

"""Where a bounded run may write, and what it says of the topics that it creates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.engine.bounded import run_bounded
from headrace.engine.bounded.target import topics_of
from headrace.engine.stream import Stream
from headrace.errors import UsageError
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics, watermarks
from headrace.spec import StreamSpec
from service_process import ServiceProcess, fill, read_all

SPEC = StreamSpec(name="s", source="in", sinks=("out",), key="k", sides=("stations",), window="tumbling=1min")


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("in", "`in` is both read and written"),
        ("stations", "`stations` is both read and written"),
        ("headrace.s.state", "`headrace.s.state` is a topic of Headrace's"),
        ("__consumer_offsets", "`__consumer_offsets` is a topic of Headrace's or Kafka's own"),
        ("no topic", "`no topic` cannot name a topic"),
    ],
)
def test_what_the_stream_reads_and_topics_of_headraces_own_are_no_target(out: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        topics_of(SPEC, out)


def test_what_goes_beside_the_outputs_may_not_feed_the_stream_either() -> None:
    letters = SPEC.model_copy(update={"source": "flights.dlq"})
    with pytest.raises(UsageError, match=r"`flights\.dlq` is both read and written with --out flights:"):
        topics_of(letters, "flights")
    several = SPEC.model_copy(update={"sinks": ("b", "c"), "source": "a.c"})
    with pytest.raises(UsageError, match=r"`a\.c` is both read and written"):
        topics_of(several, "a")


def test_the_streams_own_sink_is_a_target() -> None:
    assert topics_of(SPEC, "out") == {"out": "out", "out.dlq": "out.dlq", "out.late": "out.late"}


def test_a_refused_range_writes_and_creates_nothing(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service()
    fill(cluster, service.source, [b'{"id": 1, "x": 1.0}'] * 10)
    before = list_topics(cluster)
    with pytest.raises(UsageError, match="both read and written"):
        run_bounded(Stream.from_folder(service.folder), cluster, start="earliest", end=None, out=service.source)
    assert sum(high for _, high in watermarks(cluster, service.source).values()) == 10
    assert list_topics(cluster) == before


def test_topics_that_are_created_are_named(cluster: Cluster, make_service: Callable[..., ServiceProcess]) -> None:
    service = make_service()
    fill(cluster, service.source, [b'{"id": 1, "x": 1.0}'] * 10)
    stream, new = Stream.from_folder(service.folder), f"{service.sink}-new"
    said: list[str] = []
    run_bounded(stream, cluster, start="earliest", end=None, out=new, report=said.append)
    assert said == [f"created the topic {new} (4 partitions)", f"created the topic {new}.dlq (4 partitions)"]
    assert len(read_all(cluster, new)) == 10
    said.clear()
    run_bounded(stream, cluster, start="earliest", end=None, out=service.sink, report=said.append)
    assert said == []
    assert len(read_all(cluster, service.sink)) == 10

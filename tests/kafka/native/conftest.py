"""Both ways, on the real broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer

from batch_ways import Reading, reader_of, writer_of
from headrace.kafka import clients
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import BatchWriter, available, producer_settings


@pytest.fixture(autouse=True, scope="session")
def _compiled() -> None:
    assert available(), "run python hatch_build.py"


@pytest.fixture(params=["native", "plain"])
def way(request: pytest.FixtureRequest) -> str:
    """Which of the two ways."""
    return str(request.param)


@pytest.fixture
def open_reader(cluster: Cluster) -> Iterator[Callable[..., Reading]]:
    """Make readers: ``open_reader(way, topic, **settings)``."""
    opened: list[Reading] = []

    def make(way: str, topic: str, **settings: object) -> Reading:
        consumer = clients.consumer(cluster, purpose="native-test", **settings)
        reading = Reading(consumer, reader_of(way, consumer, topic), topic)
        opened.append(reading)
        return reading

    yield make
    for reading in reversed(opened):
        reading.reader.close()
        reading.consumer.close()


@pytest.fixture
def open_writer(cluster: Cluster) -> Callable[..., tuple[Producer, BatchWriter]]:
    """Make writers: ``open_writer(way, **settings)``."""

    def make(way: str, **settings: object) -> tuple[Producer, BatchWriter]:
        producer = clients.producer(cluster, purpose="native-test", **producer_settings(), **settings)
        return producer, writer_of(way, producer)

    return make

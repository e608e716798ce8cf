"""One registry a run, and names of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

import schema_registry
from headrace.kafka.records import Records
from headrace.kafka.registry import Registry

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def registry_url(headrace_home: object) -> Iterator[str]:
    """Where a real registry answers, as long as this run lasts."""
    with schema_registry.running() as url:
        yield url


@pytest.fixture(scope="session")
def client(registry_url: str) -> SchemaRegistryClient:
    """Confluent's own client of it."""
    return schema_registry.outside_client(registry_url)


@pytest.fixture
def registry(registry_url: str) -> Registry:
    """Ours, which knows nothing yet."""
    return Registry(registry_url)


@pytest.fixture
def topic() -> str:
    """A topic's name that no other test has."""
    return f"orders-{next(_numbers)}"


@pytest.fixture(scope="session")
def records_of() -> Callable[[Sequence[bytes | None]], Records]:
    """Return the records of a topic with these values, in this order."""

    def make(values: Sequence[bytes | None]) -> Records:
        count = len(values)
        return Records(
            topic="t",
            keys=[None] * count,
            values=list(values),
            partitions=np.zeros(count, np.int32),
            offsets=np.arange(count),
            timestamps=np.zeros(count, np.int64),
            headers=[None] * count,
        )

    return make

"""What all tests share: a data folder of their own and one real broker a run."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from headrace.home import HOME_VARIABLE
from headrace.kafka import broker as node
from headrace.kafka.broker.jars import JARS_VARIABLE, jars_folder
from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster
from headrace.kafka.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def headrace_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder for this run alone; Kafka's jars stay where they are kept between runs."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(JARS_VARIABLE, str(jars_folder()))
        patch.setenv(HOME_VARIABLE, str(folder))
        patch.delenv(CLUSTER_VARIABLE, raising=False)
        yield folder


@pytest.fixture(scope="session")
def broker(headrace_home: Path) -> Iterator[str]:
    """The address of a real broker, started once a run on a free port, and ended whatever happens.

    A process of its own holds the reading end of a pipe: it stops the broker even where this run is killed.
    """
    assert os.environ[HOME_VARIABLE] == str(headrace_home)
    words = "import sys; sys.stdin.read(); from headrace.kafka import broker; broker.stop()"
    with subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, start_new_session=True):
        try:
            address = node.start(0).address
            assert address is not None
            yield address
        finally:
            node.stop()


@pytest.fixture(scope="session")
def cluster(broker: str) -> Cluster:
    """The cluster that the broker is."""
    return Cluster.at(broker)


@pytest.fixture
def make_topic(cluster: Cluster) -> Callable[..., str]:
    """Create a topic with a name of its own: ``make_topic(name_hint="topic", partitions=4, config=None)``."""

    def make(name_hint: str = "topic", partitions: int = 4, config: dict[str, str] | None = None) -> str:
        name = f"{re.sub(r'[^A-Za-z0-9._-]', '-', name_hint)}-{os.getpid()}-{next(_numbers)}"
        assert create_topic(cluster, name, partitions, config)
        return name

    return make

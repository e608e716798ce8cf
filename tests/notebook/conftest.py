"""An IPython shell with the magic loaded, and a topic of flights to preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.testing.globalipapp import start_ipython

from flight_records import flights
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster


@pytest.fixture(scope="session")
def session_shell(headrace_home: object) -> InteractiveShell:
    """The process's one shell (IPython gives it once), with the extension loaded."""
    shell = start_ipython()  # type: ignore[no-untyped-call]
    assert isinstance(shell, InteractiveShell)
    shell.run_line_magic("load_ext", "headrace")
    return shell


@pytest.fixture
def shell(session_shell: InteractiveShell) -> Iterator[InteractiveShell]:
    """The shell with an empty namespace and what it displays captured in ``shell.display_pub.outputs``."""
    session_shell.reset()  # type: ignore[no-untyped-call]
    before = session_shell.display_pub
    session_shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]
    yield session_shell
    session_shell.display_pub = before


@pytest.fixture
def flights_topic(cluster: Cluster, make_topic: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic that holds 400 flights; its cluster is the default one."""
    monkeypatch.setenv("HEADRACE_CLUSTER", cluster.name)
    topic = make_topic("flights")
    records = flights(400)
    sender = producer(cluster, purpose="test")
    for key, value, partition in zip(records.keys, records.values, records.partitions.tolist(), strict=True):
        sender.produce(topic, value=value, key=key, partition=partition)
    assert sender.flush(30) == 0
    return topic


@pytest.fixture
def outputs(shell: InteractiveShell) -> Callable[[], list[dict[str, Any]]]:
    """What the cells displayed so far, each as a MIME bundle."""
    publisher = shell.display_pub
    assert isinstance(publisher, CapturingDisplayPublisher)
    return lambda: [output["data"] for output in publisher.outputs]

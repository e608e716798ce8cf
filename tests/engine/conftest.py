"""Services of the tests: a stream folder with topics of its own, and its process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, names
from service_process import ServiceProcess, stream_folder

TYPES: dict[str, ColumnType] = {"id": "int64", "x": "float64"}
BODY = """
if (df.x == 13).any():
    raise ValueError("thirteen")
return df.assign(twice=df.x * 2)
"""

MakeService = Callable[..., ServiceProcess]


@pytest.fixture
def make_service(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> Iterator[MakeService]:
    """``make_service(body=BODY, types=TYPES, source_config=None, sink_config=None, letters_config=None, ...)``.

    The topics are made, the process is not started; it is killed at the end of the test.
    """
    made: list[ServiceProcess] = []

    def make(
        body: str = BODY,
        *,
        types: dict[str, ColumnType] | None = None,
        source_config: dict[str, str] | None = None,
        sink_config: dict[str, str] | None = None,
        letters_config: dict[str, str] | None = None,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        **spec: object,
    ) -> ServiceProcess:
        source = make_topic("in", config=source_config)
        sink = make_topic("out", config=sink_config)
        create_topic(cluster, f"{sink}.dlq", 4, letters_config)
        if spec.get("window"):
            create_topic(cluster, f"{sink}.late", 4)
        name = f"s{source.replace('-', '_')}"
        if spec.get("lookback") or "states" in spec or str(spec.get("window")).startswith("count"):
            create_topic(cluster, names.state_topic(name), 4, {"cleanup.policy": "compact"})
        folder = stream_folder(tmp_path, body, types or TYPES, name=name, source=source, sinks=(sink,), **spec)
        service = ServiceProcess(folder, cluster, arguments, environment or {}, source=source, sink=sink)
        made.append(service)
        return service

    yield make
    for service in made:
        service.kill()

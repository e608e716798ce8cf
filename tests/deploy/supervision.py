"""Services that a test leaves are deleted, and its supervisor ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psutil
import pytest

from headrace.deploy import rollout
from headrace.deploy.deployments import service_names
from headrace.deploy.local import places, supervisor
from headrace.errors import MissingServiceError
from headrace.kafka.clusters import Cluster


def end_supervisor() -> None:
    pid_file = places.configuration_path().with_name("supervisord.pid")
    if supervisor.answers():
        supervisor.remove(supervisor.processes())
        process = psutil.Process(int(pid_file.read_text()))
        process.terminate()
        process.wait(20)


@pytest.fixture
def clean_supervisor(cluster: Cluster) -> Iterator[None]:
    """Leave no service and no supervisor behind."""
    yield
    for name in service_names():
        with contextlib.suppress(MissingServiceError):
            rollout.delete(name)
    end_supervisor()

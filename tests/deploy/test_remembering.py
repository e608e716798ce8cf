"""Services that remember, deployed: what they say of themselves, and how many replicas they may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from deploy.supervision import clean_supervisor  # noqa: F401 (used by all tests that deploy)
from headrace.deploy import rollout
from headrace.deploy.export import export
from headrace.deploy.plan import plan
from headrace.deploy.services import service
from headrace.engine.runner import run
from headrace.engine.service.deployment import DeploymentInfo
from headrace.errors import RefusedError
from headrace.kafka.clusters import Cluster
from headrace.spec import StreamSpec
from projects import make_repository
from service_process import fill
from waiting import eventually

COUNT = 200


def values(count: int) -> list[bytes | None]:
    return [
        orjson.dumps({"id": number % 7, "value": number, "at": f"2026-01-01T00:{number // 4:02}:00Z"})
        for number in range(count)
    ]


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("clean_supervisor")
def test_both_stages_of_a_repartition_are_counted(
    tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]
) -> None:
    source = make_topic("numbers")
    spec = StreamSpec(
        name="both_stages", source=source, sinks=(f"{source}.out",), key="id", time="at", lookback="1h", idle="1s"
    )
    fill(cluster, source, values(COUNT))
    rollout.deploy(make_repository(tmp_path / "project", spec, repartition=True), cluster=cluster.name)

    eventually(lambda: service("both_stages").records_out == COUNT, 60)

    eventually(lambda: service("both_stages").lag == 0)
    status = service("both_stages")
    assert (status.records_in, status.failed, status.late) == (COUNT, 0, 0)
    assert status.watermark_delay_s is not None
    assert status.watermark_delay_s > 0
    assert 0 < status.remembered_rows <= COUNT
    assert status.remembered_bytes > 0
    stopped = rollout.stop("both_stages")
    assert (stopped.records_in, stopped.records_out) == (COUNT, COUNT)


@pytest.fixture
def keyless(tmp_path: Path, make_topic: Callable[..., str]) -> Path:
    """A committed stream folder whose windows span the whole topic, of four partitions."""
    source = make_topic("numbers")
    spec = StreamSpec(name="keyless", source=source, sinks=(f"{source}.out",), time="at", window="tumbling=1min")
    return make_repository(tmp_path / "project", spec)


def test_a_plan_refuses_to_divide_what_must_be_seen_whole(keyless: Path, cluster: Cluster) -> None:
    assert plan(export(keyless), cluster).replicas == 1
    with pytest.raises(RefusedError, match="one replica must see the whole topic; 2 were asked"):
        plan(export(keyless), cluster, replicas=2)


@pytest.mark.usefixtures("clean_supervisor")
def test_scaling_refuses_to_divide_what_must_be_seen_whole(keyless: Path, cluster: Cluster) -> None:
    before = rollout.deploy(keyless, cluster=cluster.name)
    with pytest.raises(RefusedError, match="one replica must see the whole topic; 3 were asked"):
        rollout.scale("keyless", 3)
    after = service("keyless")
    assert (after.state, after.replicas, after.pids) == ("running", 1, before.pids)


@pytest.mark.parametrize(
    ("replica", "deployment"), [(1, DeploymentInfo()), (0, DeploymentInfo(replicas=2))], ids=["second", "of two"]
)
def test_a_replica_refuses_to_see_a_part_of_what_must_be_seen_whole(
    keyless: Path, cluster: Cluster, replica: int, deployment: DeploymentInfo
) -> None:
    with pytest.raises(RefusedError, match="one replica must see the whole topic"):
        run(keyless, cluster, replica=replica, deployment=deployment)

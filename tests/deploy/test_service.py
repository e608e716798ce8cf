"""A service from deploy to delete, on the real broker and the real supervisor."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
import pytest
from confluent_kafka import TopicPartition

from deploy.supervision import clean_supervisor  # noqa: F401 (used by all tests here)
from headrace.deploy import rollout
from headrace.deploy.deployments import read_deployment
from headrace.deploy.ledger import current_deployment
from headrace.deploy.local import LocalTarget, places
from headrace.deploy.services import service, services
from headrace.deploy.status import ServiceStatus
from headrace.errors import MissingServiceError, RefusedError
from headrace.kafka.clients import consumer, producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import list_topics, watermarks
from headrace.spec import StreamSpec
from projects import git, make_repository
from waiting import eventually

pytestmark = pytest.mark.usefixtures("clean_supervisor")

COUNT = 400


def send(cluster: Cluster, topic: str, numbers: range) -> None:
    client = producer(cluster, purpose="test")
    for number in numbers:
        client.produce(topic, orjson.dumps({"id": number, "value": float(number)}), partition=number % 4)
    assert client.flush(20) == 0


def read_ids(cluster: Cluster, topic: str) -> list[int]:
    reader = consumer(cluster, purpose="test")
    ends = watermarks(cluster, topic)
    reader.assign([TopicPartition(topic, partition, low) for partition, (low, _) in ends.items()])
    found: list[int] = []
    while batch := reader.consume(1000, timeout=1.0):
        found += [orjson.loads(record.value() or b"")["id"] for record in batch if record.error() is None]
    reader.close()
    return sorted(found)


@pytest.fixture
def folder(tmp_path: Path, make_topic: Callable[..., str]) -> Path:
    """A committed stream folder with an own source of four partitions."""
    source = make_topic("numbers")
    spec = StreamSpec(name=f"s{source.replace('-', '_')}", source=source, sinks=(f"{source}.doubled",))
    return make_repository(tmp_path / "project", spec)


def processed(name: str) -> int | None:
    return service(name).records_in


def service_when(name: str, condition: Callable[[ServiceStatus], bool]) -> ServiceStatus:
    """Return the service once the condition holds."""

    def look() -> ServiceStatus | None:
        now = service(name)
        return now if condition(now) else None

    found = eventually(look, 60)
    assert found
    return found


def test_from_deploy_to_delete(folder: Path, cluster: Cluster) -> None:
    name, lines = folder.name, list[str]()
    source = name.removeprefix("s").replace("_", "-")
    send(cluster, source, range(COUNT))

    status = rollout.deploy(folder, cluster=cluster.name, replicas=2, report=lines.append)

    assert (status.state, status.message) == ("running", "")
    assert status.commit == git(folder, "rev-parse", "HEAD")
    assert len(status.pids) == 2
    assert any(f"creates the topic {source}.doubled (4 partitions)" in line for line in lines)
    assert any("never null: id" in line for line in lines)
    assert {f"{source}.doubled", f"{source}.doubled.dlq", "headrace.deployments"} <= {
        topic.name for topic in list_topics(cluster)
    }
    announced = current_deployment(cluster, name)
    assert announced is not None
    assert (announced.commit, announced.start) == (status.commit, dict.fromkeys(range(4), 0))
    assert announced.folder == ""
    eventually(lambda: processed(name) == COUNT, 30)
    status = service_when(name, lambda now: now.lag == 0)
    assert (status.records_out, status.failed, status.late, status.restarts) == (COUNT, 0, 0, 0)
    assert None not in (status.p50_ms, status.p95_ms, status.p99_ms, status.batch_records, status.transaction_ms)
    assert (status.watermark_delay_s, status.remembered_rows, status.remembered_bytes) == (None, 0, 0)

    stopped = rollout.stop(name)

    assert (stopped.state, stopped.pids, stopped.records_in) == ("stopped", [], COUNT)
    assert [item.service for item in services(cluster)] == [name]
    send(cluster, source, range(COUNT, 2 * COUNT))
    assert service(name).lag == COUNT

    assert rollout.start(name).state == "running"

    eventually(lambda: processed(name) == 2 * COUNT, 30)
    assert read_ids(cluster, f"{source}.doubled") == list(range(2 * COUNT))
    logged = [json.loads(line) for line in LocalTarget().logs(name, 500)]
    assert {line["replica"] for line in logged} == {0, 1}
    assert [line["time"] for line in logged] == sorted(line["time"] for line in logged)
    assert [json.loads(line) for line in LocalTarget().logs(name, 2)] == logged[-2:]

    assert rollout.delete(name) == []

    assert current_deployment(cluster, name) is None
    assert f"{source}.doubled" in {topic.name for topic in list_topics(cluster)}
    with pytest.raises(MissingServiceError, match=name):
        service(name)


def test_a_new_commit_goes_on_where_the_old_one_stopped(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    source = name.removeprefix("s").replace("_", "-")
    send(cluster, source, range(COUNT))
    first = rollout.deploy(folder, cluster=cluster.name)
    eventually(lambda: processed(name) == COUNT, 30)
    transform = folder / "transform.py"
    transform.write_text(transform.read_text().replace("value * 2", "value * 3"))
    git(folder, "commit", "--quiet", "--all", "--message", "Triple")

    second = rollout.deploy(folder, cluster=cluster.name)

    assert second.state == "running"
    assert second.commit != first.commit
    assert not set(first.pids) & set(second.pids)
    assert sum(read_deployment(name).start.values()) >= COUNT
    send(cluster, source, range(COUNT, COUNT + 100))
    eventually(lambda: processed(name) == 100, 30)
    assert read_ids(cluster, f"{source}.doubled") == list(range(COUNT + 100))


def test_from_earliest_reads_again(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    source = name.removeprefix("s").replace("_", "-")
    send(cluster, source, range(100))
    rollout.deploy(folder, cluster=cluster.name)
    eventually(lambda: processed(name) == 100, 30)

    rollout.deploy(folder, cluster=cluster.name, start="earliest")

    eventually(lambda: processed(name) == 100, 30)
    assert read_ids(cluster, f"{source}.doubled") == sorted([*range(100), *range(100)])


def test_a_killed_supervisor_is_replaced_without_duplicates(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    source = name.removeprefix("s").replace("_", "-")
    before = rollout.deploy(folder, cluster=cluster.name)
    pid = int(places.configuration_path().with_name("supervisord.pid").read_text())

    os.kill(pid, signal.SIGKILL)

    eventually(lambda: not any(psutil.pid_exists(replica) for replica in before.pids), 20)
    assert service(name).state == "failed"
    LocalTarget().revive()
    after = service_when(name, lambda now: now.state == "running")
    assert len(after.pids) == 1
    assert after.pids != before.pids
    assert after.restarts == 1
    running = [process for process in psutil.process_iter(["cmdline"]) if str(folder_of(name)) in arguments(process)]
    assert [process.pid for process in running] == after.pids
    send(cluster, source, range(COUNT))
    eventually(lambda: processed(name) == COUNT, 30)
    assert read_ids(cluster, f"{source}.doubled") == list(range(COUNT))


def folder_of(name: str) -> str:
    return read_deployment(name).folder


def arguments(process: psutil.Process) -> list[str]:
    return process.info["cmdline"] or []


def test_a_killed_replica_comes_back_and_counts_stay_exact(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    source = name.removeprefix("s").replace("_", "-")
    send(cluster, source, range(COUNT))
    status = rollout.deploy(folder, cluster=cluster.name)
    eventually(lambda: processed(name) == COUNT, 30)

    os.kill(status.pids[0], signal.SIGKILL)

    send(cluster, source, range(COUNT, 2 * COUNT))
    eventually(lambda: processed(name) == 2 * COUNT, 60)
    after = service(name)
    assert after.restarts == 1
    assert after.pids != status.pids
    assert read_ids(cluster, f"{source}.doubled") == list(range(2 * COUNT))


def test_scaling_restarts_none_of_those_that_stay(folder: Path, cluster: Cluster) -> None:
    name = folder.name
    source = name.removeprefix("s").replace("_", "-")
    send(cluster, source, range(COUNT))
    one = rollout.deploy(folder, cluster=cluster.name)
    eventually(lambda: processed(name) == COUNT, 30)

    three = rollout.scale(name, 3)

    assert len(three.pids) == 3
    assert three.pids[0] == one.pids[0]
    send(cluster, source, range(COUNT, 2 * COUNT))
    eventually(lambda: processed(name) == 2 * COUNT, 60)
    two = rollout.scale(name, 2)
    assert two.pids == three.pids[:2]
    send(cluster, source, range(2 * COUNT, 3 * COUNT))
    eventually(lambda: processed(name) == 3 * COUNT, 60)
    after = service(name)
    assert (after.pids, after.restarts, after.records_out) == (two.pids, 0, 3 * COUNT)
    assert read_ids(cluster, f"{source}.doubled") == list(range(3 * COUNT))
    with pytest.raises(RefusedError, match="4 partitions"):
        rollout.scale(name, 5)


def test_another_repository_is_refused_the_name(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    rollout.deploy(folder, cluster=cluster.name)
    source = folder.name.removeprefix("s").replace("_", "-")
    spec = StreamSpec(name=folder.name, source=source, sinks=(f"{source}.other",))
    other = make_repository(tmp_path / "other", spec)

    with pytest.raises(RefusedError, match="belongs to another repository"):
        rollout.deploy(other, cluster=cluster.name)

    assert service(folder.name).state == "running"


def test_a_stream_that_cannot_run_is_failed_with_its_reason(folder: Path, cluster: Cluster) -> None:
    (folder / "transform.py").write_text("import surely_not_installed\n")
    git(folder, "commit", "--quiet", "--all", "--message", "Break")

    status = rollout.deploy(folder, cluster=cluster.name)

    assert status.state == "failed"
    assert "surely_not_installed" in status.message

"""The command line's contract for services."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.supervision import clean_supervisor  # noqa: F401 (used by all tests here)
from headrace.cli.main import cli
from headrace.errors import DirtyFolderError, HeadraceError, MissingServiceError
from headrace.kafka.clusters import Cluster
from headrace.spec import StreamSpec
from projects import make_repository

KEYS = {
    "service", "commit", "state", "replicas", "in_per_s", "out_per_s", "lag", "p50_ms", "p99_ms", "records_in",
    "records_out", "failed", "late", "restarts", "pids",
}  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.usefixtures("clean_supervisor")
def test_deploy_services_stop_logs_delete(tmp_path: Path, cluster: Cluster, make_topic: Callable[..., str]) -> None:
    source = make_topic("numbers")
    spec = StreamSpec(name="commanded", source=source, sinks=(f"{source}.out",))
    folder = make_repository(tmp_path / "project", spec)

    deployed = run("deploy", str(folder), "--cluster", cluster.address, "--json")
    assert deployed.exit_code == 0, deployed.output
    document = json.loads(deployed.stdout)
    assert document.keys() >= KEYS
    assert document["state"] == "running"
    assert "creates the topic" in deployed.stderr

    (listed,) = json.loads(run("services", "--json").stdout)
    assert listed["service"] == "commanded"
    assert json.loads(run("services", "--cluster", "127.0.0.1:1", "--json").stdout) == []
    assert "commanded  running" in run("services").stdout
    assert any("starting" in line for line in json.loads(run("logs", "commanded", "--json").stdout)["lines"])
    assert json.loads(run("stop", "commanded", "--json").stdout)["state"] == "stopped"
    assert isinstance(run("stop", "commanded", "--cluster", "127.0.0.1:1").exception, MissingServiceError)
    (folder / "transform.py").write_text("changed = True\n")
    refused = run("deploy", str(folder), "--cluster", cluster.address)
    assert isinstance(refused.exception, DirtyFolderError)
    assert run("delete", "commanded").exit_code == 0
    assert json.loads(run("services", "--json").stdout) == []


@pytest.mark.parametrize("command", ["start", "stop", "logs", "delete"])
@pytest.mark.parametrize(("name", "status"), [("nothing", 1), ("../nothing", 2)])
def test_a_service_that_is_not_there(command: str, name: str, status: int) -> None:
    error = run(command, name).exception
    assert isinstance(error, HeadraceError)
    assert error.exit_status == status
    assert name in str(error)

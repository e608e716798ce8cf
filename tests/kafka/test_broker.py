from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from headrace.errors import BrokerError
from headrace.kafka import broker as node
from headrace.kafka.broker import jars, ports
from headrace.kafka.broker.process import read_running
from headrace.kafka.broker.settings import server_properties
from headrace.kafka.clients import producer
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic, list_topics, watermarks
from waiting import eventually


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    node.stop()


def headrace(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headrace", "broker", *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_broker_lives_on_and_keeps_its_records_until_reset(own_home: Path) -> None:
    port = ports.free_port()
    started = headrace("start", "--port", str(port), "--json")
    assert started.returncode == 0, started.stderr
    status = json.loads(started.stdout)
    assert status["address"] == f"127.0.0.1:{port}"
    assert os.getsid(status["pid"]) == status["pid"]  # in a session of its own

    again = headrace("start", "--port", str(port))
    assert again.returncode == 0
    assert f"runs already at 127.0.0.1:{port}" in again.stdout

    cluster = Cluster.at(f"127.0.0.1:{port}")
    create_topic(cluster, "kept", 1)
    sender = producer(cluster, purpose="test")
    sender.produce("kept", b"value")
    assert sender.flush(10) == 0

    os.kill(status["pid"], signal.SIGKILL)
    eventually(lambda: not node.status().running)
    assert node.start().address == f"127.0.0.1:{port}"  # the port that projects and services know
    eventually(lambda: watermarks(cluster, "kept") == {0: (0, 1)})

    refused = headrace("reset")
    assert refused.returncode == 2
    assert node.status().running
    assert headrace("reset", "--yes").returncode == 0
    assert not node.status().running
    assert not node.status().data.exists()
    assert ports.is_free(port)
    assert node.start(port).running
    assert list_topics(cluster) == []
    assert headrace("stop").stdout == "The broker has stopped.\n"
    assert headrace("stop").stdout == "The broker was not running.\n"


def test_a_taken_port_is_said_with_who_has_it(own_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = headrace("start", "--port", str(port))
    assert refused.returncode == 1
    assert f"Port {port} is taken by {psutil.Process().name()} (process {os.getpid()})" in refused.stderr
    assert "--port" in refused.stderr


def test_another_process_is_not_taken_for_the_broker(tmp_path: Path) -> None:
    path = tmp_path / "broker.json"
    path.write_text(json.dumps({"pid": os.getpid(), "properties": "/x", "port": 1, "version": "4"}), encoding="utf-8")
    assert read_running(path) is None
    path.write_text("{", encoding="utf-8")
    assert read_running(path) is None


def test_a_jar_that_is_not_the_listed_one_is_noticed(tmp_path: Path) -> None:
    jar = jars.listed_jars()[0]
    path = tmp_path / jar.file_name
    assert not jar.is_at(path)
    path.write_bytes(b"\0" * jar.size)
    assert not jar.is_at(path)
    path.write_bytes((jars.jars_folder() / jar.file_name).read_bytes())
    assert jar.is_at(path)


def test_the_list_of_jars_is_whole() -> None:
    listed = jars.listed_jars()
    assert len(listed) == 45
    assert sum(jar.size for jar in listed) == 44_591_658
    assert len({jar.file_name for jar in listed}) == 45
    assert f"org.apache.kafka:kafka_2.13:{jars.KAFKA_VERSION}" in {jar.coordinates for jar in listed}


def test_server_properties_escape_their_values() -> None:
    text = server_properties(port=1, controller_port=2, data=Path("/home/zoë/💧 records"))
    assert r"log.dirs=/home/zo\u00eb/\ud83d\udca7 records" in text.splitlines()
    with pytest.raises(BrokerError, match="comma"):
        server_properties(port=1, controller_port=2, data=Path("/a,b"))

"""The demo without a browser, whole, with few flights."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from command_line import headrace
from headrace.deploy import rollout
from headrace.deploy.local import places, supervisor
from headrace.deploy.services import service
from headrace.kafka.clusters import Cluster
from headrace.kafka.topics import create_topic, delete_topics, watermarks
from service_process import fill, read_all
from waiting import eventually

FLIGHTS = 3_000
TOPICS = ["flights", "flights.late", "flights.late.dlq"]


def test_the_headless_demo_does_the_whole_way_once(cluster: Cluster, tmp_path: Path) -> None:
    words = ("demo", "--headless", "--folder", tmp_path / "project", "--limit", str(FLIGHTS), "--rate", "2000")
    create_topic(cluster, "flights", 4)
    fill(cluster, "flights", [b"left by a former run"] * 10)
    try:
        first = headrace(*words)  # on the local broker, which is the demo's own
        assert first.status == 0, first
        assert "deleted  flights of a former run" in first.errors
        told = json.loads(first.output.splitlines()[-1])
        assert set(told) == {"commit", "service", "records_in", "records_out", "msgs_per_s", "p99_ms"}
        assert told["records_in"] == FLIGHTS
        assert told["msgs_per_s"] > 0
        assert told["p99_ms"] > 0
        assert [line.split()[0] for line in first.output.splitlines()[:-1]] == [
            "sample",
            "verdict",
            "commit",
            "service",
            "through",
            "rate",
            "p99",
        ]
        head = subprocess.run(
            ["git", "-C", tmp_path / "project", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        assert told["commit"] == head.stdout.strip()
        assert service("late_flights").state == "stopped"
        flights = [json.loads(message.value() or b"") for message in read_all(cluster, "flights")]
        late = [json.loads(message.value() or b"") for message in read_all(cluster, "flights.late")]
        flown = [flight for flight in flights if flight["dep_delay"] is not None]
        assert len(flights) == FLIGHTS
        assert told["records_out"] == len(late) == len(flown)
        assert identities(late) == identities(flown)

        again = headrace(*words, "--cluster", cluster.address)  # where what is there is used
        assert again.status == 0, again
        told_again = json.loads(again.output.splitlines()[-1])
        assert [told_again[name] for name in ("records_in", "records_out")] == [FLIGHTS, len(late)]
        assert len(read_all(cluster, "flights")) == FLIGHTS
        assert len(read_all(cluster, "flights.late")) == len(late)
        assert supervisor.answers() == any(places.programs_folder().glob("*.conf"))
    finally:
        rollout.delete("late_flights")
        delete_topics(cluster, TOPICS)


def test_the_demo_serves_jupyterlab_and_ends_with_sigterm(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    words = ["--no-browser", "--folder", str(tmp_path / "project"), "--limit", "2500", "--cluster", cluster.address]
    with (tmp_path / "log.txt").open("wb") as log:
        demo = subprocess.Popen([sys.executable, "-m", "headrace", "demo", *words], stdout=log, stderr=log)
    try:
        facts = eventually(lambda: server(tmp_path / "runtime", tmp_path / "log.txt"), 120)
        page = eventually(lambda: fetched(facts["port"], "/lab/tree/delays.ipynb", facts["token"]), 30)
        assert b"JupyterLab" in page
        held = watermarks(cluster, "flights")
        assert sum(high - low for low, high in held.values()) >= 2000
        demo.terminate()
        assert demo.wait(60) == 128 + signal.SIGTERM
        assert not psutil.pid_exists(facts["pid"])
    finally:
        demo.terminate()
        demo.wait(60)
        delete_topics(cluster, TOPICS)


def server(folder: Path, log: Path) -> dict[str, Any]:
    """What the Jupyter server in ``folder`` says of itself; an error with the log before it is there."""
    for path in folder.glob("jpserver-*.json"):
        if text := path.read_text(encoding="utf-8"):
            return dict(json.loads(text))
    raise AssertionError(log.read_text(encoding="utf-8"))


def fetched(port: int, path: str, token: str) -> bytes:
    """What a page holds; nothing before the server, which says where it is a little early, answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {token}"})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    except ConnectionRefusedError:
        return b""
    finally:
        connection.close()


def identities(flights: list[dict[str, object]]) -> Counter[tuple[object, ...]]:
    names = ("carrier", "flight", "origin", "dest", "month", "day", "sched_dep_time")
    return Counter(tuple(flight[name] for name in names) for flight in flights)

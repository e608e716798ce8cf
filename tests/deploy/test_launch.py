from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.deploy.launch import clean_environment
from headrace.deploy.local.log import by_time, last_lines
from headrace.deploy.local.places import socket_path
from headrace.deploy.starts import count_restarts, pause_before_start, record_start, record_wish, starts_since_wish
from headrace.errors import RefusedError
from headrace.home import HOME_VARIABLE, home


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps({"deploy": "a", "cluster": "127.0.0.1:1"}))
    return path


def test_only_starts_that_nobody_asked_for_are_restarts(deployment: Path) -> None:
    folder = deployment.parent
    for wishes, starts in ((1, 1), (1, 3)):
        for _ in range(wishes):
            record_wish(folder, 0, "a")
        for _ in range(starts):
            record_start(deployment, 0)

    assert count_restarts(folder, 0, "a") == 2
    assert starts_since_wish(folder, 0, "a") == 3
    assert count_restarts(folder, 1, "a") == 0
    record_wish(folder, 0, "b")
    assert count_restarts(folder, 0, "b") == 0


def test_a_replica_that_starts_again_and_again_waits(deployment: Path) -> None:
    folder = deployment.parent
    for _ in range(14):
        record_start(deployment, 0)
    assert pause_before_start(folder, 0) == 0
    record_start(deployment, 0)
    assert pause_before_start(folder, 0) == 10
    starts = folder / "replica-0.starts"
    starts.write_text(starts.read_text().replace(str(int(time.time()))[:6], str(int(time.time()) - 10**6)[:6]))
    assert pause_before_start(folder, 0) == 0


def test_a_replica_gets_no_more_than_it_needs() -> None:
    inherited = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "HEADRACE_HOME": "/h",
        "JPY_API_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "s",
        "KAFKA_PASSWORD": "p",
        "OMP_NUM_THREADS": "8",
    }

    kept = clean_environment(inherited, {"KAFKA_PASSWORD"})

    assert {"PATH", "LC_ALL", "HEADRACE_HOME", "KAFKA_PASSWORD"} <= kept.keys()
    assert not {"JPY_API_TOKEN", "AWS_SECRET_ACCESS_KEY"} & kept.keys()
    assert kept["OMP_NUM_THREADS"] == "1"


def test_a_replica_of_a_supervisor_that_has_ended_does_not_start(
    deployment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("HEADRACE_DEPLOYMENT", str(deployment))
    (home("supervisor") / "supervisord.pid").write_text(f"{os.getpid() + 1}\n")

    command = [sys.executable, "-m", "headrace.deploy.launch", str(tmp_path), "0"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)

    assert ended.returncode == 1
    assert "has ended" in ended.stderr


def test_the_limit_of_memory_holds_in_what_the_process_becomes() -> None:
    program = (
        "import os, sys; from headrace.deploy.launch import limit_memory; limit_memory('300');"
        "os.execv(sys.executable, [sys.executable, '-c', "
        "'import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0]); bytearray(2**29)'])"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert ended.stdout.strip() == str(300 * 1024 * 1024)
    assert "MemoryError" in ended.stderr
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != 300 * 1024 * 1024


def test_the_last_lines_go_over_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "replica-0.log"
    assert last_lines(log, 5) == []
    (tmp_path / "replica-0.log.1").write_text("".join(f"old {number}\n" for number in range(50_000)))
    log.write_text("new 0\nnew 1\n")

    assert last_lines(log, 1) == ["new 1"]
    assert last_lines(log, 4) == ["old 49998", "old 49999", "new 0", "new 1"]
    assert len(last_lines(log, 40_000)) == 40_000


def test_the_socket_of_a_long_data_folder_is_short_and_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / ("long" * 20)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    path = socket_path()

    assert path.parent.parent == tmp_path
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o755)
    with pytest.raises(RefusedError, match="yours alone"):
        socket_path()


def test_several_logs_are_one_by_time() -> None:
    def line(second: int, replica: int) -> str:
        return json.dumps({"time": f"2026-01-01T00:00:{second:02}.000+00:00", "replica": replica})

    first = ["printed at once", line(1, 0), "printed", line(4, 0), line(3, 0), line(9, 0)]
    second = [line(2, 1), '["printed"]', line(4, 1), line(8, 1)]
    assert by_time([first, second]) == [*first[:3], *second[:2], *first[3:5], *second[2:], first[5]]
    assert by_time([second]) == second
    assert by_time([]) == []

"""Ctrl-C, and SIGTERM, while a bounded run works: it ends soon, and says what became of the output."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from headrace.engine.bounded import run_bounded
from headrace.engine.stream import Stream
from headrace.errors import CellError
from headrace.kafka.clusters import Cluster
from headrace.spec import ColumnType
from service_process import ServiceProcess, fill, read_all
from waiting import eventually

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "int64"}


def waiting_cell(place: Path) -> str:
    """Return a cell that leaves a file where it is called and waits for a signal."""
    return f"import pathlib\nimport signal\npathlib.Path({str(place)!r}).touch()\nsignal.pause()\nreturn df"


def begin(service: ServiceProcess, out: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "headrace", "run", str(service.folder), "--cluster", service.cluster.address]
    return subprocess.Popen(
        [*command, "--from", "earliest", "--out", out, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Send a signal; return the last line of stderr of the run, which has to end soon and to fail."""
    began = time.monotonic()
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 8, errors
    assert (process.returncode, output) == (1, ""), errors
    return errors.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_windows_close_leaves_no_file(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path, number: signal.Signals
) -> None:
    called = tmp_path / "called"
    service = make_service(waiting_cell(called), types=TYPES, key="k", time="t", window="session=5s")
    fill(
        cluster, service.source, [orjson.dumps({"k": f"k{n}", "t": "2026-01-01T00:00:00Z", "x": n}) for n in range(200)]
    )
    out = tmp_path / "out" / "all.jsonl"
    process = begin(service, str(out))
    eventually(called.exists, 60)  # all windows are open until the end: only the end closes them
    said = stop(process, number)
    assert said == "error: The run was stopped before its end. No file was written: running it again is safe."
    assert list(out.parent.iterdir()) == []


def test_a_stop_says_how_much_is_in_the_topic(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service("return df", types=TYPES)
    fill(cluster, service.source, [orjson.dumps({"k": "a", "t": "2026-01-01T00:00:00Z", "x": n}) for n in range(2_000)])
    process = begin(service, service.sink, "--max-rate", "50")
    eventually(lambda: len(read_all(cluster, service.sink)) > 10, 60)
    said = stop(process)
    found = re.search(rf"before its end. ([\d,]+) outputs of ([\d,]+) records stay in `{service.sink}`", said)
    assert found is not None, said
    assert found[1] == found[2]
    written = len(read_all(cluster, service.sink))
    assert written - int(found[1].replace(",", "")) in ({0, 10} if "perhaps those of one more batch" in said else {0})
    assert "running it again writes them again" in said


def test_a_failure_says_what_it_leaves(
    cluster: Cluster, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service(on_error="fail")  # its cell fails at 13
    fill(cluster, service.source, [b'{"id": 1, "x": 13}'])
    stream = Stream.from_folder(service.folder)
    said: list[str] = []
    for out in (str(tmp_path / "out.jsonl"), service.sink):
        with pytest.raises(CellError, match="A record failed"):
            run_bounded(stream, cluster, start="earliest", end=None, out=out, report=said.append)
    assert said == [
        "No file was written: running it again is safe.",
        "Nothing was written: running it again is safe.",
    ]
    assert not list(tmp_path.glob("*out.jsonl*"))

"""Start what the browser tests work on: a real broker with flights, a project in Git, JupyterLab.

``python serve.py PORT`` runs in the foreground until SIGTERM. Everything lies in a temporary folder, which goes with
it; Kafka's jars stay where they are kept between runs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType

from headrace.cli.demo_project import prepare_project
from headrace.home import HOME_VARIABLE, home
from headrace.kafka import broker
from headrace.kafka.broker.jars import JARS_VARIABLE, jars_folder
from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster

HERE = Path(__file__).parent
RECORDS = 20_000
"""Flights that are there before the first test."""
RATE = 200
"""Flights per second from then on, so that rates are to be seen."""
REPLAY = ["replay", "flights", "--to", "flights", "--key", "origin", "--time", "time_hour"]


def headrace(*words: str) -> list[str]:
    """Return a command line of Headrace."""
    return [sys.executable, "-m", "headrace", *words]


def serve(folder: Path, port: str) -> int:
    """Run everything in ``folder`` and return JupyterLab's exit status."""
    os.environ[JARS_VARIABLE] = str(jars_folder())
    os.environ[HOME_VARIABLE] = str(folder / "home")
    os.environ.pop(CLUSTER_VARIABLE, None)
    address = broker.start(0).address
    assert address is not None
    project = prepare_project(folder / "project", Cluster.at(address)).parent
    os.environ["JUPYTERLAB_GALATA_ROOT_DIR"] = str(project)
    os.environ["HEADRACE_UI_PORT"] = port
    subprocess.run(headrace(*REPLAY, "--limit", str(RECORDS), "--cluster", address), check=True, stdout=sys.stderr)
    trickle = subprocess.Popen(
        headrace(*REPLAY, "--rate", str(RATE), "--cluster", address),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    config = HERE / "jupyter_server_test_config.py"
    lab = subprocess.Popen([sys.executable, "-m", "jupyterlab", f"--config={config}"], cwd=project)
    try:
        return lab.wait()
    finally:
        for process in (lab, trickle):
            process.terminate()
            process.wait(30)


def clean_up(folder: Path) -> None:
    """End the services with their supervisor, and the broker."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        supervisor = int((home("supervisor") / "supervisord.pid").read_text())
        os.kill(supervisor, signal.SIGTERM)
        with suppress(ChildProcessError):
            os.waitpid(supervisor, 0)
    broker.stop()
    shutil.rmtree(folder, ignore_errors=True)


def leave(_signal: int, _frame: FrameType | None) -> None:
    """Unwind on a signal, so that everything is ended."""
    raise SystemExit(0)


def main() -> int:
    """Serve until a signal comes."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)
    folder = Path(tempfile.mkdtemp(prefix="headrace-ui-"))
    try:
        return serve(folder, sys.argv[1])
    finally:
        clean_up(folder)


if __name__ == "__main__":
    sys.exit(main())

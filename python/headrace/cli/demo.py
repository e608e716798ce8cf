"""``headrace demo``: broker, data, notebook, and JupyterLab on it; or all of it without a browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from headrace.cli.output import cluster_option, note

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster

_DEFAULT_RATE = 2_000
_ENOUGH = 2_000
"""Records that should be there before a person previews anything."""
_PATIENCE = 60.0


@click.command()
@click.option("--headless", is_flag=True, help="Do the whole way without a browser, print what was done, and end.")
@click.option("--folder", type=click.Path(path_type=Path), help="The demo's project; else one in the data folder.")
@click.option("--rate", type=click.IntRange(1), default=_DEFAULT_RATE, show_default=True, help="Flights per second.")
@cluster_option
def demo(*, headless: bool, folder: Path | None, rate: int, cluster: str | None) -> None:
    """Set up broker, data and notebook, and open them in JupyterLab.

    With --headless the notebook's stream is proved, committed and deployed, all flights go through it, and the last
    line printed is one JSON object. A broker that was not running before is stopped at the end.
    """
    from headrace.cli.demo_project import prepare_project  # noqa: PLC0415

    with _ending_on_sigterm(), _a_cluster(cluster) as where:
        notebook = prepare_project(folder, where)
        note(f"project  {notebook.parent}")
        if headless:
            _headless(notebook)
        else:
            _open_lab(notebook, rate)


def _headless(notebook: Path) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from headrace.cli.demo_headless import run_headless  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415

    result = run_headless(notebook, resolve_cluster("demo", notebook.parent), click.echo)
    click.echo(orjson.dumps(asdict(result)).decode())


@contextmanager
def _a_cluster(name: str | None) -> Iterator[Cluster]:
    """Give the cluster that was named, else the local broker's; a broker started here is stopped in the end."""
    from headrace.kafka import broker  # noqa: PLC0415
    from headrace.kafka.broker import ports  # noqa: PLC0415
    from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster, resolve_cluster  # noqa: PLC0415

    if name or os.environ.get(CLUSTER_VARIABLE):
        yield resolve_cluster(name or os.environ[CLUSTER_VARIABLE])
        return
    was_running = broker.status().running
    port = broker.node.DEFAULT_PORT if ports.is_free(broker.node.DEFAULT_PORT) else 0
    status = broker.start(port, report=note)
    note(f"broker   {status.address}")
    try:
        yield Cluster.at(str(status.address))
    finally:
        if not was_running:
            broker.stop()


def _open_lab(notebook: Path, rate: int) -> None:
    """Run JupyterLab on the notebook while flights keep coming in."""
    from headrace.errors import ToolError  # noqa: PLC0415

    words = ["replay", "flights", "--to", "flights", "--key", "origin", "--time", "time_hour", "--rate", str(rate)]
    replay = subprocess.Popen(
        [sys.executable, "-m", "headrace", *words, "--cluster", "demo"],
        cwd=notebook.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for_records(notebook.parent, replay)
        lab = [sys.executable, "-m", "jupyterlab", notebook.name, f"--ServerApp.root_dir={notebook.parent}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            lab.append("--allow-root")
        status = subprocess.call(lab, cwd=notebook.parent)
        if status:
            message = f"JupyterLab ended with status {status}."
            raise ToolError(message, hint="Is it installed? pip install 'headrace[lab]'")
    except KeyboardInterrupt:
        note("Stopped.")
    finally:
        replay.terminate()
        replay.wait()


def _wait_for_records(project: Path, replay: subprocess.Popen[bytes]) -> None:
    from headrace.errors import ToolError  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415
    from headrace.kafka.topics import list_topics, watermarks  # noqa: PLC0415

    cluster = resolve_cluster("demo", project)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if any(topic.name == "flights" for topic in list_topics(cluster)):
            count = sum(high - low for low, high in watermarks(cluster, "flights").values())
            if count >= _ENOUGH:
                return
        if replay.poll():
            said = (replay.stderr.read() if replay.stderr else b"").decode("utf-8", "replace").strip()
            message = f"The flights could not be sent: {said}"
            raise ToolError(message)
        time.sleep(0.1)


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an ordinary end, so that what was started is stopped."""

    def end(_signal: int, _frame: object) -> None:
        raise SystemExit(143)

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)

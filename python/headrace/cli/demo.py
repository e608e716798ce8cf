"""``headrace demo``: broker, data, notebook, and JupyterLab on it; or all of it without a browser."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from headrace.cli.output import cluster_option, note

if TYPE_CHECKING:
    from headrace.kafka.clusters import Cluster

_FLIGHTS = 336_776
"""Records of the demo data."""
_OPEN_RATE = 2_000
_HEADLESS_RATE = 10_000


@click.command()
@click.option("--headless", is_flag=True, help="Do the whole way without a browser, print what was done, and end.")
@click.option("--folder", type=click.Path(path_type=Path), help="The demo's project; else one in the data folder.")
@click.option(
    "--rate",
    type=click.IntRange(1),
    help=f"Flights per second: {_OPEN_RATE:,}, or {_HEADLESS_RATE:,} with --headless.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, _FLIGHTS),
    default=_FLIGHTS,
    show_default=True,
    help="At most N flights.",
    metavar="N",
)
@click.option("--no-browser", is_flag=True, help="Start JupyterLab without opening a browser on it.")
@cluster_option
def demo(
    *, headless: bool, folder: Path | None, rate: int | None, limit: int, no_browser: bool, cluster: str | None
) -> None:
    """Set up broker, data and notebook, and open them in JupyterLab.

    With --headless the notebook's stream is proved, committed and deployed, all flights go through it, and the last
    line printed is one JSON object. Without a cluster the demo runs on the local broker, where --headless deletes the
    topics of a former run (flights, flights.late, flights.late.dlq) and does it all again; on a cluster that is named
    it uses the records that are there and deletes nothing. Ctrl-C ends all that the demo started; a broker that was
    not running before is stopped at the end, with the services on it.
    """
    from headrace.cli.demo_project import prepare_project  # noqa: PLC0415

    with _ending_on_signals(), _a_cluster(cluster) as (where, own):
        notebook = prepare_project(folder, where)
        note(f"project  {notebook.parent}")
        if headless:
            _headless(notebook, own=own, flights=limit, rate=rate or _HEADLESS_RATE)
        else:
            from headrace.cli.demo_lab import run_lab  # noqa: PLC0415

            run_lab(notebook, flights=limit, rate=rate or _OPEN_RATE, browser=not no_browser)


def _headless(notebook: Path, *, own: bool, flights: int, rate: int) -> None:
    from dataclasses import asdict  # noqa: PLC0415

    from headrace.cli.demo_headless import run_headless  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415

    cluster = resolve_cluster("demo", notebook.parent)
    result = run_headless(notebook, cluster, own=own, flights=flights, rate=rate, note=note, say=click.echo)
    click.echo(orjson.dumps(asdict(result)).decode())


@contextmanager
def _a_cluster(name: str | None) -> Iterator[tuple[Cluster, bool]]:
    """Give the cluster that was named, else the local broker's, and whether it is the demo's own to clear.

    A broker started here is stopped in the end.
    """
    from headrace.kafka import broker  # noqa: PLC0415
    from headrace.kafka.broker import ports  # noqa: PLC0415
    from headrace.kafka.clusters import CLUSTER_VARIABLE, Cluster, resolve_cluster  # noqa: PLC0415

    if name or os.environ.get(CLUSTER_VARIABLE):
        yield resolve_cluster(name or os.environ[CLUSTER_VARIABLE]), False
        return
    with _alone():
        was_running = broker.status().running
        port = broker.node.DEFAULT_PORT if ports.is_free(broker.node.DEFAULT_PORT) else 0
        status = broker.start(port, report=note)
        note(f"broker   {status.address}")
        cluster = Cluster.at(str(status.address))
        try:
            yield cluster, True
        finally:
            if not was_running:
                _stop_services(cluster)
                broker.stop()


def _stop_services(cluster: Cluster) -> None:
    """Stop the services of a broker that is about to end; they keep their places."""
    from headrace.deploy import rollout  # noqa: PLC0415
    from headrace.deploy.local import LocalTarget  # noqa: PLC0415
    from headrace.deploy.services import services  # noqa: PLC0415

    for status in services(cluster):
        if status.state != "stopped":
            rollout.stop(status.service)
            note(f"stopped  {status.service}; `headrace start {status.service}` goes on where it was")
    LocalTarget().rest()


@contextmanager
def _alone() -> Iterator[None]:
    """Let one demo at a time have the local broker.

    Raises:
        RefusedError: another one runs.
    """
    from headrace.errors import RefusedError  # noqa: PLC0415
    from headrace.home import home  # noqa: PLC0415

    with (home() / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = "A demo runs already on the local broker."
            raise RefusedError(message, hint="End it first, or name another cluster with --cluster.") from None
        yield


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an ordinary end, so that what was started is stopped."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)

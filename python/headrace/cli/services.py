"""``headrace deploy``, ``services``, ``start``, ``stop``, ``scale``, ``logs`` and ``delete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headrace.cli.output import cluster_option, emit, json_option, note

if TYPE_CHECKING:
    from headrace.deploy.status import ServiceStatus


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--commit", metavar="SHA", help="The commit to deploy; else HEAD, without uncommitted changes in DIR.")
@click.option(
    "--target", type=click.Choice(["local"]), default="local", show_default=True, help="What runs the replicas."
)
@click.option("--replicas", type=click.IntRange(min=1), metavar="N", help="Processes; else as before, else 1.")
@click.option(
    "--from",
    "start",
    metavar="committed|earliest|latest|TIME",
    default="committed",
    show_default=True,
    help="Where to start: `committed` without a commit is the first record; TIME is 2026-11-22T10:00:00Z, -10m or "
    "PARTITION:OFFSET.",
)
@cluster_option
@json_option
def deploy(
    folder: Path,
    commit: str | None,
    target: str,
    replicas: int | None,
    start: str,
    cluster: str | None,
    *,
    as_json: bool,
) -> None:
    """Run the committed stream folder DIR as a service.

    Its code is taken from the commit, never from the working tree. A service of that name that runs is ended
    gracefully first, and the new one goes on where it stopped.
    """
    from headrace.deploy import rollout  # noqa: PLC0415

    del target  # one choice so far
    status = rollout.deploy(folder, commit=commit, cluster=cluster, replicas=replicas, start=start, report=note)
    _emit_one(status, as_json=as_json)


@click.command()
@cluster_option
@json_option
def services(cluster: str | None, *, as_json: bool) -> None:
    """List the services deployed by this user, all or those of one cluster."""
    from headrace.deploy.local import LocalTarget  # noqa: PLC0415
    from headrace.deploy.services import services as list_services  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415

    LocalTarget().revive()
    found = list_services(resolve_cluster(cluster) if cluster else None)
    text = "\n".join(_line(status) for status in found) or "No services. `headrace deploy DIR` makes one."
    emit([status.model_dump() for status in found], as_json=as_json, text=text)


@click.command()
@click.argument("name")
@cluster_option
@json_option
def start(name: str, cluster: str | None, *, as_json: bool) -> None:
    """Start the stopped service NAME; it goes on where it stopped."""
    from headrace.deploy import rollout  # noqa: PLC0415

    _check_cluster(name, cluster)
    _emit_one(rollout.start(name), as_json=as_json)


@click.command()
@click.argument("name")
@cluster_option
@json_option
def stop(name: str, cluster: str | None, *, as_json: bool) -> None:
    """Stop the service NAME; its deployment and its offsets stay."""
    from headrace.deploy import rollout  # noqa: PLC0415

    _check_cluster(name, cluster)
    emit((status := rollout.stop(name)).model_dump(), as_json=as_json, text=_line(status))


@click.command()
@click.argument("name")
@click.argument("replicas", type=click.IntRange(min=1), metavar="N")
@cluster_option
@json_option
def scale(name: str, replicas: int, cluster: str | None, *, as_json: bool) -> None:
    """Run the service NAME with N replicas; those that stay are not restarted."""
    from headrace.deploy import rollout  # noqa: PLC0415

    _check_cluster(name, cluster)
    status = rollout.scale(name, replicas)
    emit(status.model_dump(), as_json=as_json, text=_line(status))


@click.command()
@click.argument("name")
@click.option("--lines", type=click.IntRange(min=1), default=200, show_default=True, help="How many, from the end.")
@cluster_option
@json_option
def logs(name: str, lines: int, cluster: str | None, *, as_json: bool) -> None:
    """Print the log of the service NAME."""
    from headrace.deploy.local import LocalTarget  # noqa: PLC0415

    _check_cluster(name, cluster)
    found = LocalTarget().logs(name, lines)
    emit({"lines": found}, as_json=as_json, text="\n".join(found))


@click.command()
@click.argument("name")
@cluster_option
@json_option
def delete(name: str, cluster: str | None, *, as_json: bool) -> None:
    """Stop the service NAME and forget it, with its logs; the name is free again.

    Its topics stay, and so do its group's offsets: a later deployment of the same name goes on from there
    unless it says --from earliest.
    """
    from headrace.deploy import rollout  # noqa: PLC0415

    _check_cluster(name, cluster)
    for problem in rollout.delete(name):
        note(problem)
    emit({"service": name, "deleted": True}, as_json=as_json, text=f"{name} is deleted.")


def _check_cluster(name: str, cluster: str | None) -> None:
    """Refuse a service of another cluster than the one that was named, when one was."""
    if cluster is None:
        return
    from headrace.deploy.services import require_on  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415

    require_on(name, resolve_cluster(cluster))


def _emit_one(status: ServiceStatus, *, as_json: bool) -> None:
    """Print a service that was to run, and leave with status 1 when it does not."""
    emit(status.model_dump(), as_json=as_json, text=_line(status))
    if status.state == "failed":
        raise click.exceptions.Exit(1)


def _line(status: ServiceStatus) -> str:
    def number(value: float | None, unit: str = "") -> str:
        return "?" if value is None else f"{value:,.0f}{unit}"

    text = (
        f"{status.service}  {status.state}  {status.commit[:10]}  replicas {status.replicas}  "
        f"in {status.in_per_s:,.0f}/s  out {status.out_per_s:,.0f}/s  lag {number(status.lag)}  "
        f"p50 {number(status.p50_ms, ' ms')}  p99 {number(status.p99_ms, ' ms')}  "
        f"records {number(status.records_in)} -> {number(status.records_out)}  failed {number(status.failed)}  "
        f"restarts {status.restarts}"
    )
    return f"{text}\n{status.message}" if status.message else text

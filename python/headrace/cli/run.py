"""``headrace run``: the service process, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.cli.output import cluster_option, emit, json_option


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replica", type=click.IntRange(min=0), default=0, show_default=True, help="Its number, from 0.")
@click.option(
    "--max-rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Take at most N records a second."
)
@cluster_option
@json_option
def run(folder: Path, replica: int, max_rate: float | None, cluster: str | None, *, as_json: bool) -> None:
    """Run the stream folder DIR as a service process, in the foreground, until SIGTERM or Ctrl-C.

    Logs are JSON lines on stderr; with --json the last status is printed on stdout.
    """
    from headrace.engine.runner import run as serve  # noqa: PLC0415  `headrace --help` stays fast
    from headrace.engine.service.deployment import read_deployment_info  # noqa: PLC0415
    from headrace.engine.service.logs import log_to_stderr  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415
    from headrace.spec import read_document  # noqa: PLC0415

    document = read_document(folder)
    deployment = read_deployment_info()
    where = resolve_cluster(cluster or deployment.cluster or document.spec.cluster, folder)
    log_to_stderr(service=document.spec.name, replica=replica)
    status = serve(folder, where, replica=replica, deployment=deployment, max_rate=max_rate)
    emit(status, as_json=as_json)

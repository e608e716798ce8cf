"""``headrace run``: the service process, in the foreground."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from headrace.cli.output import cluster_option, emit, json_option
from headrace.errors import UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replica", type=click.IntRange(min=0), default=0, show_default=True, help="Its number, from 0.")
@click.option(
    "--max-rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Take at most N records a second."
)
@click.option("--from", "start", metavar="START", help="Process a range and end: earliest, a time, -10m, or P:OFFSET.")
@click.option("--to", "end", metavar="END", help="Where the range ends, not included; all there is now by default.")
@click.option("--out", metavar="TOPIC|FILE", help="Where the range's outputs go; a file has a slash or ends in .jsonl.")
@cluster_option
@json_option
def run(
    folder: Path,
    replica: int,
    max_rate: float | None,
    start: str | None,
    end: str | None,
    out: str | None,
    cluster: str | None,
    *,
    as_json: bool,
) -> None:
    """Run the stream folder DIR as a service process, in the foreground, until SIGTERM or Ctrl-C.

    With --from and --out it processes a range as fast as it can, beside a live service without touching it, and ends.
    Logs are JSON lines on stderr; with --json the last status is printed on stdout.
    """
    if start is not None or end is not None or out is not None:
        if start is None or out is None:
            message = "A range needs --from and --out."
            raise UsageError(message, hint="Write --from earliest --out FILE.jsonl, or leave all three out.")
        _run_range(folder, start, end, out, max_rate, cluster, as_json=as_json)
        return
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


def _run_range(
    folder: Path, start: str, end: str | None, out: str, max_rate: float | None, cluster: str | None, *, as_json: bool
) -> None:
    from headrace.engine.bounded import run_bounded  # noqa: PLC0415  `headrace --help` stays fast
    from headrace.engine.stream import Stream  # noqa: PLC0415
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415

    stream = Stream.from_folder(folder)
    where = resolve_cluster(cluster or stream.document.spec.cluster, folder)
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: it cleans up, and says what is left
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{stream.document.spec.source} to {out}", total=None)
        result = run_bounded(
            stream,
            where,
            start=start,
            end=end,
            out=out,
            max_rate=max_rate,
            progress=lambda read, total: progress.update(task, completed=read, total=total),
            report=lambda text: progress.console.print(text, soft_wrap=True, markup=False, highlight=False),
        )
    text = (
        f"{result.records_in:,} records in, {result.records_out:,} out, {result.failed:,} failed, {result.late:,} late "
        f"in {result.seconds:.1f} s ({result.records_per_s:,.0f}/s)."
    )
    emit(result.model_dump(), as_json=as_json, text=text)

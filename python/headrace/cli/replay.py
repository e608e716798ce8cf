"""``headrace replay``: a file's rows as records."""

from __future__ import annotations

import dataclasses

import click

from headrace.cli.output import cluster_option, emit, json_option


@click.command()
@click.argument("file")
@click.option("--to", "topic", required=True, metavar="TOPIC", help="Created when it is not there.")
@click.option("--key", metavar="COLUMN", help="Its value, as text, is the record's key.")
@click.option("--time", metavar="COLUMN", help="Sort by it first: ISO 8601, or milliseconds since 1970.")
@click.option("--speed", type=float, metavar="X", help="X times as fast as recorded (1 = as recorded); needs --time.")
@click.option("--rate", type=float, metavar="N", help="N records per second; else as fast as possible.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N records.")
@click.option("--skip", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out N records at the start.")
@click.option("--partitions", type=click.IntRange(min=1), default=4, show_default=True, help="Of a topic it creates.")
@cluster_option
@json_option
def replay(  # noqa: PLR0913
    *,
    file: str,
    topic: str,
    key: str | None,
    time: str | None,
    speed: float | None,
    rate: float | None,
    limit: int | None,
    skip: int,
    partitions: int,
    cluster: str | None,
    as_json: bool,
) -> None:
    """Stream FILE into a topic as JSON records: CSV, JSON lines or Parquet, or `flights` for the demo data.

    The records' timestamps are now.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress, SpinnerColumn  # noqa: PLC0415

    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415
    from headrace.kafka.replay import replay as send  # noqa: PLC0415

    target = resolve_cluster(cluster)
    with Progress(
        SpinnerColumn(), *Progress.get_default_columns(), console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(f"{file} to {topic}", total=None)
        result = send(
            target,
            file,
            topic,
            key=key,
            time=time,
            speed=speed,
            rate=rate,
            limit=limit,
            skip=skip,
            partitions=partitions,
            progress=lambda sent, total: progress.update(task, completed=sent, total=total),
        )
    per_second = result.records / result.seconds if result.seconds else 0.0
    created = f" The topic was created with {partitions} partitions." if result.created else ""
    text = f"{result.records:,} records sent to {topic} in {result.seconds:.1f} s ({per_second:,.0f}/s).{created}"
    emit(dataclasses.asdict(result), as_json=as_json, text=text)

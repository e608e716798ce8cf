"""``headrace topics`` and ``headrace sample``: look at a cluster without leaving a trace."""

from __future__ import annotations

import sys

import click

from headrace.cli.output import cluster_option, emit, json_option, note
from headrace.spec.preview_options import DEFAULT_SAMPLE


@click.command()
@click.option("--internal", is_flag=True, help="Kafka's own topics too.")
@cluster_option
@json_option
def topics(*, internal: bool, cluster: str | None, as_json: bool) -> None:
    """List the topics of a cluster with their partitions and records."""
    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415
    from headrace.kafka.topics import list_topics, watermarks_of  # noqa: PLC0415

    target = resolve_cluster(cluster)
    shown = [topic for topic in list_topics(target) if internal or not topic.internal]
    ends = watermarks_of(target, shown)
    rows: list[dict[str, object]] = [
        {
            "name": topic.name,
            "partitions": topic.partitions,
            "records": sum(high - low for low, high in ends[topic.name].values()) if topic.name in ends else None,
        }
        for topic in shown
    ]
    document = {"cluster": {"name": target.name, "address": target.address}, "topics": rows}
    emit(document, as_json=as_json, text=_table(rows) or f"The cluster `{target.name}` has no topics.")


@click.command()
@click.argument("topic")
@click.option(
    "--sample",
    "text",
    default=DEFAULT_SAMPLE,
    show_default=True,
    metavar="RECORDS",
    help="latest:N, first:N, last:10m, START..END or P:START-END[,...].",
)
@cluster_option
@click.option("--json", "as_json", is_flag=True, help="The same: the output is JSON lines in any case.")
def sample(*, topic: str, text: str, cluster: str | None, as_json: bool) -> None:
    """Print records of TOPIC, one JSON object a line, leaving no group, offset or topic behind."""
    import orjson  # noqa: PLC0415

    from headrace.kafka.clusters import resolve_cluster  # noqa: PLC0415
    from headrace.kafka.record_view import describe_records  # noqa: PLC0415
    from headrace.kafka.sampling import take_sample  # noqa: PLC0415

    del as_json
    taken = take_sample(resolve_cluster(cluster), topic, text)
    output = sys.stdout.buffer
    for record in describe_records(taken.records):
        output.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    output.flush()
    if not taken.pin.complete:
        note("The sample was cut: it met the limit of records, bytes or seconds.")


def _table(rows: list[dict[str, object]]) -> str:
    if not rows:
        return ""
    lines = [("topic", "partitions", "records")]
    lines += [
        (str(row["name"]), str(row["partitions"]), f"{row['records']:,}" if row["records"] is not None else "?")
        for row in rows
    ]
    width = max(len(line[0]) for line in lines)
    return "\n".join(f"{name:<{width}}  {partitions:>10}  {records:>12}" for name, partitions, records in lines)

"""Throughput of a service (exactly-once) against the bare loop, on one broker and the same data.

Run it with ``make bench``, or ``python bench/service.py [--rounds 5] [--records 336776] [--cluster HOST:PORT]``. The
runs alternate; medians are printed, as a table or with ``--json``. Each run's output is counted by a read_committed
consumer. A run is measured from its first commit to its last, so that start-up does not count; CPU is the process'
own, all its threads.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import click
import pandas as pd
import polars as pl
import psutil
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from headrace.kafka import broker
from headrace.kafka.clusters import Cluster
from headrace.kafka.replay_source import demo_flights
from headrace.kafka.topics import create_topic
from headrace.spec import ColumnType, StreamDocument, StreamSpec, names, to_yaml

flights = pd.read_csv(demo_flights())
PARTITIONS = 4
LONGEST_SECONDS = 120.0
TRANSFORM = """
def transform(df):
    flown = df[df.dep_delay.notna()]
    return flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > 15)
"""


@dataclass(frozen=True)
class Run:
    """One measured run."""

    contestant: str
    records_per_s: float
    cpu_us: float
    rss_mb: float


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--records", default=len(flights), show_default=True)
@click.option("--cluster", "address", default=None, help="HOST:PORT; the local broker by default, started if needed.")
@click.option("--json", "as_json", is_flag=True)
def main(rounds: int, records: int, address: str | None, *, as_json: bool) -> None:
    """Measure and print."""
    own = address is None and not broker.status().running
    where = address or broker.start(0 if own else broker.DEFAULT_PORT).address
    try:
        runs = measure(Cluster.at(str(where)), rounds, records)
    finally:
        if own:
            broker.stop()
    report(runs, as_json=as_json)


def measure(cluster: Cluster, rounds: int, records: int) -> list[Run]:
    """Run both contestants ``rounds`` times, by turns."""
    source = f"bench-{uuid.uuid4().hex[:8]}"
    create_topic(cluster, source, PARTITIONS)
    flown = fill(cluster, source, records)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for contestant in ("bare loop", "service"):
                name = f"{contestant.split()[0]}-{source}-{number}"
                sink = f"{name}-out"
                create_topic(cluster, sink, PARTITIONS)
                create_topic(cluster, f"{sink}.dlq", PARTITIONS)
                bare = contestant == "bare loop"
                command = (
                    [str(Path(__file__).with_name("bare_loop.py")), cluster.address, name, source, sink, str(records)]
                    if bare
                    else ["-m", "headrace", "run", str(stream_folder(Path(folder), name, source, sink))]
                )
                if not bare:
                    command += ["--cluster", cluster.address]
                runs.append(run(contestant, command, cluster, name, source, records))
                check_count(cluster, sink, records if bare else flown)
                click.echo(f"{runs[-1]}", err=True)
    return runs


def run(contestant: str, command: list[str], cluster: Cluster, name: str, source: str, records: int) -> Run:
    """Start a contestant, watch its group until everything is committed, and end it."""
    watcher = Consumer(
        {
            "bootstrap.servers": cluster.address,
            "group.id": names.group_id(name),
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",
        }
    )
    places = [TopicPartition(source, number) for number in range(PARTITIONS)]

    def progress() -> int:
        return sum(max(place.offset, 0) for place in watcher.committed(places, timeout=10))

    child = subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)
    process = psutil.Process(child.pid)
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not (first := progress()):
            time.sleep(0.02)
            check_deadline(child, deadline, contestant)
        began, used, peak = time.monotonic(), cpu_seconds(process), 0
        while progress() < records:
            peak = max(peak, process.memory_info().rss)
            time.sleep(0.02)
            check_deadline(child, deadline, contestant)
        elapsed, spent = time.monotonic() - began, cpu_seconds(process) - used
    finally:
        child.terminate()
        child.wait(20)
        watcher.close()
    count = records - first
    return Run(contestant, round(count / elapsed), round(spent / count * 1e6, 2), round(peak / 2**20))


def check_deadline(child: subprocess.Popen[bytes], deadline: float, contestant: str) -> None:
    """Give up on a contestant that ended or takes too long."""
    if child.poll() not in {None, 0} or time.monotonic() > deadline:
        message = f"{contestant} did not finish (exit status {child.poll()})."
        raise click.ClickException(message)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time of all threads of a process; what it used up to its end when it has ended."""
    times = process.cpu_times()
    return float(times.user + times.system)


def fill(cluster: Cluster, topic: str, records: int) -> int:
    """Produce flights as JSON, over and over up to ``records``; return how many of them the transform keeps."""
    text = io.BytesIO()
    chosen = flights.iloc[[row % len(flights) for row in range(records)]]
    pl.from_pandas(chosen).write_ndjson(text)
    producer = Producer(
        {"bootstrap.servers": cluster.address, "linger.ms": 50, "queue.buffering.max.messages": 2_000_000}
    )
    for value, tail in zip(text.getvalue().splitlines(), chosen.tailnum, strict=True):
        producer.produce(topic, value, None if pd.isna(tail) else str(tail).encode())
    if producer.flush(120):
        message = "The flights could not be produced."
        raise click.ClickException(message)
    return int(chosen.dep_delay.notna().sum())


def stream_folder(folder: Path, name: str, source: str, sink: str) -> Path:
    """Write the stream folder of the main job."""
    types: dict[str, ColumnType] = {}
    for column, kind in flights.dtypes.items():
        types[str(column)] = "float64" if kind == "float64" else "int64" if kind == "int64" else "str"
    types["time_hour"] = "datetime64[us, UTC]"
    spec = StreamSpec(name=name, source=source, sinks=(sink,), key="origin", time="time_hour")
    place = folder / name
    place.mkdir()
    (place / "stream.yaml").write_text(to_yaml(StreamDocument(spec=spec, input=types)), encoding="utf-8")
    (place / "transform.py").write_text(TRANSFORM, encoding="utf-8")
    return place


def check_count(cluster: Cluster, topic: str, expected: int) -> None:
    """Count the committed records of ``topic``."""
    reader = Consumer(
        {
            "bootstrap.servers": cluster.address,
            "group.id": "headrace-bench-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    waiting, count = set(range(PARTITIONS)), 0
    while waiting:
        for message in reader.consume(20_000, 0.2):
            error = message.error()
            if error is None:
                count += 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                waiting.discard(message.partition() or 0)
    reader.close()
    if count != expected:
        message_text = f"{topic} has {count} records, {expected} were expected."
        raise click.ClickException(message_text)


def report(runs: list[Run], *, as_json: bool) -> None:
    """Print medians and the ratio."""
    medians = {
        contestant: {
            "records_per_s": statistics.median(run.records_per_s for run in runs if run.contestant == contestant),
            "cpu_us_per_record": statistics.median(run.cpu_us for run in runs if run.contestant == contestant),
            "peak_rss_mb": statistics.median(run.rss_mb for run in runs if run.contestant == contestant),
        }
        for contestant in ("bare loop", "service")
    }
    ratio = medians["service"]["records_per_s"] / medians["bare loop"]["records_per_s"]
    if as_json:
        import orjson  # noqa: PLC0415

        click.echo(orjson.dumps({"ratio": round(ratio, 3), "medians": medians}).decode())
        return
    click.echo(f"{'':12}{'records/s':>12}{'CPU µs/record':>16}{'peak RSS MB':>14}")
    for contestant, median in medians.items():
        figures = f"{median['records_per_s']:>12,.0f}{median['cpu_us_per_record']:>16.2f}{median['peak_rss_mb']:>14.0f}"
        click.echo(f"{contestant:12}{figures}")
    click.echo(f"service / bare loop: {ratio:.2f}")


if __name__ == "__main__":
    main()

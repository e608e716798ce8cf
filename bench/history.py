"""A large history on one replica: its memory, and a restart with what is on its disk and without.

Run it with ``python bench/history.py [--rows 10000000] [--keys 1000000]``, or ``make bench-history``. A service with a
lookback of 28 days, which all of the records are within, takes them; each row has eight columns. Then it is killed and
started again, once with its folder as it was and once with an empty one, and the time from the start of the process to
the first new output is taken, and the largest resident memory (VmHWM, mapped files included) of each process.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Self

import click
import numpy as np
import polars as pl

from headrace.home import home
from headrace.kafka import broker, clients
from headrace.kafka.bytes_column import BytesColumn
from headrace.kafka.clusters import Cluster
from headrace.kafka.native import batch_writer, producer_settings
from headrace.kafka.topics import committed, create_topic, watermarks
from headrace.spec import ColumnType, StreamDocument, StreamSpec, names, to_yaml

PARTITIONS = 6
NAME = f"history-{uuid.uuid4().hex[:8]}"
SOURCE, SINK = f"{NAME}-in", f"{NAME}-out"
PIECE = 250_000
_SAY_SECONDS = 20
TYPES: dict[str, ColumnType] = {
    "customer": "int64",
    "at": "datetime64[us, UTC]",
    "amount": "float64",
    "quantity": "int64",
    "shop": "str",
    "channel": "str",
    "price": "float64",
    "discount": "float64",
}
TRANSFORM = """
def transform(df):
    spent = df.groupby("customer")["amount"].cumsum()
    return df[["customer", "at"]].assign(spent=spent)
"""
FIRST = np.datetime64("2026-01-01T00:00:00", "us")
DAYS = 27


@click.command()
@click.option("--rows", default=10_000_000, show_default=True)
@click.option("--keys", default=1_000_000, show_default=True)
def main(rows: int, keys: int) -> None:
    """Measure and print."""
    own = not broker.status().running
    cluster = Cluster.at(str(broker.start(0 if own else None).address))
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(cluster, Path(folder), rows, keys)
    finally:
        if own:
            broker.stop()


def measure(cluster: Cluster, folder: Path, rows: int, keys: int) -> None:
    """Fill the source, let the service take it, and restart it twice."""
    for topic in (SOURCE, SINK, f"{SINK}.dlq", names.state_topic(NAME)):
        create_topic(cluster, topic, PARTITIONS, {"retention.ms": "-1"})
    fill(cluster, 0, rows, rows, keys)
    stream = stream_folder(folder)
    state = home("services", NAME) / "state-0"
    shutil.rmtree(state, ignore_errors=True)
    with Service(stream, cluster) as service:
        took = service.until(_past(cluster, rows))
        status = service.status()
        click.echo(f"filled:      {took:7.1f} s for {rows:,} records, {rows / took:,.0f} records/s")
        click.echo(f"remembered:  {status['remembered_rows']:,} rows")
        click.echo(f"peak memory: {service.peak():,.0f} MB")
        service.terminate()
    for kind in ("warm disk", "empty disk"):
        if kind == "empty disk":
            shutil.rmtree(state)
        size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) if state.exists() else 0
        done = progress(cluster)
        fill(cluster, done, 1_000, rows, keys)
        with Service(stream, cluster) as service:
            took = service.until(_past(cluster, done + 1_000))
            peak, disk = f"peak {service.peak():,.0f} MB", f"{size / 2**20:,.0f} MB on disk"
            click.echo(f"restart, {kind}: {took:.1f} s to the first outputs, {peak}, {disk}")
            service.kill()


class Service:
    """A `headrace run` process of the stream."""

    def __init__(self, stream: Path, cluster: Cluster) -> None:
        self._command = [sys.executable, "-m", "headrace", "run", str(stream), "--cluster", cluster.address]
        self._log = stream.parent / "log.txt"

    def __enter__(self) -> Self:
        """Start it."""
        self.began = time.monotonic()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.kill()

    def until(self, reached: Callable[[], bool], longest: float = 3_600) -> float:
        """Wait for a condition and return the seconds since the start."""
        said = time.monotonic()
        while not reached():
            if self.process.poll() is not None or time.monotonic() - self.began > longest:
                message = f"The service did not get there:\n{self._log.read_text()[-3_000:]}"
                raise click.ClickException(message)
            time.sleep(0.1)
            if time.monotonic() - said > _SAY_SECONDS:
                said = time.monotonic()
                click.echo(f"  {said - self.began:5.0f} s, {self.peak():,.0f} MB", err=True)
        return time.monotonic() - self.began

    def status(self) -> dict[str, float]:
        """What the replica says of itself."""
        port = json.loads((home("services", NAME) / "replica-0.json").read_text())["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def peak(self) -> float:
        """The largest resident memory so far, MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    def terminate(self) -> None:
        """SIGTERM, and say how long it took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(120)
        click.echo(f"stopped:     {time.monotonic() - began:7.1f} s, its copy of the history written")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)


def _past(cluster: Cluster, count: int) -> Callable[[], bool]:
    return lambda: progress(cluster) >= count


def progress(cluster: Cluster) -> int:
    """Return how many records are committed."""
    return sum(max(place.offset, 0) for place in committed(cluster, names.group_id(NAME), SOURCE).values())


def fill(cluster: Cluster, first: int, count: int, of: int, keys: int) -> None:
    """Produce ``count`` records, the first of them number ``first``; ``of`` of them are in the 27 days."""
    producer = clients.producer(
        cluster, purpose="bench", **{"linger.ms": 20, "queue.buffering.max.messages": 2_000_000, **producer_settings()}
    )
    writer = batch_writer(producer)
    step = DAYS * 86_400_000_000 // of
    for begin in range(first, first + count, PIECE):
        numbers = np.arange(begin, min(begin + PIECE, first + count))
        random = np.random.default_rng(begin)
        times = FIRST + (numbers * step).astype("timedelta64[us]")
        customers = random.integers(0, keys, len(numbers))
        frame = pl.DataFrame(
            {
                "customer": customers,
                "at": pl.Series(times).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
                "amount": random.integers(1, 100_000, len(numbers)) / 100,
                "quantity": random.integers(1, 20, len(numbers)),
                "shop": [f"shop-{number}" for number in random.integers(0, 500, len(numbers))],
                "channel": np.array(["web", "store", "phone"])[random.integers(0, 3, len(numbers))],
                "price": random.random(len(numbers)).round(4),
                "discount": random.random(len(numbers)).round(4),
            }
        )
        text = io.BytesIO()
        frame.write_ndjson(text)
        data = np.frombuffer(text.getvalue(), np.uint8)
        ends = np.flatnonzero(data == ord("\n"))
        values = BytesColumn(data, np.append(0, ends + 1))
        own = [b"%d" % customer for customer in customers.tolist()]
        taken = 0
        while taken < len(numbers):
            taken += writer.send(SOURCE, values, own, np.full(len(numbers), 1_790_000_000_000), first=taken)
            producer.poll(0.05)
    if producer.flush(300):
        message = "The records could not be produced."
        raise click.ClickException(message)
    ends_of = watermarks(cluster, SOURCE)
    click.echo(f"{SOURCE}: {sum(high - low for low, high in ends_of.values()):,} records", err=True)


def stream_folder(folder: Path) -> Path:
    """Write the stream's folder."""
    spec = StreamSpec(name=NAME, source=SOURCE, sinks=(SINK,), key="customer", time="at", lookback="28d")
    place = folder / NAME
    place.mkdir()
    (place / "stream.yaml").write_text(to_yaml(StreamDocument(spec=spec, input=TYPES)), encoding="utf-8")
    (place / "transform.py").write_text(TRANSFORM, encoding="utf-8")
    return place


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()

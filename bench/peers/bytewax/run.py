"""The workloads in Bytewax."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import bytewax.operators as op
import bytewax.operators.windowing as win
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

LATE_MINUTES = 15
LOOKBACK_SECONDS = 6 * 3600
# Each batch is flushed to the broker before the next one is taken.
BATCH = 10_000
# Bytewax stores its offsets and what has changed of its state at the end of an epoch.
EPOCH = timedelta(seconds=0.5)
# The clock goes on between readings, as on the wall, and what is before it is left out.
LATENESS = timedelta(minutes=1)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
CONSUMER = {
    "fetch.queue.backoff.ms": 2,
    "queued.min.messages": 200_000,
    "queued.max.messages.kbytes": 64 * 1024,
    "statistics.interval.ms": 0,
}
PRODUCER = {
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.messages": 1_000_000,
}

Message: TypeAlias = KafkaSourceMessage[bytes | None, bytes | None]
Figures = dict[str, tuple[int, float, float]]


def speeds(messages: list[Message]) -> Iterator[Any]:
    """Give each flight that flew, with its speed and whether it was late."""
    for message in messages:
        flight = orjson.loads(message.value or b"null")
        if flight["dep_delay"] is None:
            continue
        air_time, arr_delay = flight["air_time"], flight["arr_delay"]
        flight["speed"] = flight["distance"] / (air_time / 60) if air_time is not None else None
        flight["late"] = arr_delay is not None and arr_delay > LATE_MINUTES
        yield KafkaSinkMessage(message.key, orjson.dumps(flight))


def readings(messages: list[Message]) -> Iterator[tuple[str, tuple[str, datetime, float]]]:
    """Give each reading's sensor, time and value, keyed by its partition."""
    for message in messages:
        reading = orjson.loads(message.value or b"null")
        row = (reading["sensor"], datetime.fromisoformat(reading["time"]), reading["value"])
        yield str(message.partition), row


def added(figures: Figures, row: tuple[str, datetime, float]) -> Figures:
    """Add a reading to a minute's figures: how many, sum and highest by sensor."""
    sensor, _, value = row
    count, total, highest = figures.get(sensor, (0, 0.0, value))
    figures[sensor] = (count + 1, total + value, max(highest, value))
    return figures


def united(one: Figures, other: Figures) -> Figures:
    """Unite a minute's figures; tumbling windows never need it."""
    return one | other


def minutes(closed: list[tuple[str, tuple[int, Figures]]]) -> Iterator[Any]:
    """Give the rows of closed minutes."""
    for _, (number, figures) in closed:
        start = (BEGIN + timedelta(minutes=number)).isoformat(timespec="milliseconds")
        for sensor, (count, total, highest) in figures.items():
            row = {"window_start": start, "sensor": sensor, "readings": count, "total": total, "highest": highest}
            yield KafkaSinkMessage(sensor.encode(), orjson.dumps(row))


def by_sensor(messages: list[Message]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each reading, keyed by its sensor."""
    for message in messages:
        reading = orjson.loads(message.value or b"null")
        yield reading["sensor"], reading


class Lookback(op.StatefulBatchLogic[dict[str, Any], bytes, list[tuple[float, float]]]):  # type: ignore[misc]  # untyped here
    """A sensor's last six hours."""

    def __init__(self, past: list[tuple[float, float]] | None) -> None:
        self._past = deque(past or ())

    def on_batch(self, values: list[dict[str, Any]]) -> tuple[list[bytes], bool]:
        """Return each reading's mean, and that the sensor's state stays."""
        rows, past = [], self._past
        for reading in values:
            at = datetime.fromisoformat(reading["time"]).timestamp()
            past.append((at, reading["value"]))
            while past[0][0] < at - LOOKBACK_SECONDS:
                past.popleft()
            mean = sum(value for _, value in past) / len(past)
            rows.append(orjson.dumps({"sensor": reading["sensor"], "time": reading["time"], "mean": mean}))
        return rows, op.StatefulBatchLogic.RETAIN

    def snapshot(self) -> list[tuple[float, float]]:
        """Return what is stored."""
        return list(self._past)


def main(address: str, name: str, source: str, sink: str, workload: str, _: str, folder: str) -> None:
    """Do a workload until the process is ended."""
    flow = Dataflow(name)
    messages = op.input("source", flow, KafkaSource([address], [source], add_config=CONSUMER, batch_size=BATCH))
    if workload in {"stateless", "latency"}:
        outputs = op.flat_map_batch("speeds", messages, speeds)
    elif workload == "tumbling":
        # Keyed by partition: the clock of a key advances by its own readings, and its last minute would never close.
        clock = win.EventClock(lambda row: row[1], LATENESS, to_system_utc=lambda _: None)
        windower = win.TumblingWindower(length=timedelta(minutes=1), align_to=BEGIN)
        keyed = op.flat_map_batch("readings", messages, readings)
        closed = win.fold_window("minutes", keyed, clock, windower, dict, added, united, ordered=False)
        outputs = op.flat_map_batch("rows", closed.down, minutes)
    else:
        keyed = op.flat_map_batch("by_sensor", messages, by_sensor)
        means = op.stateful_batch("lookback", keyed, Lookback)
        outputs = op.map("messages", means, lambda pair: KafkaSinkMessage(pair[0].encode(), pair[1]))
    op.output("sink", outputs, KafkaSink([address], sink, add_config=PRODUCER))
    recovery = Path(folder) / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    cli_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(recovery)))


if __name__ == "__main__":
    main(*sys.argv[1:8])

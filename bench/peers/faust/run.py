"""The workloads in Faust."""

from __future__ import annotations

import logging
import sys
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import faust
import uvloop  # type: ignore[import-not-found]  # of this peer's environment

LATE_MINUTES = 15
MINUTE = 60
LOOKBACK_SECONDS = 6 * 3600


def with_speed(flight: dict[str, Any]) -> dict[str, Any]:
    """Return the flight with its speed and whether it was late."""
    air_time, arr_delay = flight["air_time"], flight["arr_delay"]
    speed = flight["distance"] / (air_time / 60) if air_time is not None else None
    return {**flight, "speed": speed, "late": arr_delay is not None and arr_delay > LATE_MINUTES}


def seconds_of(reading: dict[str, Any]) -> float:
    """Return a reading's time in seconds since 1970."""
    return datetime.fromisoformat(reading["time"]).timestamp()


class Job:
    """What is done with a stream's events.

    Args:
        sink: the topic for the outputs.
        table: by key; durable in Kafka, as all of Faust's tables. Jobs without state do not use it.
    """

    def __init__(self, sink: faust.TopicT, table: faust.Table) -> None:
        self._sink = sink
        self._table = table

    async def stateless(self, stream: faust.StreamT[Any]) -> None:
        """Send each flight that flew on, with its speed."""
        async for key, flight in stream.items():
            if flight["dep_delay"] is not None:
                await self._sink.send(key=key, value=with_speed(flight))

    latency = stateless

    async def tumbling(self, stream: faust.StreamT[Any]) -> None:
        """Send a minute's figures when its partition's time is past it.

        Faust's own windows close by the wall clock, whatever the records' times are, and a minute that closed in one
        partition stays unreported in the others. So here is what one writes instead: a table of the open minutes.
        """
        minutes: dict[int, float] = {}
        sensors: dict[int, set[bytes]] | None = None
        async for event in stream.events():
            if sensors is None:
                # Now the table is as it was before a restart.
                sensors = defaultdict(set)
                for sensor, (partition, start, *_) in self._table.items():
                    minutes[partition] = start
                    sensors[partition].add(sensor)
            partition, key, value = event.message.partition, event.key, event.value["value"]
            start = seconds_of(event.value) // MINUTE * MINUTE
            if start > minutes.setdefault(partition, start):
                minutes[partition] = start
                for sensor in sensors.pop(partition, ()):
                    await self._close(sensor)
            sensors[partition].add(key)
            *_, readings, total, highest = self._table.get(key) or (0, 0.0, value)
            self._table[key] = (partition, start, readings + 1, total + value, max(highest, value))

    async def _close(self, sensor: bytes) -> None:
        _, start, readings, total, highest = self._table.pop(sensor)
        begin = datetime.fromtimestamp(start, UTC).isoformat(timespec="milliseconds")
        figures = {"readings": readings, "total": total, "highest": highest}
        await self._sink.send(key=sensor, value={"window_start": begin, "sensor": sensor.decode(), **figures})

    async def lookback(self, stream: faust.StreamT[Any]) -> None:
        """Send each reading's mean over its sensor's last six hours."""
        async for key, reading in stream.items():
            at = seconds_of(reading)
            past = [pair for pair in self._table.get(key) or () if pair[0] >= at - LOOKBACK_SECONDS]
            past.append((at, reading["value"]))
            self._table[key] = past
            mean = sum(value for _, value in past) / len(past)
            await self._sink.send(key=key, value={"sensor": reading["sensor"], "time": reading["time"], "mean": mean})


def main(address: str, name: str, source: str, sink: str, workload: str, delivery: str, folder: str) -> None:
    """Do a workload until the process is ended."""
    # Without this a tenth of the time goes into debug records that nobody sees.
    logging.disable(logging.INFO)
    uvloop.install()
    app = faust.App(
        name,
        broker=f"kafka://{address}",
        processing_guarantee=delivery.replace("-", "_"),
        datadir=folder,
        store="memory://",
        topic_partitions=4,
        topic_disable_leader=True,
        web_enabled=False,
        broker_commit_interval=0.5,
        consumer_auto_offset_reset="earliest",
        producer_compression_type="lz4",
        producer_linger=0.005,
        producer_max_batch_size=512 * 1024,
    )
    table = app.Table(workload, key_type=bytes, partitions=4) if workload in {"tumbling", "lookback"} else None
    topics = [app.topic(topic, key_type=bytes, value_serializer="json", partitions=4) for topic in (source, sink)]
    job = Job(topics[1], table)
    app.agent(topics[0])(getattr(job, workload))
    faust.Worker(app, loglevel="warning", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:8])

"""The workloads in Quix Streams."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Mean, Sum

LATE_MINUTES = 15
# Commits make exactly-once outputs visible: half a second costs no throughput, a tenth gives its best latency.
COMMIT_SECONDS = {"latency": 0.1}
FETCH = {"fetch.queue.backoff.ms": 2, "queued.min.messages": 200_000}


def flown(flight: dict[str, Any]) -> bool:
    """Whether a flight flew."""
    return flight["dep_delay"] is not None


def with_speed(flight: dict[str, Any]) -> dict[str, Any]:
    """Return the flight with its speed and whether it was late."""
    air_time, arr_delay = flight["air_time"], flight["arr_delay"]
    speed = flight["distance"] / (air_time / 60) if air_time is not None else None
    return {**flight, "speed": speed, "late": arr_delay is not None and arr_delay > LATE_MINUTES}


def iso(milliseconds: int) -> str:
    """Return a time as text."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def window_row(window: dict[str, Any], key: str, *_: object) -> dict[str, Any]:
    """Return a window's figures as the workload has them."""
    figures = {name: window[name] for name in ("readings", "total", "highest")}
    return {"window_start": iso(window["start"]), "sensor": key, **figures}


def mean_row(window: dict[str, Any], key: str, *_: object) -> dict[str, Any]:
    """Return a reading's mean as the workload has it."""
    return {"sensor": key, "time": iso(window["end"]), "mean": window["mean"]}


def main(address: str, name: str, source: str, sink: str, workload: str, delivery: str, folder: str) -> None:
    """Do a workload until the process is ended."""
    app = Application(
        address,
        consumer_group=name,
        processing_guarantee=delivery,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_SECONDS.get(workload, 0.5),
        consumer_extra_config=FETCH,
        producer_extra_config={"compression.type": "lz4", "linger.ms": 5, "retry.backoff.ms": 5},
        state_dir=folder,
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(source, key_deserializer="str"))
    if workload in {"stateless", "latency"}:
        frame = frame.filter(flown).apply(with_speed)
    elif workload == "tumbling":
        figures = {"readings": Count(), "total": Sum("value"), "highest": Max("value")}
        windows = frame.tumbling_window(timedelta(minutes=1)).agg(**figures).final(closing_strategy="partition")
        frame = windows.apply(window_row, metadata=True)
    else:
        frame = (
            frame.sliding_window(timedelta(hours=6)).agg(mean=Mean("value")).current().apply(mean_row, metadata=True)
        )
    frame.to_topic(app.topic(sink, key_serializer="str"))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:8])

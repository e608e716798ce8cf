"""Flights as a stream that remembers meets them, its outputs, and what pandas gives on the whole."""

from __future__ import annotations

from functools import cache

import numpy as np
import orjson
import pandas as pd

from headrace.kafka.clusters import Cluster
from headrace.kafka.replay_source import demo_flights
from headrace.spec import ColumnType
from service_process import read_all

TYPES: dict[str, ColumnType] = {
    "tailnum": "str",
    "time": "datetime64[us, UTC]",
    "dep_delay": "float64",
    "distance": "int64",
    "number": "int64",
}
GRACE = pd.Timedelta("2h")
MEAN = """
by_tail = df.sort_values("tailnum", kind="stable")
rolling = by_tail.groupby("tailnum", dropna=False).rolling("28D", on="time")["dep_delay"]
return by_tail.assign(mean=rolling.mean().to_numpy()).sort_index()[["number", "tailnum", "mean"]]
"""


@cache
def flights(count: int) -> pd.DataFrame:
    """Flights in the order in which they arrive: 1 % late within the grace, with ties in time and nulls."""
    table = pd.read_csv(demo_flights(), usecols=["time_hour", "tailnum", "dep_delay", "distance"]).head(count)
    time = pd.to_datetime(table.time_hour, utc=True).dt.as_unit("us")
    frame = table.assign(time=time).drop(columns="time_hour").sort_values("time", kind="stable", ignore_index=True)
    random = np.random.default_rng(5)
    late = random.random(count) < 0.01
    shift = pd.to_timedelta(np.where(late, random.integers(0, int(GRACE.total_seconds()), count), 0), unit="s")
    return frame.assign(time=(frame.time - shift).dt.as_unit("us"), number=np.arange(count))


def values_of(frame: pd.DataFrame) -> tuple[list[bytes | None], list[bytes | None]]:
    tails: list[str | None] = frame.tailnum.astype(object).where(frame.tailnum.notna(), None).tolist()
    values: list[bytes | None] = [
        orjson.dumps({"tailnum": tail, "time": time, "dep_delay": delay, "distance": distance, "number": number})
        for tail, time, delay, distance, number in zip(
            tails,
            frame.time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            frame.dep_delay.tolist(),
            frame.distance.tolist(),
            frame.number.tolist(),
            strict=True,
        )
    ]
    return values, [(tail or "none").encode() for tail in tails]  # an empty key would go anywhere


def rolling_means(frame: pd.DataFrame, cluster: Cluster, source: str) -> pd.Series:
    """Return for each flight, by number, what pandas gives on the whole; ties in time go by partition and offset."""
    place = {
        orjson.loads(message.value() or b"null")["number"]: (message.partition(), message.offset())
        for message in read_all(cluster, source)
    }
    placed = frame.assign(place=pd.Series([place[number] for number in frame.number.tolist()], dtype=object))
    whole = placed.sort_values(["tailnum", "time", "place"], kind="stable", ignore_index=True)
    rolling = whole.groupby("tailnum", dropna=False).rolling("28D", on="time")["dep_delay"].mean()
    return pd.Series(rolling.to_numpy(), index=whole.number).sort_index()


def outputs(cluster: Cluster, topic: str) -> pd.DataFrame:
    return pd.DataFrame([orjson.loads(message.value() or b"null") for message in read_all(cluster, topic)])

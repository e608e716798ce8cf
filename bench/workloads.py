"""The records of the benchmark, and what must come out of them, by plain pandas on the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from headrace.kafka.replay_source import demo_flights

PARTITIONS = 4
SENSORS_OF_WINDOWS = 1_000
SENSORS_OF_LOOKBACK = 5_000
WINDOW = "1min"
WINDOWS = 40
LOOKBACK = "6h"
LOOKBACKS = 3
CLOSING_SENSOR = "closing"
BEGIN = pd.Timestamp("2026-01-05T00:00:00Z")
LATENCY_PER_S = 500


@dataclass(frozen=True)
class Records:
    """Records to produce.

    Attributes:
        values: JSON, one object a record.
        keys: the record's key, or None.
        times: int64[records], milliseconds since 1970, the records' timestamps.
        partitions: where a record must go, or None where its key decides (murmur2).
    """

    values: list[bytes]
    keys: list[bytes | None]
    times: np.ndarray
    partitions: list[int | None]


@dataclass(frozen=True)
class Workload:
    """One job that all contestants do.

    Attributes:
        name: as the contestants take it.
        title: as the report has it.
        make: ``make(count)`` gives the records and the expected outputs: a frame, one row an output.
        identity: columns of the outputs that tell one from all others.
        times: columns of the outputs that are times, written as ISO 8601.
        paced: records come at `LATENCY_PER_S`, and latency is measured, not rate.
        records: how many there are, when nobody says otherwise: enough for the fastest to be measured.
    """

    name: str
    title: str
    make: Callable[[int], tuple[Records, pd.DataFrame]]
    identity: tuple[str, ...]
    times: tuple[str, ...] = ()
    paced: bool = False
    records: int = 300_000


def flights(count: int) -> pd.DataFrame:
    """Return ``count`` flights, 19 columns and their ``number``, over again where there are fewer."""
    table = pd.read_csv(demo_flights())
    chosen = table.iloc[np.arange(count) % len(table)].reset_index(drop=True)
    chosen.insert(0, "number", np.arange(count))
    return chosen


def with_speed(table: pd.DataFrame) -> pd.DataFrame:
    """Return what the stateless job gives: flights that flew, with speed (miles an hour) and whether they were late."""
    flown = table[table.dep_delay.notna()]
    return flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > 15)  # noqa: PLR2004 - minutes


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return flights with their time as one, as outputs are read."""
    return table.assign(time_hour=pd.to_datetime(table.time_hour, utc=True))


def stateless(count: int) -> tuple[Records, pd.DataFrame]:
    """Every column decoded and encoded; 2 more; 2.5 % of the rows dropped."""
    table = flights(count)
    return records_of(table, table.tailnum), typed(with_speed(table))


def paced(count: int) -> tuple[Records, pd.DataFrame]:
    """The stateless job on flights that flew: one output a record."""
    table = flights(count + count // 10)
    table = table[table.dep_delay.notna()].head(count)
    return records_of(table, table.tailnum), typed(with_speed(table))


def readings(count: int, sensors: int, span: pd.Timedelta) -> pd.DataFrame:
    """Return readings of sensors, some 200 bytes as JSON, at distinct times in order over ``span``."""
    random = np.random.default_rng(11)
    steps = (np.arange(count) * (span.value // 1_000_000 / count)).astype(np.int64)
    return pd.DataFrame(
        {
            "number": np.arange(count),
            "sensor": pd.Series(random.integers(0, sensors, count)).map("sensor-{:05d}".format),
            "time": pd.Series(BEGIN + pd.to_timedelta(steps, unit="ms")).dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "value": random.normal(20, 5, count).round(3),
            "voltage": random.normal(3.3, 0.05, count).round(4),
            "battery": random.integers(0, 101, count),
            "site": pd.Series(random.integers(0, 40, count)).map("site-{:02d}".format),
            "unit": "celsius",
            "firmware": "4.18.2",
        }
    )


def tumbling(count: int) -> tuple[Records, pd.DataFrame]:
    """Per sensor and minute: how many readings, their sum and the highest.

    A last record in each partition, a day later, closes the windows; its own stays open.
    """
    table = readings(count, SENSORS_OF_WINDOWS, pd.Timedelta(WINDOW) * WINDOWS)
    start = pd.to_datetime(table.time, utc=True).dt.floor(WINDOW)
    grouped = table.assign(window_start=start).groupby(["window_start", "sensor"])
    expected = grouped.agg(readings=("number", "size"), total=("value", "sum"), highest=("value", "max"))
    later = (BEGIN + pd.Timedelta("1D")).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    closing = table.head(PARTITIONS).assign(number=-1, sensor=CLOSING_SENSOR, time=later)
    body, end = records_of(table, table.sensor, table.time), records_of(closing, closing.sensor, closing.time)
    records = Records(
        body.values + end.values,
        body.keys + end.keys,
        np.concatenate([body.times, end.times]),
        [*body.partitions, *range(PARTITIONS)],
    )
    return records, expected.reset_index()


def lookback(count: int) -> tuple[Records, pd.DataFrame]:
    """The mean of each sensor's last six hours, at each reading."""
    table = readings(count, SENSORS_OF_LOOKBACK, pd.Timedelta(LOOKBACK) * LOOKBACKS)
    timed = table.assign(at=pd.to_datetime(table.time, utc=True))
    by_sensor = timed.sort_values(["sensor", "at"], kind="stable")
    means = by_sensor.groupby("sensor").rolling(LOOKBACK, on="at", closed="both")["value"].mean()
    expected = by_sensor.assign(mean=means.to_numpy(), time=by_sensor["at"]).sort_index()
    return records_of(table, table.sensor, table.time), expected[["sensor", "time", "mean"]]


def records_of(table: pd.DataFrame, keys: pd.Series, times: pd.Series | None = None) -> Records:
    """Return a table's rows as records; without ``times`` they happen a millisecond apart."""
    lines = pl.from_pandas(table).write_ndjson().encode().splitlines()
    stamps: np.ndarray
    if times is None:
        stamps = BEGIN.value // 1_000_000 + np.arange(len(table))
    else:
        stamps = pd.to_datetime(times, utc=True).dt.as_unit("ms").astype("int64").to_numpy()
    texts = keys.astype(object).where(keys.notna(), None).tolist()
    return Records(lines, [text.encode() if text is not None else None for text in texts], stamps, [None] * len(lines))


def outputs_frame(values: list[bytes], workload: Workload) -> pd.DataFrame:
    """Return a contestant's outputs as a frame like the expected one; what closed the windows is left out.

    Raises:
        ValueError: an output is not a JSON object, or a time is none.
    """
    try:
        frame = pl.read_ndjson(b"\n".join(values), infer_schema_length=None).to_pandas()
    except pl.exceptions.PolarsError as error:
        raise ValueError(str(error)) from error
    for column in workload.times:
        if column in frame:
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
    return frame[frame.sensor != CLOSING_SENSOR] if "sensor" in frame else frame


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload(
            "stateless",
            "Stateless: every column decoded, two more, every column encoded",
            stateless,
            ("number",),
            ("time_hour",),
            records=1_000_000,
        ),
        Workload(
            "tumbling",
            f"Tumbling window of 1 minute, {SENSORS_OF_WINDOWS:,} keys: count, sum, maximum",
            tumbling,
            ("sensor", "window_start"),
            ("window_start",),
            records=1_000_000,
        ),
        Workload(
            "lookback",
            f"6-hour lookback: mean per key, {SENSORS_OF_LOOKBACK:,} keys",
            lookback,
            ("sensor", "time"),
            ("time",),
        ),
        Workload(
            "latency",
            f"Latency at {LATENCY_PER_S} records/s, the stateless job",
            paced,
            ("number",),
            ("time_hour",),
            paced=True,
        ),
    )
}

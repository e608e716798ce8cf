"""The workloads in Spark Structured Streaming: pandas functions, and Spark's own windows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn
from pyspark.sql.streaming.state import GroupState, GroupStateTimeout

LATE_MINUTES = 15
LOOKBACK_MICROS = 6 * 3600 * 1_000_000
# How many records a micro-batch takes: large ones are cheaper, and several fit into the time of a run.
BATCH = {"stateless": 100_000, "tumbling": 100_000, "lookback": 20_000, "latency": 100_000}
FLIGHT = (
    "number bigint, year bigint, month bigint, day bigint, dep_time double, sched_dep_time bigint, dep_delay double, "
    "arr_time double, sched_arr_time bigint, arr_delay double, carrier string, flight bigint, tailnum string, "
    "origin string, dest string, air_time double, distance bigint, hour bigint, minute bigint, time_hour string"
)
READING = "sensor string, time timestamp, value double"
# The quick compiler makes a start cheaper (17 seconds of processor time, not 27); the other does more records a second.
JAVA = {"latency": "-XX:TieredStopAtLevel=1"}
SETTINGS = {
    "spark.driver.memory": "2g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def with_speed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Give the flights that flew, with their speed and whether they were late."""
    for flights in batches:
        flown = flights[flights.dep_delay.notna()]
        yield flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > LATE_MINUTES)


def means(key: tuple[str], batches: Iterator[pd.DataFrame], state: GroupState) -> Iterator[pd.DataFrame]:
    """Give a sensor's new readings, each with the mean of its last six hours.

    Those are the state, as float64[n, 2] of microseconds and value: in 4.2.0 a state that has arrays fails.
    """
    new = sorted(pair for batch in batches for pair in zip(batch["micros"], batch["value"], strict=True))
    past = np.frombuffer(state.get[0]).reshape(-1, 2) if state.exists else np.empty((0, 2))
    rows = np.concatenate([past, np.array(new, dtype=float)])
    times, values = rows[:, 0], rows[:, 1]
    begins = np.searchsorted(times, times[len(past) :] - LOOKBACK_MICROS)
    found = [values[begin:end].mean() for begin, end in zip(begins, range(len(past) + 1, len(rows) + 1), strict=True)]
    state.update((rows[begins[-1] :].tobytes(),))
    yield pd.DataFrame({"sensor": key[0], "micros": [at for at, _ in new], "mean": found})


def flights_that_flew(values: DataFrame) -> DataFrame:
    """Return the outputs of the stateless job."""
    rows = values.select(fn.from_json("value", FLIGHT).alias("row")).select("row.*")
    return rows.mapInPandas(with_speed, f"{FLIGHT}, speed double, late boolean")


def minutes(values: DataFrame) -> DataFrame:
    """Return each sensor's closed minutes; the delay is for partitions that are a little behind the others."""
    rows = values.select(fn.from_json("value", READING).alias("row")).select("row.*")
    grouped = rows.withWatermark("time", "2 minutes").groupBy(fn.window("time", "1 minute"), "sensor")
    figures = grouped.agg(
        fn.count("value").alias("readings"), fn.sum("value").alias("total"), fn.max("value").alias("highest")
    )
    return figures.select(fn.col("window.start").alias("window_start"), "sensor", "readings", "total", "highest")


def lookback(values: DataFrame) -> DataFrame:
    """Return each reading's mean of its sensor's last six hours."""
    rows = values.select(fn.from_json("value", READING).alias("row")).select("row.*")
    keyed = rows.select("sensor", fn.unix_micros("time").alias("micros"), "value").groupBy("sensor")
    found = keyed.applyInPandasWithState(
        means,
        "sensor string, micros bigint, mean double",
        "past binary",
        "append",
        GroupStateTimeout.NoTimeout,
    )
    return found.select("sensor", fn.timestamp_micros("micros").alias("time"), "mean")


def main(address: str, name: str, source: str, sink: str, workload: str, _: str, folder: str, jars: str) -> None:
    """Do a workload until the process is ended."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName(name).config("spark.driver.extraClassPath", jars)
    quick = {"spark.driver.extraJavaOptions": JAVA[workload]} if workload in JAVA else {}
    spark = builder.config(map={**SETTINGS, "spark.local.dir": folder, **quick}).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    kafka = {"kafka.bootstrap.servers": address}
    reader = spark.readStream.format("kafka").options(**kafka, subscribe=source, startingOffsets="earliest")
    records = reader.option("maxOffsetsPerTrigger", BATCH[workload]).load()
    values = records.select(records.value.cast("string").alias("value"))
    job = {"tumbling": minutes, "lookback": lookback}.get(workload, flights_that_flew)
    key = "sensor" if workload in {"tumbling", "lookback"} else "tailnum"
    written = fn.to_json(fn.struct("*"), {"ignoreNullFields": "false"})
    outputs = job(values).select(fn.col(key).alias("key"), written.alias("value"))
    writer = outputs.writeStream.format("kafka").options(**kafka, topic=sink, checkpointLocation=f"{folder}/checkpoint")
    producing = {"kafka.compression.type": "lz4", "kafka.linger.ms": "5", "kafka.batch.size": str(512 * 1024)}
    # Spark has it for jobs without state: offsets are logged beside the batches, not between them.
    beside = {"asyncProgressTrackingEnabled": "true"} if workload == "latency" else {}
    writer.options(**producing, **beside).start().awaitTermination()


if __name__ == "__main__":
    main(*sys.argv[1:9])

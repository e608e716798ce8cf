"""The main job: a year of flights through a service that is killed ten times, against plain pandas."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pytest

from headrace.kafka.replay_source import demo_flights
from headrace.spec import ColumnType
from service_process import fill, read_all
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from headrace.kafka.clusters import Cluster
    from service_process import ServiceProcess

KILLS = 10
flights = pd.read_csv(demo_flights())
BODY = """
LATE_MINUTES = 15
flown = df[df.dep_delay.notna()]
return flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > LATE_MINUTES)
"""
TYPES: dict[str, ColumnType] = {
    str(name): "str" if pd.api.types.is_string_dtype(kind) else ("float64" if kind == "float64" else "int64")
    for name, kind in flights.dtypes.items()
} | {"time_hour": "datetime64[us, UTC]"}


def as_records() -> tuple[list[bytes | None], list[bytes | None]]:
    """Return the flights as JSON and their origins as keys."""
    text = io.BytesIO()
    pl.from_pandas(flights).write_ndjson(text)
    keys: list[bytes | None] = [origin.encode() for origin in flights.origin]
    return list(text.getvalue().splitlines()), keys


def expected() -> pd.DataFrame:
    """Return what the cell gives on the whole data set, in plain pandas."""
    df: pd.DataFrame = flights.assign(time_hour=pd.to_datetime(flights.time_hour, utc=True))
    flown = df[df.dep_delay.notna()]
    return flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > 15)


def found(messages: list[Message]) -> pd.DataFrame:
    """Return the outputs as a frame, read by a JSON reader that the service does not use for it."""
    lines = b"\n".join(message.value() or b"" for message in messages)
    frame = pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None).to_pandas()
    return frame.assign(time_hour=pd.to_datetime(frame.time_hour, utc=True, format="%Y-%m-%dT%H:%M:%S.%fZ"))


def in_one_order(frame: pd.DataFrame) -> pd.DataFrame:
    columns = sorted(frame.columns)
    return frame.loc[:, columns].sort_values(columns, ignore_index=True)


@pytest.mark.timeout(300)
def test_a_year_of_flights_equals_pandas_after_ten_kills(
    cluster: Cluster, make_service: Callable[..., ServiceProcess]
) -> None:
    service = make_service(BODY, types=TYPES, arguments=("--max-rate", "30000"), key="origin", time="time_hour")
    values, keys = as_records()
    fill(cluster, service.source, values, keys=keys)
    progress = [0]
    for _ in range(KILLS):
        service.start()
        eventually(lambda: service.progress() > progress[-1], 60, interval=0.02)
        service.kill()
        progress.append(service.progress())
    assert all(earlier < later for earlier, later in itertools.pairwise(progress)), progress
    assert progress[-1] < len(flights)  # all ten hit
    service.arguments = ()
    service.start()
    eventually(lambda: service.progress() > progress[-1], 60, interval=0.02)
    status, seconds = service.terminate()
    assert (status, seconds < 5) == (0, True)
    service.start().caught_up()
    messages = read_all(cluster, service.sink)
    outcome = found(messages)
    wanted = expected()
    assert len(outcome) == len(wanted)
    pd.testing.assert_frame_equal(in_one_order(outcome), in_one_order(wanted), check_dtype=False, check_exact=True)
    assert {m.key() for m in messages} == {origin.encode() for origin in flights.origin.unique()}
    status_now = eventually(lambda: (s := service.status())["lag"] == 0 and s)
    assert (status_now["records_in"], status_now["records_out"], status_now["failed"]) == (
        len(flights),
        len(wanted),
        0,
    )

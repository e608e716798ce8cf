"""Streams over rows in time, drawn at random, and what plain pandas gives for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
from hypothesis import strategies as st

from headrace.engine.result import BatchResult
from headrace.engine.stream import Stream
from headrace.kafka.records import Records
from headrace.spec import ColumnType, StreamDocument, StreamSpec

TYPES: dict[str, ColumnType] = {"k": "str", "t": "datetime64[us, UTC]", "x": "float64", "n": "int64"}
GRACE = 60
START = pd.Timestamp("2026-01-01", tz="UTC")


def rolling_by_key(df: pd.DataFrame) -> pd.DataFrame:
    parts = [
        part.assign(mean=part.rolling("10min", on="t")["x"].mean().to_numpy())
        for _, part in df.groupby("k", dropna=False)
    ]
    return pd.concat(parts).sort_index()


def previous(df: pd.DataFrame) -> pd.DataFrame:
    group = df.groupby("k", dropna=False)
    return df.assign(before=group["x"].shift(1), step=group["n"].diff())


def sessions(df: pd.DataFrame) -> pd.DataFrame:
    gap = df.groupby("k", dropna=False)["t"].diff()
    return df.assign(new=gap.isna() | (gap > pd.Timedelta("5min")))[["k", "t", "n", "new"]]


def first_of_a_while(df: pd.DataFrame) -> pd.DataFrame:
    """Keep rows before which their key had no other of this kind for ten minutes."""
    before = df.t - df.groupby(["k", "n"], dropna=False)["t"].shift(1)
    return df.loc[before.isna() | (before > pd.Timedelta("10min")), ["k", "n"]]


@dataclass(frozen=True)
class Idiom:
    """A function, what it declares, and over which part of the past two of its rows can be compared."""

    function: Callable[[pd.DataFrame], pd.DataFrame]
    lookback: str


SPANS = [Idiom(rolling_by_key, "10min"), Idiom(first_of_a_while, "10min")]
ROWS = [Idiom(previous, "1rows"), Idiom(previous, "3rows"), Idiom(sessions, "1rows")]


def records_of(frame: pd.DataFrame) -> Records:
    """Return the rows as records, offsets counted by partition in the order of the rows."""
    lines = [
        orjson.dumps({"k": k, "t": t.isoformat(), "x": x, "n": n})
        for k, t, x, n in zip(
            frame.k.astype(object).where(frame.k.notna(), None), frame.t, frame.x, frame.n.tolist(), strict=True
        )
    ]
    partitions = frame.partition.to_numpy(np.int32)
    offsets = np.asarray(frame.groupby("partition").cumcount(), np.int64)
    count = len(frame)
    keys: list[bytes | None] = [
        None if k is None else k.encode() for k in frame.k.astype(object).where(frame.k.notna(), None)
    ]
    return Records("in", keys, list(lines), partitions, offsets, np.arange(count, dtype=np.int64), [None] * count)


@st.composite
def arrivals(draw: st.DrawFn, most: int = 60) -> pd.DataFrame:
    """Draw rows in the order in which they arrive, no later than the grace in each partition."""
    count = draw(st.integers(1, most))
    seconds = draw(st.lists(st.integers(0, 240), min_size=count, max_size=count))
    late = draw(st.lists(st.integers(0, GRACE), min_size=count, max_size=count))
    keys = draw(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=count, max_size=count))
    values = draw(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=count, max_size=count))
    numbers = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    clock = np.cumsum(seconds)
    frame = pd.DataFrame(
        {
            "k": pd.array(keys, dtype="str"),
            "t": START + pd.to_timedelta(clock - np.array(late), unit="s"),
            "x": np.array([np.nan if value is None else value for value in values], float),
            "n": np.array(numbers, np.int64),
        }
    )
    frame["t"] = frame.t.dt.as_unit("us")
    places = {"a": 0, "b": 1, "c": 1, "d": 2}
    frame["partition"] = [places.get(key, 0) if key is not None else 0 for key in keys]
    return frame


@st.composite
def batches_of(draw: st.DrawFn, frame: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Draw a way of cutting rows into batches that keeps each partition's order."""
    order = np.arange(len(frame))
    if draw(st.booleans()):
        order = np.concatenate(
            [np.flatnonzero(frame.partition == number) for number in sorted(frame.partition.unique())]
        )
    cuts = draw(st.lists(st.integers(0, len(frame)), max_size=6))
    return [batch for batch in np.split(order, sorted(cuts)) if len(batch)]


def stream_of(function: Callable[..., object], **spec: object) -> Stream:
    declared = {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t", "grace": f"{GRACE}s", **spec}
    return Stream(StreamDocument(spec=StreamSpec.model_validate(declared), input=TYPES), function)


def outputs(result: BatchResult, records: Records) -> pd.DataFrame:
    """Return the outputs by partition and offset, as they were encoded."""
    rows = pd.DataFrame([orjson.loads(value) for value in result.values])
    rows["partition"], rows["offset"] = result.partitions, result.offsets
    return rows.sort_values(["partition", "offset"], kind="stable", ignore_index=True)


def wanted(function: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Return what pandas gives for all rows in event-time order."""
    placed = frame.assign(partition=records.partitions, offset=records.offsets)
    whole = placed.sort_values(["t", "partition", "offset"], kind="stable", ignore_index=True)
    rows = function(whole.drop(columns=["partition", "offset"]))
    rows = rows.assign(partition=whole.partition.loc[rows.index], offset=whole.offset.loc[rows.index])
    if "t" in rows:
        rows["t"] = rows.t.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return rows.sort_values(["partition", "offset"], kind="stable", ignore_index=True)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert len(found) == len(expected)
    if not len(expected):
        return
    found = found.loc[:, list(expected.columns)]
    for name in expected.columns:
        one, other = found[name], expected[name]
        if pd.api.types.is_numeric_dtype(other):
            np.testing.assert_allclose(
                one.astype(float).to_numpy(), other.astype(float).to_numpy(), rtol=1e-9, atol=1e-9, err_msg=name
            )
        else:
            assert one.fillna("").tolist() == other.fillna("").tolist()

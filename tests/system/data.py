"""Records of the system tests, the same for the same seed: keys, event times with ties and disorder, nulls."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

GRACE = pd.Timedelta("2h")
"""How far out of order a record may be; the streams declare the same."""

_TAILS = 4_000
_REGIONS = 40
_START = pd.Timestamp("2024-01-01", tz="UTC")
_SPAN_OF_A_MILLION = pd.Timedelta("365D")
_SHORTEST_SPAN = pd.Timedelta("40D")
_TICK = pd.Timedelta("5min")
_MARK_AFTER = pd.Timedelta("90D")


@dataclass(frozen=True, slots=True)
class Flight:
    """A record as it is produced.

    Attributes:
        key: its key.
        value: JSON.
        partition: where it must go, or -1: the key decides.
    """

    key: bytes
    value: bytes
    partition: int = -1


def flights(count: int, seed: int) -> pd.DataFrame:
    """Return ``count`` rows in the order in which they are sent.

    Columns: ``number`` (int64, from 0), ``tailnum`` (str, 1 % null, a few tails fly much more than others), ``time``
    (UTC, in steps of five minutes, so that one tail has ties; 1 % up to :data:`GRACE` out of order), ``delay``
    (float64, 2.5 % null), ``distance`` (int64).
    """
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, _TAILS + 1) ** 0.6
    tails = np.array([f"N{number:05d}" for number in random.permutation(_TAILS)], dtype=object)
    chosen = tails[random.choice(_TAILS, count, p=weights / weights.sum())]
    chosen[random.random(count) < 0.01] = None
    ticks = int(max(_SPAN_OF_A_MILLION * (count / 1e6), _SHORTEST_SPAN) / _TICK)
    times = _START + pd.to_timedelta(np.sort(random.integers(0, ticks, count)) * int(_TICK.total_seconds()), unit="s")
    early = np.where(random.random(count) < 0.01, random.integers(0, int(GRACE.total_seconds()), count), 0)
    delay = np.round(random.gamma(1.2, 18.0, count) - 6.0, 2)
    delay[random.random(count) < 0.025] = np.nan
    return pd.DataFrame(
        {
            "number": np.arange(count),
            "tailnum": pd.Series(chosen, dtype="str"),
            "time": (times - pd.to_timedelta(early, unit="s")).as_unit("us"),
            "delay": delay,
            "distance": random.integers(80, 5_000, count),
        }
    )


def levels(frame: pd.DataFrame, seed: int) -> list[Flight]:
    """Return the side input's records: a level of each of forty regions every three hours, from the day before on."""
    random = np.random.default_rng([seed, 1])
    first, last = frame.time.min() - pd.Timedelta("1D"), frame.time.max()
    sent = []
    for at in pd.date_range(first.floor("3h"), last.ceil("3h"), freq="3h"):
        text = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for region, level in enumerate(np.round(random.normal(10, 3, _REGIONS), 3).tolist()):
            row = {"region": region, "seen": text, "level": level}
            sent.append(Flight(str(region).encode(), json.dumps(row).encode()))
    return sent


def messages(frame: pd.DataFrame, *, keyed: bool) -> list[Flight]:
    """Return rows as records; keyed by their tail, or by blocks of their numbers, which is no key of any stream."""
    sent = []
    columns = frame.number, frame.tailnum, frame.time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), frame.delay, frame.distance
    for number, tail, time, delay, distance in zip(*(column.tolist() for column in columns), strict=True):
        known = tail if isinstance(tail, str) else None
        row = {
            "number": number,
            "tailnum": known,
            "time": time,
            "delay": None if delay != delay else delay,  # noqa: PLR0124  NaN is not itself
            "distance": distance,
        }
        key = (known or "none") if keyed else str(number // 100)  # an empty key would go anywhere
        sent.append(Flight(key.encode(), json.dumps(row).encode()))
    return sent


def marks(frame: pd.DataFrame, partitions: int) -> list[Flight]:
    """Return one record a partition, numbered from -1 down, so late that every window before it is complete."""
    time = (frame.time.max() + _MARK_AFTER).strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = [
        {"number": -1 - number, "tailnum": f"end-{number}", "time": time, "delay": None, "distance": 0}
        for number in range(partitions)
    ]
    return [Flight(f"end-{p}".encode(), json.dumps(row).encode(), p) for p, row in enumerate(rows)]

"""What people write in pandas, and what each of it declares to be a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from drawn import GRACE, TYPES
from headrace.engine.stream import Stream
from headrace.spec import StreamDocument, StreamSpec

Function = Callable[..., pd.DataFrame]
TEN = pd.Timedelta("10min")


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
    return df.loc[before.isna() | (before > TEN), ["k", "n"]]


def first_of_ten_minutes(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(slot=df.t.dt.floor("10min")).drop_duplicates(["k", "n", "slot"])[["k", "n", "t"]]


def repeated(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(again=df.assign(slot=df.t.dt.floor("10min")).duplicated(["k", "x", "slot"]))


def filled(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(x=df.groupby("k", dropna=False)["x"].ffill(limit=3))


def sum_of_four(df: pd.DataFrame) -> pd.DataFrame:
    total = df.groupby("k", dropna=False)["x"].rolling(4, min_periods=1).sum()
    return df.assign(total=total.droplevel(0).sort_index())


def expanding_in_ten_minutes(df: pd.DataFrame) -> pd.DataFrame:
    groups = df.groupby(["k", df.t.dt.floor("10min")], dropna=False)
    most = groups["n"].expanding().max()
    return df.assign(most=most.droplevel([0, 1]).sort_index(), so_far=groups.cumcount(), total=groups["n"].cumsum())


def rank_in_ten_minutes(df: pd.DataFrame) -> pd.DataFrame:
    parts = [
        part.assign(rank=part.rolling("10min", on="t")["x"].rank().to_numpy())
        for _, part in df.groupby("k", dropna=False)
    ]
    return pd.concat(parts).sort_index()


def rolling_over_all(df: pd.DataFrame) -> pd.DataFrame:
    rolling = df.rolling("10min", on="t")
    return df.assign(mean=rolling["x"].mean().to_numpy(), number=rolling["n"].count().to_numpy())


def change_over_all(df: pd.DataFrame) -> pd.DataFrame:
    return df.assign(before=df.k.shift(2), change=df.n.pct_change(2).where(df.n.shift(2) != 0))


def change_of_level(df: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    """Join the newest level of ten minutes, and compare it with that of the key's row before."""
    level = pd.merge_asof(df, levels, left_on="t", right_on="seen", by="n", tolerance=TEN)["level"]
    found = df.assign(level=level.to_numpy())
    return found.assign(change=found.groupby("k", dropna=False)["level"].diff())


def kept(df: pd.DataFrame) -> pd.DataFrame:
    return df[(df.x > 0) & df.k.notna() | df.n.isin([1, 4])].drop(columns="t")


def renamed(df: pd.DataFrame) -> pd.DataFrame:
    name = df.k.str.upper().str.cat(df.n.astype("str"), sep="-")
    return df.assign(name=name, first=df.k.str.get(0), starts=df.k.str.startswith("a", na=False))


def binned(df: pd.DataFrame) -> pd.DataFrame:
    size = pd.cut(df.x, [-np.inf, -1, 2, np.inf], labels=["small", "middle", "large"])
    return df.assign(size=size.astype("str").where(size.notna()), x=df.x.clip(-2, 2).abs())


def mapped(df: pd.DataFrame) -> pd.DataFrame:
    words = df.n.map({0: "none", 1: "one", 2: "two"}).fillna("many")
    return df.assign(words=words, hour=df.t.dt.hour, day=df.t.dt.day_name(), sign=np.where(df.x < 0, -1, 1))


def exploded(df: pd.DataFrame) -> pd.DataFrame:
    parts = [[f"{key}{part}" for part in range(number % 3)] for key, number in zip(df.k, df.n, strict=True)]
    return df[["n"]].assign(part=pd.Series(parts, df.index, dtype="object")).explode("part").dropna(subset="part")


@dataclass(frozen=True)
class Idiom:
    """A function, and what it declares; over which part of the past two of its rows can be compared."""

    function: Function
    lookback: str | None
    key: str | None = "k"

    def __str__(self) -> str:
        return f"{self.function.__name__}-{self.lookback}"


SPANS = [
    Idiom(rolling_by_key, "10min"),
    Idiom(first_of_a_while, "10min"),
    Idiom(sessions, "5min"),
    Idiom(first_of_ten_minutes, "10min"),
    Idiom(repeated, "10min"),
    Idiom(expanding_in_ten_minutes, "10min"),
    Idiom(rank_in_ten_minutes, "10min"),
]
ROWS = [
    Idiom(previous, "1rows"),
    Idiom(previous, "3rows"),
    Idiom(sessions, "1rows"),
    Idiom(filled, "3rows"),
    Idiom(sum_of_four, "3rows"),
]
KEYLESS = [Idiom(rolling_over_all, "10min", None), Idiom(change_over_all, "2rows", None)]
STATELESS = [Idiom(function, None) for function in (kept, renamed, binned, mapped, exploded)]


def stream_of(function: Callable[..., object], **spec: object) -> Stream:
    declared = {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t", **spec}
    if spec.get("lookback") or spec.get("window"):
        declared = {"grace": f"{GRACE}s", **declared}
    return Stream(StreamDocument(spec=StreamSpec.model_validate(declared), input=TYPES), function)

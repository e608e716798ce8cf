"""Recompute a stream's whole output from its input topic, and say what its output topic has too little or too much.

It shares no code with the engine: pandas and a plain read_committed consumer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its stubs

TOLERANCE = 1e-9
_GRACE = pd.Timedelta("2h")
_READ_SECONDS = 300.0
_SETTLED_SECONDS = 60.0
"""A transaction may take 20 seconds, and a broker looks every 10 for those that took longer."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier found.

    Attributes:
        records: how many records the input topic has.
        expected: how many outputs they must give.
        found: how many outputs are there.
        lost: how many are not there.
        doubled: how many are there too often, each repetition counted.
        foreign: how many are there that nothing in the input gives.
        wrong: how many have a wrong value or key.
        example: the first difference in words, or nothing.
    """

    records: int
    expected: int
    found: int
    lost: int
    doubled: int
    foreign: int
    wrong: int
    example: str = ""

    def holds(self, delivery: str) -> bool:
        """Whether it is what the delivery promises."""
        doubled = self.doubled if delivery == "exactly-once" else 0
        return not (self.lost or doubled or self.foreign or self.wrong)


def verify(address: str, kind: str, source: str, sink: str, side: str | None = None) -> Verdict:
    """Compare the topic ``sink`` with what pandas makes of the whole topic ``source``, and of the side topic."""
    records = read(address, source)
    records["time"] = pd.to_datetime(records.time, utc=True)
    if side is not None:
        records = _with_levels(records, read(address, side))
    expected = _EXPECTED[kind](records).reset_index(drop=True)
    return compare(expected, read(address, sink), IDENTITY[kind], len(records))


def compare(expected: pd.DataFrame, found: pd.DataFrame, identity: list[str], records: int = 0) -> Verdict:
    """Match outputs with those expected by their identity columns, then compare every other column.

    Args:
        expected: one row an output, no two of one identity.
        found: outputs as :func:`read` returns them.
        identity: columns that name an output.
        records: how many records the input has.
    """
    if not len(found):
        found = pd.DataFrame(columns=[*expected.columns, "_key"])
    wanted_names, found_names = _names(expected, identity), _names(found, identity)
    assert wanted_names.is_unique
    unique = ~found_names.duplicated()
    doubled = found_names[~unique]
    foreign = found_names[unique & ~found_names.isin(wanted_names)]
    lost = wanted_names[~wanted_names.isin(found_names)]
    wanted = expected.set_index(wanted_names)
    there = found.set_index(found_names)
    there = there[there.index.isin(wanted.index)]  # repetitions too: each must be right
    wanted = wanted.loc[there.index]
    bad = np.zeros(len(there), bool)
    example = ""
    for column in expected.columns:
        differs = ~_agree(wanted[column], there[column])
        if differs.any() and not example:
            place = int(np.flatnonzero(differs)[0])
            example = (
                f"{there.index[place]}: {column} is {there[column].iloc[place]!r}, not {wanted[column].iloc[place]!r}"
            )
        bad |= differs
    if "tailnum" in expected:
        bad |= ~_agree(wanted.tailnum, there._key)
    for what, which in (("lost", lost), ("doubled", doubled), ("foreign", foreign)):
        example = example or (f"{what}: {which.iloc[0]}" if len(which) else "")
    return Verdict(records, len(expected), len(found), len(lost), len(doubled), len(foreign), int(bad.sum()), example)


def read(address: str, topic: str, *, seconds: float = _READ_SECONDS) -> pd.DataFrame:
    """Return every committed record of a topic: its JSON's columns, ``_key`` (text), ``_partition``, ``_offset``.

    A replica that was told to end in the middle of a transaction leaves it open until its time is up; until then nobody
    reads what comes behind it. So that is waited for.
    """
    _wait_until_settled(address, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "log_level": 0,
            "group.id": "verifier",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    try:
        count = len(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
        waiting, rows, places = set(range(count)), [], []
        deadline = time.monotonic() + seconds
        while waiting:
            assert time.monotonic() < deadline, f"{topic}: partitions {waiting} did not reach their end"
            for message in consumer.consume(20_000, 0.2):
                error = message.error()
                if error is None:
                    key = message.key()
                    rows.append(message.value() or b"null")
                    name = key.decode() if isinstance(key, bytes) else None
                    places.append((name, message.partition(), message.offset()))
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition() or 0)
                elif error.fatal():
                    raise AssertionError(error.str())
    finally:
        consumer.close()
    values = json.loads(b"[" + b",".join(rows) + b"]")
    place = pd.DataFrame(places, columns=["_key", "_partition", "_offset"])
    return pd.concat([pd.DataFrame(values), place], axis=1)


def _wait_until_settled(address: str, topic: str) -> None:
    """Wait until no partition has an open transaction: its last stable offset is its end."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    places = [TopicPartition(topic, number) for number in admin.list_topics(topic, timeout=30).topics[topic].partitions]
    latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its stubs
    asked = dict.fromkeys(places, latest)
    deadline = time.monotonic() + _SETTLED_SECONDS
    while True:
        ends = [
            [answer.result(30).offset for answer in admin.list_offsets(asked, isolation_level=level).values()]
            for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        ]
        if ends[0] == ends[1]:
            return
        assert time.monotonic() < deadline, f"{topic}: a transaction stays open: stable to {ends[0]}, end {ends[1]}"
        time.sleep(0.2)


def _names(frame: pd.DataFrame, identity: list[str]) -> pd.Series[str]:
    """Return each row's name: its identity columns as text, times in one form."""
    name = pd.Series("", index=frame.index)
    for column in identity:
        values = frame[column]
        if column == "window_start":
            values = pd.to_datetime(values, utc=True).dt.strftime("%Y-%m-%dT%H:%M:%S")
        name = name + "|" + values.astype(object).where(values.notna(), "null").astype(str)
    return name


def _agree(one: pd.Series, other: pd.Series) -> npt.NDArray[np.bool_]:
    if isinstance(one.dtype, pd.DatetimeTZDtype):
        times = pd.to_datetime(other, utc=True)
        return np.asarray((one == times) | (one.isna() & times.isna()))
    if pd.api.types.is_numeric_dtype(one.dtype):
        numbers = pd.to_numeric(other, errors="coerce").to_numpy(float)
        close = np.isclose(numbers, one.to_numpy(float), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        return np.asarray(close, np.bool_)
    mine, its = (side.astype(object).where(side.notna(), None).to_numpy() for side in (one, other))
    return np.asarray(mine == its)


def _settled(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records in order, but those whose time the watermark of their partition has not reached."""
    reached = records.groupby("_partition")["time"].transform("max") - _GRACE
    return records[records.time <= reached].sort_values(["time", "_partition", "_offset"], ignore_index=True)


def _stateless(records: pd.DataFrame) -> pd.DataFrame:
    kept = records[records.distance % 10 != 0]
    speed = kept.distance / (kept.delay + 60)
    return kept[["number", "tailnum", "delay", "distance"]].assign(speed=speed.where(np.isfinite(speed)))


def _rolling_mean(records: pd.DataFrame) -> pd.DataFrame:
    rows = _settled(records).sort_values("tailnum", kind="stable", ignore_index=True)
    mean = rows.groupby("tailnum", dropna=False).rolling("28D", on="time")["delay"].mean()
    return rows[["number", "tailnum"]].assign(mean=mean.to_numpy())


def _aggregated(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups = rows.groupby(by, dropna=False, sort=False)
    found = groups.agg(
        window_start=("window_start", "first"),
        first=("number", "first"),
        delay=("delay", "sum"),
        flights=("number", "size"),
        furthest=("distance", "max"),
    )
    return found.reset_index()[["window_start", "tailnum", "first", "delay", "flights", "furthest"]]


def _aligned(size: str, step: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def expected(records: pd.DataFrame) -> pd.DataFrame:
        reached = records.time.max() - _GRACE  # the same in every partition: they end with a mark
        rows = records.sort_values(["time", "_partition", "_offset"], ignore_index=True)
        newest = rows.time.dt.floor(step)
        parts = []
        for back in range(int(pd.Timedelta(size) / pd.Timedelta(step))):
            start = newest - back * pd.Timedelta(step)
            whole = start + pd.Timedelta(size) <= reached
            parts.append(rows.assign(window_start=start, _start=start)[whole])
        joined = pd.concat(parts).sort_values(["time", "_partition", "_offset"], kind="stable")
        return _aggregated(joined, ["_start", "tailnum"])

    return expected


def _sessions(records: pd.DataFrame) -> pd.DataFrame:
    gap = pd.Timedelta("12h")
    rows = _settled(records).sort_values("tailnum", kind="stable", ignore_index=True)
    pause = rows.groupby("tailnum", dropna=False)["time"].diff()
    number = (pause.isna() | (pause > gap)).cumsum()
    rows = rows.assign(number_of_session=number)
    rows["window_start"] = rows.groupby("number_of_session")["time"].transform("first")
    return _aggregated(rows, ["number_of_session", "tailnum"])


def _counts(records: pd.DataFrame) -> pd.DataFrame:
    rows = _settled(records).sort_values("tailnum", kind="stable", ignore_index=True)
    groups = rows.groupby("tailnum", dropna=False)
    rank, size = groups.cumcount(), groups["number"].transform("size")
    rows = rows.assign(hundred=rank // 100)[rank < size // 100 * 100]
    rows["window_start"] = rows.groupby(["tailnum", "hundred"], dropna=False)["time"].transform("first")
    return _aggregated(rows, ["hundred", "tailnum"])


def _with_levels(records: pd.DataFrame, levels: pd.DataFrame) -> pd.DataFrame:
    levels = levels.assign(seen=pd.to_datetime(levels.seen, utc=True))[["region", "seen", "level"]].sort_values("seen")
    return pd.merge_asof(
        records.assign(region=records.distance % 40).sort_values("time", kind="stable"),
        levels,
        left_on="time",
        right_on="seen",
        by="region",
        tolerance=pd.Timedelta("6h"),
    )


def _levels(records: pd.DataFrame) -> pd.DataFrame:
    return records[["number", "tailnum", "seen", "level"]]


def _totals(records: pd.DataFrame) -> pd.DataFrame:
    rows = records.sort_values(["_partition", "_offset"], ignore_index=True)
    groups = rows.tailnum.fillna("?")
    total = rows.delay.astype(float).fillna(0).groupby(groups).cumsum()
    return rows[["number", "tailnum"]].assign(sum=total, rows=groups.groupby(groups).cumcount() + 1)


_EXPECTED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "stateless": _stateless,
    "lookback": _rolling_mean,
    "tumbling": _aligned("6h", "6h"),
    "hopping": _aligned("12h", "4h"),
    "session": _sessions,
    "count": _counts,
    "repartition": _rolling_mean,
    "repartition-window": _aligned("6h", "6h"),
    "state": _totals,
    "side": _levels,
}
IDENTITY = {
    "stateless": ["number"],
    "lookback": ["number"],
    "tumbling": ["window_start", "tailnum"],
    "hopping": ["window_start", "tailnum"],
    "session": ["window_start", "tailnum"],
    "count": ["first"],
    "repartition": ["number"],
    "repartition-window": ["window_start", "tailnum"],
    "state": ["number"],
    "side": ["number"],
}
"""The columns that name an output of a kind."""

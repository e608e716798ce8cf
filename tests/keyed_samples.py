"""Records with keys and times, and cells that look at a key's past."""

from __future__ import annotations

import textwrap

import numpy as np
import orjson
import pandas as pd

from headrace.engine.function import compile_body
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.proof.examine import Examination, examine
from headrace.spec import StreamSpec

ROLLING = """
by_key = df.sort_values("k", kind="stable")
mean = by_key.groupby("k").rolling("6h", on="t")["x"].mean()
by_key.assign(mean=mean.to_numpy()).sort_index()
"""


def sample(count: int = 300, *, apart: str = "20min", late: int = 0, scattered: bool = False) -> Records:
    """Records of five keys, each key in one partition unless ``scattered``; every 17th ``late`` minutes late."""
    random = np.random.default_rng(3)
    keys = [f"k{number}" for number in random.integers(0, 5, count)]
    shift = np.where(np.arange(count) % 17 == 16, late, 0)
    after = pd.Timedelta(apart) * np.arange(count) - pd.to_timedelta(shift, unit="min")
    times = pd.Timestamp("2026-01-01", tz="UTC") + after
    values: list[bytes | None] = [
        orjson.dumps({"k": key, "t": time.isoformat(), "x": float(x)})
        for key, time, x in zip(keys, times, random.integers(0, 100, count), strict=True)
    ]
    partition = np.array([(row if scattered else int(key[1:])) % 3 for row, key in enumerate(keys)], np.int32)
    offsets = np.asarray(pd.Series(partition).groupby(partition).cumcount(), np.int64)
    texts: list[bytes | None] = [key.encode() for key in keys]
    return Records("in", texts, values, partition, offsets, np.arange(count, dtype=np.int64), [None] * count)


def look(body: str, records: Records, **spec: object) -> Examination:
    """A cell with ``--key k --time t`` and what else is declared, examined."""
    declared = StreamSpec.model_validate(
        {"name": "s", "source": "in", "sinks": ("out",), "key": "k", "time": "t", **spec}
    )
    namespace = {"pd": pd, "np": np}
    function = compile_body(textwrap.dedent(body), filename="<cell>", namespace=namespace)
    return examine(declared, function, infer_from_values(records.values), records)

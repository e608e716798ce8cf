"""Records like those of the demo's flights topic, made from a seed."""

from __future__ import annotations

import numpy as np
import orjson

from headrace.engine.context import Function
from headrace.engine.function import compile_body
from headrace.kafka.inference import infer_from_values
from headrace.kafka.records import Records
from headrace.proof.examine import Examination, examine
from headrace.spec import StreamSpec

PRELUDE = """
import numpy as np
import pandas as pd
LATE_MINUTES = 15
AIRPORTS = pd.DataFrame({"dest": ["ATL", "ORD", "LAX", "BOS"], "lat": [33.6, 41.9, 33.9, 42.3]})
CITIES = {"ATL": "Atlanta", "ORD": "Chicago", "LAX": "Los Angeles"}
"""


def flights(count: int = 400, *, partitions: int = 4, seed: int = 7) -> Records:
    """Records of ``count`` flights; about one in fifteen has no departure, arrival and air time."""
    random = np.random.default_rng(seed)
    values: list[bytes | None] = []
    for number in range(count):
        flown = random.random() > 1 / 15
        delay = float(np.round(random.exponential(20) - 8)) if flown else None
        values.append(
            orjson.dumps(
                {
                    "id": number,
                    "carrier": str(random.choice(["AA", "DL", "UA", "B6"])),
                    "origin": str(random.choice(["JFK", "LGA", "EWR"])),
                    "dest": str(random.choice(["ATL", "ORD", "LAX", "BOS", "SFO"])),
                    "dep_delay": delay,
                    "arr_delay": None if delay is None else delay + float(random.integers(-20, 20)),
                    "air_time": float(random.integers(30, 400)) if flown else None,
                    "distance": int(random.integers(100, 2600)),
                    "tags": [str(tag) for tag in random.choice(["a", "b", "c"], size=random.integers(1, 4))],
                    "time_hour": f"2013-01-{1 + number // 60 % 28:02d}T{number % 24:02d}:00:00Z",
                }
            )
        )
    return of_values(values, partitions=partitions, seed=seed)


def of_values(values: list[bytes | None], *, partitions: int = 4, seed: int = 7) -> Records:
    """Records with these values, spread over partitions, in order of arrival."""
    count = len(values)
    partition_of = np.random.default_rng(seed).integers(0, partitions, count).astype(np.int32)
    offsets = np.zeros(count, np.int64)
    for partition in range(partitions):
        mine = partition_of == partition
        offsets[mine] = 1_000 * partition + np.arange(mine.sum())
    keys: list[bytes | None] = [b"%d" % number for number in range(count)]
    timestamps = 1_700_000_000_000 + np.arange(count, dtype=np.int64)
    return Records("flights", keys, values, partition_of, offsets, timestamps, [None] * count)


def function_of(body: str, prelude: str = PRELUDE) -> Function:
    """The function of a cell, its globals as the cells above it leave them."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    exec(prelude, namespace)  # noqa: S102  a notebook's own cells
    return compile_body(body, filename="<cell>", namespace=namespace)


def examined(
    body: str, records: Records | None = None, *, prelude: str = PRELUDE, time: str | None = None
) -> Examination:
    """A cell examined on flights."""
    spec = StreamSpec(name="cell", source="flights", sinks=("out",), time=time)
    sample = flights() if records is None else records
    return examine(spec, function_of(body, prelude), infer_from_values(sample.values), sample)
